"""What alarms are shown: samples of an hour and more, and how often an alarm has to begin to ring in each.

Where the code says nothing, or a service of AWS does not, that is a sample too; the second fault is one in most.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from local.cloud.alarm_evaluation import ALARM, OK, Samples, alarm_points, evaluate_alarm

type Values = Mapping[int, Sequence[float]]  # by minute, what is put in it

HOUR = 60
LONG = 8 * HOUR  # longer than any alarm looks back
SILENCE = "silence"


@dataclass(frozen=True)
class Sample:
    what: str
    said: Values
    rings: int
    minutes: int = 2 * HOUR


def wrong_ringing(alarm: dict[str, Any], samples: Iterable[Sample]) -> Iterator[str]:
    for sample in samples:
        times = times_rung(alarm, sample.said, sample.minutes)
        if times != sample.rings:
            yield f"{alarm['AlarmName']} rings {times} times, not {sample.rings}: {sample.what}"


def times_rung(alarm: dict[str, Any], said: Values, minutes: int) -> int:
    """How often it begins to ring; looked at each minute, at first OK."""
    series = {minute: [Samples.of(value) for value in values] for minute, values in said.items()}
    states = [OK]
    for minute in range(1, minutes + 1):
        states.append(evaluate_alarm(alarm, alarm_points(alarm, series, minute), states[-1]).state)
    return sum(now == ALARM != before for before, now in pairwise(states))


def missing_samples(name: str, samples: Iterable[Sample]) -> Iterator[str]:
    """Of every alarm there is one that rings, one that does not, and silence."""
    shown = list(samples)
    if not any(sample.rings for sample in shown) or all(sample.rings for sample in shown):
        yield f"{name} has no sample that rings, or none that does not"
    if not any(sample.what == SILENCE for sample in shown):
        yield f"{name} has no sample of silence"


def steady(value: float, minutes: int = 2 * HOUR, every: int = 1) -> dict[int, list[float]]:
    return {minute: [value] for minute in range(0, minutes, every)}


def during(value: float, *spells: tuple[int, int], every: int = 1) -> dict[int, list[float]]:
    """From the first minute of each spell until its last one."""
    return {minute: [value] for begin, end in spells for minute in range(begin, end, every)}


def of_rounds(fails: float, well: float) -> Iterator[Sample]:
    """Several a minute. Half of them may not fail; who is silent may be what fails."""
    yield Sample("all are well", steady(well), 0)
    yield Sample("every third round fails", {m: [fails, well, well] for m in range(HOUR)}, 0, HOUR)
    yield Sample("half of them fail", {m: [fails, well] for m in range(HOUR)}, 1, HOUR)
    yield Sample("one minute of faults", steady(well) | during(fails, (30, 31)), 0)
    yield Sample("two spells of faults", steady(well) | during(fails, (30, 40), (70, 80)), 2)
    yield Sample(SILENCE, steady(well, 30), 1)


def of_runs(lost: float, well: float) -> Iterator[Sample]:
    """One a minute and more: what is woken beside the schedule says the same metric."""
    yield Sample("all are well", steady(well), 0)
    yield Sample("one minute", steady(well) | during(lost, (30, 31)), 0)
    yield Sample("two spells", steady(well) | during(lost, (30, 40), (70, 80)), 2)
    yield Sample("lost at the end of each minute", {m: [well, lost] for m in range(HOUR)}, 1, HOUR)
    yield Sample(SILENCE, steady(well, 30), 1)


def of_counts(one: float) -> Iterator[Sample]:
    """Said when it happens, and by some services as 0 when not; each time anew after a while without."""
    yield Sample(SILENCE, {}, 0)
    yield Sample("none", steady(0), 0)
    yield Sample("one, out of silence", {30: [one]}, 1)
    yield Sample("a second one", steady(0) | {30: [one], 60: [one]}, 2)
    yield Sample("a second one, out of silence", {30: [one], 60: [one]}, 2)
    yield Sample("one beside others", steady(0) | {30: [0, one]}, 1)


def of_waiting() -> Iterator[Sample]:
    """In a queue that nobody empties by himself."""
    yield Sample(SILENCE, {}, 0)
    yield Sample("none", steady(0), 0)
    yield Sample("one that stays", steady(0) | during(1, (30, 120)), 1)
    yield Sample("a second one beside it: another alarm's", steady(0) | during(1, (30, 60)) | during(2, (60, 120)), 1)
    yield Sample("one after it was emptied", steady(0) | during(1, (30, 60), (90, 100)), 2)
    yield Sample("one for a moment", steady(0) | {30: [0, 1]}, 1)
    yield Sample("a second one after silence", during(1, (30, 40), (80, 90)), 2)


def of_more_waiting() -> Iterator[Sample]:
    yield Sample(SILENCE, {}, 0)
    yield Sample("none", steady(0), 0)
    yield Sample("some that stay", steady(3), 0)
    yield Sample("a second one beside the first", steady(0) | during(1, (30, 60)) | during(2, (60, 120)), 2)
    yield Sample("they are redriven", steady(3) | during(0, (30, 120)), 0)
    yield Sample("one for a moment", steady(1) | {30: [1, 2]}, 1)
    yield Sample("a second one after silence", {30: [1], 31: [2], 80: [2], 81: [3]}, 2)


def of_age(most_seconds: float) -> Iterator[Sample]:
    yield Sample(SILENCE, {}, 0)
    yield Sample("nothing waits", steady(0), 0)
    yield Sample("some wait not so long", steady(most_seconds - 60), 0)
    too_old = {30: [most_seconds - 60], 31: [most_seconds], 32: [most_seconds + 60]}
    yield Sample("one is taken when it has waited too long", steady(0) | too_old, 1)
    yield Sample("two spells", steady(0) | during(most_seconds + 60, (30, 40), (70, 80)), 2)
    yield Sample("a second one after silence", during(most_seconds + 60, (30, 40), (80, 90)), 2)


def of_sweeps(overdue: float, well: float) -> Iterator[Sample]:
    """One a minute; among very many debts each reads others."""
    yield Sample("none is overdue", steady(well), 0)
    yield Sample("every fifth run finds one", steady(well) | during(overdue, (30, 60), every=5), 1)
    yield Sample("two spells", steady(well) | during(overdue, (30, 40), (70, 80)), 2)
    yield Sample("a run by hand finds none beside it", {m: [well, overdue] for m in range(HOUR)}, 1, HOUR)
    yield Sample("three runs are left out", steady(well) | {m: [] for m in (30, 31, 32)}, 0)
    yield Sample(SILENCE, steady(well, 30), 1)


def of_keys(at_risk: float, kept: float) -> Iterator[Sample]:
    """Every 15 minutes: what was said stands until the next run. That there is none, the next alarm says."""
    yield Sample("all are kept", steady(kept, every=15), 0)
    yield Sample("one from some time on", steady(kept, HOUR, every=15) | during(at_risk, (HOUR, 3 * HOUR), every=15), 1)
    twice = during(at_risk, (30, 60), (90, 120), every=15)
    yield Sample("a second one when the first is mended", steady(kept, every=15) | twice, 2)
    yield Sample("two runs in one minute", steady(kept, every=15) | {30: [kept, at_risk]}, 1)
    yield Sample(SILENCE, steady(kept, 30), 0)


def of_looks(one: float) -> Iterator[Sample]:
    """Every 15 minutes. Until the last real hour is out of what CloudWatch looks at, it does not ring."""
    yield Sample("each run", steady(one, LONG, every=15), 0, LONG)
    yield Sample("two runs are left out", steady(one, HOUR, every=15) | during(one, (105, LONG), every=15), 0, LONG)
    yield Sample(SILENCE, steady(one, HOUR, every=15), 1, LONG)
    again = steady(one, HOUR, every=15) | during(one, (6 * HOUR, 7 * HOUR), every=15)
    yield Sample("a second time", again, 2, 2 * LONG)
