"""Behind `make fault-matrix`: every cell, with default settings, to docs/fault-matrix.md; 1 on a surprise."""

import logging
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kms_failover.domain.data_keys.settings import Settings
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving
from proofs.fault_matrix.faults import FAULTS, Fault
from proofs.fault_matrix.matrix import OPERATIONS, PLACES, REGIONS, Kms, Outcome, expected, run

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs" / "fault-matrix.md"
AT_ONCE = 2  # cells; more would measure each other
SLACK_SECONDS = 1.0  # of the deadline, for a busy machine

HEAD = f"""# The fault matrix

Written by `make fault-matrix`; `make test` holds every outcome. A key set of three regions
({", ".join(REGIONS)}), a cold client with the default [settings](data-plane.md), the fault in the first, the
last or every region, on real sockets. Each cell: outcome, milliseconds of the slowest request (the client's set-up left
out), calls that left the process for each of the regions in order. *-n* means that n regions lack a wrap: debt.
`rewrap` starts from a bundle that lacks the second region.

| fault | operation | first | last | every |
|---|---|---|---|---|
"""


def main() -> int:
    logging.disable(logging.WARNING)  # what the regions' faults are called is in the table
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "local.strict_kms", "--port", str(port)]
    surprises = []
    with (
        serving(command, port, folder=REPOSITORY),
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        kms = Kms(f"http://{LOOPBACK}:{port}")
        cells = [(fault, operation, place) for fault in FAULTS for operation in OPERATIONS for place in PLACES]
        outcomes: dict[tuple[str, str, str], Outcome] = {}
        running = [threads.submit(run, kms, *cell, Path(folder), Settings()) for cell in cells]
        for number, (cell, future) in enumerate(zip(cells, running, strict=True), 1):
            fault, operation, place = cell
            outcomes[fault.name, operation, place] = outcome = future.result()
            if sys.stdout.isatty() or number == len(cells):
                print(f"\r{number} of {len(cells)} cells", end="", flush=True)
            if surprise := surprise_of(outcome, *cell):
                surprises.append(f"{fault.name}, {operation}, {place}: {surprise}")
    print()
    rows = [_row(outcomes, fault, operation) for fault in FAULTS for operation in OPERATIONS]
    DOCUMENT.write_text(HEAD + "".join(rows))
    for surprise in surprises:
        print(f"SURPRISE: {surprise}")
    print(f"{DOCUMENT.relative_to(REPOSITORY)} written, {len(surprises)} surprises in {len(cells)} cells")
    return int(bool(surprises))


def surprise_of(outcome: Outcome, fault: Fault, operation: str, place: str) -> str:
    """In words, or nothing."""
    succeeds, _ = expected(fault, operation, place)
    if outcome.seconds > Settings().deadline_seconds + SLACK_SECONDS:
        return f"{outcome.seconds:.1f} s, past the deadline"
    if succeeds and outcome.error:
        return f"{outcome.error} where one region is usable"
    if not succeeds and outcome.error not in fault.raises:
        return f"{outcome.error or 'success'} where {' or '.join(fault.raises)} was expected"
    return ""


def _row(outcomes: dict[tuple[str, str, str], Outcome], fault: Fault, operation: str) -> str:
    cells = " | ".join(_cell(outcomes[fault.name, operation, place]) for place in PLACES)
    return f"| {fault.name} | {operation} | {cells} |\n"


def _cell(outcome: Outcome) -> str:
    said = f"`{outcome.error}`" if outcome.error else "ok" + (f" -{len(outcome.missing)}" if outcome.missing else "")
    requests = f" ({outcome.requests} requests)" if outcome.requests > 1 else ""
    calls = "+".join(str(outcome.calls.get(name, 0)) for name in REGIONS)
    return f"{said}, {1000 * outcome.seconds:.0f} ms, {calls}{requests}"


if __name__ == "__main__":
    sys.exit(main())
