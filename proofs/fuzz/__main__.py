"""`make fuzz`: events that nobody has thought of, for every function and for all that reads a stranger's bytes.

Exit status 0: no surprise. 1: one, with a small event that causes it. 2: wrong usage. 130: interrupted.
"""

import argparse
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Any

from proofs.fuzz.running import TARGETS, Tally, event_of, fuzz_by_name, shown

EXIT_SURPRISED, EXIT_INTERRUPTED = 1, 130
RUNS = 100_000
COLUMNS = "{:<16} {:>8} {:>9} {:>9} {:>11} {:>8}  {}"
HEAD = ("target", "events", "surprises", "a second", "slowest ms", "peak MB", "what became of them")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    names = options.only or list(TARGETS)
    if options.show is not None:
        print(shown(event_of(TARGETS[names[0]], options.seed, options.show)))
        return 0
    print(f"seed {options.seed}, {options.runs} events a target, {options.at_once} targets at a time", flush=True)
    print(COLUMNS.format(*HEAD), flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    surprised = False
    try:
        for tally in _run(names, options):
            _tell(tally)
            surprised |= bool(tally.surprises)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_SURPRISED if surprised else 0


def _run(names: list[str], options: argparse.Namespace) -> Iterator[Tally]:
    """As they end. Each target has a process of its own, so that its peak memory is its own."""
    methods = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.at_once, mp_context=methods, max_tasks_per_child=1) as processes:
        futures: list[Future[Tally]] = [
            processes.submit(fuzz_by_name, name, options.seed, options.runs) for name in names
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():  # a target takes minutes to its own end
                process.terminate()
            processes.shutdown(wait=False, cancel_futures=True)
            raise


def _tell(tally: Tally) -> None:
    print(_line(tally), flush=True)
    for found in tally.surprises.values():
        print(f"\n{tally.target}, {found.times} times: {found.what}")
        print(f"  event {found.number} of seed {tally.seed}: {found.event}\n", flush=True)


def _line(tally: Tally) -> str:
    became = ", ".join(f"{outcome} {count}" for outcome, count in tally.outcomes.most_common(5))
    surprises = sum(found.times for found in tally.surprises.values())
    rate, slowest = f"{tally.events / max(tally.seconds, 0.001):.0f}", f"{tally.slowest_seconds * 1000:.1f}"
    return COLUMNS.format(tally.target, tally.events, surprises, rate, slowest, f"{tally.peak_mb:.0f}", became)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make fuzz")
    parser.add_argument("--runs", type=_count, default=RUNS, help="events a target (RUNS=); default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (SEED=); default %(default)s")
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), help="targets (ONLY=); default all")
    parser.add_argument("--at-once", type=_count, default=os.cpu_count() or 1, help="targets at a time")
    parser.add_argument("--show", type=int, help="print this event of the one target, whole, and take none")
    return parser


def _count(given: Any) -> int:
    if not str(given).isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is no number from 1")
    return int(given)


if __name__ == "__main__":
    sys.exit(main())
