"""One target's events, one after the other: counted, timed, and what surprises made as small as it can be."""

import gc
import json
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from proofs.fuzz.data_keys import DATA_KEYS
from proofs.fuzz.functions import FUNCTIONS
from proofs.fuzz.mutation import smaller
from proofs.fuzz.parsers import PARSERS
from proofs.fuzz.rewraps import REWRAPS
from proofs.fuzz.surprise import Surprise, expect_sendable_error
from proofs.fuzz.target import Target, watched_lines

TARGETS = {target.name: target for target in (*FUNCTIONS, *REWRAPS, DATA_KEYS, *PARSERS)}
EVENTS_A_WORLD = 200  # a world grows with what is stored in it
SHRINKS = 400  # tries to make a surprising event smaller
MOST_KINDS = 20  # of surprises, of one target; further ones are counted only
PROGRESS_SECONDS = 2.0 if sys.stderr.isatty() else 30.0
SHOWN = 1500  # characters of a reproducer


@dataclass
class SurpriseCount:
    """One kind of surprise: its text, how often, and the first event that caused it."""

    what: str
    number: int
    event: str
    times: int = 1


@dataclass
class Tally:
    target: str
    seed: int
    events: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    slowest_number: int = 0
    peak_mb: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    surprises: dict[str, SurpriseCount] = field(default_factory=dict)


def event_of(target: Target, seed: int, number: int) -> Any:
    return target.event(Random(f"{seed} {target.name} {number}"))  # noqa: S311  # to be drawn again


def fuzz_by_name(name: str, seed: int, runs: int) -> Tally:
    """In a process of its own, which tells on standard error how far it is."""
    target, told = TARGETS[name], time.monotonic()
    events = max(1, int(runs * target.share))

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"{name}: {done} of {events}", file=sys.stderr, flush=True)

    return fuzz(target, seed, events, tell)


def fuzz(target: Target, seed: int, runs: int, tell: Callable[[int], None] = lambda _done: None) -> Tally:
    """`tell` hears after each world how many events are done."""
    tally, begun = Tally(target.name, seed), time.monotonic()
    gc.freeze()  # what was imported lives on: looking through it after each world took a third of the time
    for first in range(0, runs, EVENTS_A_WORLD):
        _world(target, tally, range(first, min(first + EVENTS_A_WORLD, runs)))
        gc.collect()
        tell(tally.events)
    tally.seconds = time.monotonic() - begun
    tally.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return tally


def _world(target: Target, tally: Tally, numbers: range) -> None:
    try:
        with watched_lines(), target.world() as take:
            for number in numbers:
                event = event_of(target, tally.seed, number)
                started = time.perf_counter()
                outcome, surprise = _taken(target, take, event)
                took = time.perf_counter() - started
                if took > tally.slowest_seconds:
                    tally.slowest_seconds, tally.slowest_number = took, number
                tally.events += 1
                tally.outcomes[outcome] += 1
                if surprise:
                    _note(target, tally, surprise, number, event)
    except Surprise as error:  # of the world as a whole
        _note(target, tally, str(error), numbers[0], None)


def _taken(target: Target, take: Callable[[Any], object], event: Any) -> tuple[str, str]:
    """What became of it in a word, and the surprise, if it is one."""
    try:
        return str(take(event)), ""
    except Surprise as error:
        return "a surprise", f"{error} {_where(error)}"
    except Exception as error:  # noqa: BLE001  # that is what is looked for
        try:
            expect_sendable_error(error)
        except Surprise as unsendable:
            return "a surprise", str(unsendable)
        if target.allows(error):
            return type(error).__name__, ""
        return "a surprise", f"{_named(error)} {_where(error)}"


def _named(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return f"a group of {sorted({_named(one) for one in error.exceptions})}"
    return type(error).__name__


def _where(error: BaseException) -> str:
    """The last line of the project's own, so that one mistake is told once."""
    if isinstance(error, BaseExceptionGroup):
        return _where(error.exceptions[0])
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "kms_failover" in frame.filename]
    if not frames:
        return ""
    return f"at {frames[-1].filename.rpartition('kms_failover/')[2]}:{frames[-1].lineno}"


def _note(target: Target, tally: Tally, surprise: str, number: int, event: Any) -> None:
    if surprise in tally.surprises:
        tally.surprises[surprise].times += 1
    elif len(tally.surprises) < MOST_KINDS:
        smallest = shown(shrunk(target, surprise, event)) if event is not None else "(of a world)"
        tally.surprises[surprise] = SurpriseCount(surprise, number, smallest)
    else:
        tally.surprises.setdefault("others", SurpriseCount("others", number, "")).times += 1


def shrunk(target: Target, surprise: str, event: Any) -> Any:
    """The smallest event found that still surprises in the same way, in a world of its own; else the event itself."""
    with watched_lines(), target.world() as take:
        tries = 0
        shrinking = True
        while shrinking:
            shrinking = False
            for candidate in smaller(event):
                tries += 1
                if tries > SHRINKS:
                    return event
                if _taken(target, take, candidate)[1] == surprise:
                    event, shrinking = candidate, True
                    break
    return event


def shown(event: Any) -> str:
    try:
        text = repr(event) if isinstance(event, bytes) else json.dumps(event)
    except (TypeError, ValueError, RecursionError):
        text = "(nested too deep to be shown)"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
