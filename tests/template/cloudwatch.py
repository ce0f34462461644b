"""When an alarm rings, as CloudWatch documents it ("Alarm evaluation", "Configuring how alarms treat missing data").

moto keeps alarms and evaluates none. Only what the template uses is here; anything else fails.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from operator import ge, gt, le, lt
from statistics import fmean
from typing import Any

type Series = Mapping[int, Sequence[float]]  # by minute, the values that were put in it
type Point = float | None  # None: missing

MORE_PERIODS = (
    2  # are looked at beyond the evaluation periods, to fill in as few points as can be: 5 for 3, AWS says no more
)

_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Average": fmean,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
    "Sum": sum,
}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": ge,
    "GreaterThanThreshold": gt,
    "LessThanOrEqualToThreshold": le,
    "LessThanThreshold": lt,
}


def times_rung(alarm: dict[str, Any], said: Series, minutes: int) -> int:
    """How often it begins to ring; looked at each minute, at first OK."""
    states = [False]
    for minute in range(1, minutes + 1):
        states.append(rings(alarm, _points(alarm, said, minute), was_ringing=states[-1]))
    return sum(now and not before for before, now in pairwise(states))


def rings(alarm: dict[str, Any], points: Sequence[Point], *, was_ringing: bool) -> bool:
    """The newest real points count, as many as are evaluated; missing ones are filled in where there are too few."""
    evaluated = alarm["EvaluationPeriods"]
    breaches, threshold = _OPERATORS[alarm["ComparisonOperator"]], alarm["Threshold"]
    real = [point for point in points if point is not None][-evaluated:]
    missing, breaching = evaluated - len(real), sum(breaches(point, threshold) for point in real)
    least, most = {
        "breaching": (breaching + missing, breaching + missing),
        "notBreaching": (breaching, breaching),
        "ignore": (breaching, breaching + missing),
    }[alarm["TreatMissingData"]]
    needed = alarm.get("DatapointsToAlarm", evaluated)
    return least >= needed or (most >= needed and was_ringing)


def _points(alarm: dict[str, Any], said: Series, minute: int) -> list[Point]:
    """Of the periods that end with this minute, the newest last."""
    looked_at, function = alarm, ""
    if "Metrics" in alarm:
        expression, query = alarm["Metrics"]
        looked_at, function = query["MetricStat"], expression["Expression"].partition("(")[0]
    statistic = _STATISTICS[looked_at["Statistic" if looked_at is alarm else "Stat"]]
    length, periods = looked_at["Period"] // 60, alarm["EvaluationPeriods"] + MORE_PERIODS
    starts = [minute - length * back for back in range(periods + 1, 0, -1)]
    values = [[value for at in range(start, start + length) for value in said.get(at, ())] for start in starts]
    points = [statistic(of_period) if of_period else None for of_period in values]
    return _FUNCTIONS[function](points)


def _differences(points: Sequence[Point]) -> list[Point]:
    """Each value less the one before it."""
    return [None if before is None or now is None else now - before for before, now in pairwise(points)]


def _themselves(points: Sequence[Point]) -> list[Point]:
    return list(points[1:])


_FUNCTIONS: dict[str, Callable[[Sequence[Point]], list[Point]]] = {"": _themselves, "DIFF": _differences}
