"""Every cell of the fault matrix: success where one region is usable, else the right exception; no needless failover.

How long each takes is in docs/fault-matrix.md, which `make fault-matrix` writes.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kms_failover.domain.data_keys.settings import Settings
from proofs.fault_matrix.faults import FAULTS, MALFORMED, Fault, Meaning
from proofs.fault_matrix.matrix import FIRST, OPERATIONS, PLACES, Kms, Outcome, error_of_boto3, expected, run

AT_ONCE = 6  # cells; they wait more than they work
# Where a region answers, if badly, a slow machine must not look like a silent region
PATIENT = Settings(first_hedge_delay_seconds=5.0, max_hedge_delay_seconds=5.0, wrap_deadline_seconds=5.0)
# And where one is silent, another that is only slow must not look like it: every time-out well above a machine's stalls
WAITING = Settings(
    connect_timeout_seconds=3.0,
    read_timeout_seconds=4.0,
    first_hedge_delay_seconds=1.0,
    min_hedge_delay_seconds=1.0,
    max_hedge_delay_seconds=1.0,
    wrap_deadline_seconds=6.0,
    deadline_seconds=20.0,
)
# Where all come and go together, the time-outs are the ordinary ones, and a turn that falls into silence has another
FLAPPING = Settings(region_attempts=3, wrap_deadline_seconds=4.0, deadline_seconds=20.0)
SILENT = {"connect silence", "read silence", "2 s slowness", "flapping every 3 s"}
CELLS = [(fault, operation, place) for fault in FAULTS for operation in OPERATIONS for place in PLACES]

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("real time")]

type Cells = dict[tuple[str, str, str], Future[Outcome]]


def settings_for(fault: Fault, place: str) -> Settings:
    if fault.name == "flapping every 3 s" and place == "every":
        return FLAPPING
    return WAITING if fault.name in SILENT else PATIENT


@pytest.fixture(scope="module")
def cells(kms: Kms, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    """All at work from the first on: one after the other they would wait for minutes."""
    folder = tmp_path_factory.mktemp("certificates")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {
            (fault.name, operation, place): threads.submit(
                run, kms, fault, operation, place, folder, settings_for(fault, place)
            )
            for fault, operation, place in CELLS
        }
        threads.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("fault", "operation", "place"), CELLS, ids=lambda value: getattr(value, "name", value))
def test_the_matrix_has_no_surprise(cells: Cells, fault: Fault, operation: str, place: str) -> None:
    succeeds, may_lack = expected(fault, operation, place)

    outcome = cells[fault.name, operation, place].result()

    settings = settings_for(fault, place)
    if succeeds:
        assert outcome.error == ""
        assert set(outcome.missing) <= set(may_lack)
    else:
        assert outcome.error in fault.raises
    # A promise, not a measurement: a machine that is a deadline late has other worries
    assert outcome.seconds <= 2 * (settings.deadline_seconds + settings.wrap_deadline_seconds)
    if not succeeds and fault.meaning is Meaning.CALLER:
        assert outcome.calls == {FIRST: 1}
    if not succeeds and fault.meaning is Meaning.THROTTLE:
        assert outcome.calls == {FIRST: settings.throttle_attempts}


WIRE = {"generate": "GenerateDataKey", "encrypt": "Encrypt", "decrypt": "Decrypt"}
# boto3 takes nonsense for an answer, and what is slow is no error to it
COMPARABLE = [
    (fault, operation)
    for fault in FAULTS
    for operation, wire in WIRE.items()
    if fault.breaks(wire) and fault.meaning is not Meaning.NONE and fault.raises != MALFORMED
]


@pytest.mark.parametrize(("fault", "operation"), COMPARABLE, ids=lambda value: getattr(value, "name", value))
def test_what_is_raised_is_what_boto3_raises(kms: Kms, tmp_path: Path, fault: Fault, operation: str) -> None:
    assert error_of_boto3(kms, fault, operation, tmp_path) in fault.raises
