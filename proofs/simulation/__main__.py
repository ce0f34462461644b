"""`make simulate`: many seeded schedules in virtual time, every invariant checked at each write.

Exit status 0: every invariant held. 1: one did not, and the last lines say how to see it again. 2: wrong usage, and
what make has for each that is not 0. 130: interrupted, with what there was until then.
"""

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kms_failover.domain.routing.judgement import Judgement
from proofs.simulation.report import page
from proofs.simulation.schedule import Schedule
from proofs.simulation.violation import Violation
from proofs.simulation.world import Observer

DOCS = Path(__file__).parents[2] / "docs" / "simulation.md"

EXIT_VIOLATED, EXIT_INTERRUPTED = 1, 130
CHUNK = 50  # seeds a worker takes at a time: less than a second
SHOWN_SEEDS = 10
PROGRESS_SECONDS = 2.0 if sys.stderr.isatty() else 30.0


@dataclass
class Tally:
    """What some schedules came to."""

    runs: int = 0
    moves: int = 0
    changes: int = 0
    simulated_hours: float = 0.0
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.runs += other.runs
        self.moves += other.moves
        self.changes += other.changes
        self.simulated_hours += other.simulated_hours
        self.violations += other.violations


def simulate(seeds: Sequence[int]) -> Tally:
    tally = Tally()
    gc.freeze()  # what was imported lives on: there is no use in looking through it again and again
    gc.disable()  # nor through worlds that are still in use: they are collected together, below
    for seed in seeds:
        schedule = Schedule(seed)
        try:
            schedule.run()
        except Violation as violation:
            tally.violations.append((seed, str(violation)))
        except Exception as error:  # noqa: BLE001  # a defect is told with its seed, and the others have their turn
            tally.violations.append((seed, f"error: {error!r}"))
        tally.runs += 1
        tally.moves += schedule.world.checks.moves
        tally.changes += schedule.world.checks.changes
        tally.simulated_hours += schedule.world.seconds / 3600
    gc.enable()
    gc.collect()
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.replay is not None:
        return replay(options.replay)
    started = time.monotonic()
    tally = Tally()
    complete = _run(options, tally, started)
    _clear_progress()
    seconds = time.monotonic() - started
    figures = _figures(tally, options, seconds)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    if options.docs and complete:
        DOCS.write_text(page(figures), "utf-8")
    for seed, what in tally.violations[:SHOWN_SEEDS]:
        print(f"seed {seed}: {what}; see it again with make simulate REPLAY={seed}")
    moved = f"{tally.changes} route changes, {tally.moves} of them to another region"
    print(f"{moved}, in {tally.simulated_hours:.0f} simulated hours; {tally.runs / seconds * 60:.0f} runs a minute")
    last = options.seed + tally.runs - 1
    print(f"simulate: {tally.runs} runs, seeds {options.seed} to {last}, {len(tally.violations)} violations")
    if not complete:
        print(f"simulate: interrupted after {tally.runs} of {options.runs} runs", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_VIOLATED if tally.violations else 0


def _run(options: argparse.Namespace, tally: Tally, started: float) -> bool:
    """Adds to `tally`, in the order of the seeds; False where somebody ended it before its end."""
    shown = started
    with ProcessPoolExecutor(options.jobs, initializer=_leave_interrupts_to_the_parent) as pool:
        try:
            for part in pool.map(simulate, _chunks(options.seed, options.runs)):
                tally.add(part)
                for seed, what in part.violations:
                    _clear_progress()
                    print(f"seed {seed}: {what}", file=sys.stderr, flush=True)
                if time.monotonic() - shown >= PROGRESS_SECONDS:
                    shown = time.monotonic()
                    _progress(tally, options.runs, shown - started)
        except KeyboardInterrupt:
            pool.shutdown(wait=True, cancel_futures=True)
            return False
    return True


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def replay(seed: int) -> int:
    """One schedule, with everything that happens in it."""
    schedule = Schedule(seed)
    schedule.world.watch = lambda observer, before, after: _tell(schedule, observer, before, after)
    try:
        schedule.run()
    except Violation as violation:
        found = str(violation)
    except Exception as error:  # noqa: BLE001  # as the run tells it; what happened before is printed
        found = f"error: {error!r}"
    else:
        found = ""
    key_set = schedule.world.key_set
    print(f"{', '.join(key_set.regions)}; failback {key_set.failback}")
    print(*(f"  {name} {value}" for name, value in key_set.rules), sep="\n")
    print(*schedule.diary, sep="\n")
    print(f"simulate: seed {seed}, {found or 'no violation'}")
    return EXIT_VIOLATED if found else 0


def _tell(schedule: Schedule, observer: Observer, before: Judgement | None, after: Judgement) -> None:
    """What a write changes of verdicts and route."""
    known = before.health if before else {}
    for health in after.verdicts:
        was = known.get(health.region)
        if was is None or (was.verdict, was.key_usable) != (health.verdict, health.key_usable):
            schedule.note(f"    {observer.region} sees {health.region}: {health.in_words()}")
    if before is None or before.route.epoch != after.route.epoch:
        route = after.route
        schedule.note(f"    {observer.region} routes to {' > '.join(route.regions)}: {route.reason}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make simulate", description=__doc__)
    parser.add_argument("--runs", type=_positive, default=10_000, help="how many schedules (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; each next one's is one more")
    parser.add_argument("--jobs", type=_positive, default=os.process_cpu_count() or 1, help="processes at a time")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one schedule and print what happens in it")
    parser.add_argument("--docs", action="store_true", help="write docs/simulation.md")
    parser.add_argument("--json", type=_writable, metavar="FILE", help="write the figures to this file as well")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _writable(text: str) -> Path:
    """Said before hours of work, not after them."""
    file = Path(text)
    if not file.parent.is_dir() or file.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file in a folder that there is")
    return file


def _chunks(first: int, runs: int) -> Iterator[range]:
    end = first + runs
    return (range(start, min(start + CHUNK, end)) for start in range(first, end, CHUNK))


def _figures(tally: Tally, options: argparse.Namespace, seconds: float) -> dict[str, object]:
    return {
        "runs": tally.runs,
        "first_seed": options.seed,
        "violations": len(tally.violations),
        "violated_seeds": [seed for seed, _ in tally.violations],
        "route_changes": tally.changes,
        "moves": tally.moves,
        "simulated_hours": round(tally.simulated_hours),
        "runs_a_minute": round(tally.runs / seconds * 60),
        "jobs": options.jobs,
    }


def _progress(tally: Tally, runs: int, seconds: float) -> None:
    left = (runs - tally.runs) * seconds / max(tally.runs, 1)
    end = "\r" if sys.stderr.isatty() else "\n"
    text = f"  {tally.runs}/{runs} schedules, {len(tally.violations)} violations, about {left:.0f} s left "
    print(text, end=end, file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r" + " " * 79 + "\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
