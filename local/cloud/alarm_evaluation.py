"""When an alarm changes its state, as CloudWatch documents it.

AmazonCloudWatch user guide, "Alarm evaluation" and "Configuring how alarms treat missing data". Pure: what was
measured comes by minute. Only what the template uses is here; `alarm_refusal` names anything else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import ge, gt, le, lt
from typing import Any, NamedTuple, Self

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
MORE_PERIODS = 2  # are looked at beyond the evaluation periods, to fill in less: 5 for 3, AWS says no more
MINUTE_SECONDS = 60
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")

type Alarm = Mapping[str, Any]  # as PutMetricAlarm and AWS::CloudWatch::Alarm have it
type Point = float | None  # None: missing


@dataclass(frozen=True, slots=True)
class Samples:
    """Values of one metric, added up."""

    count: float
    total: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, value: float) -> Self:
        return cls(1, value, value, value)


type Series = Mapping[int, Sequence[Samples]]  # by minute, what was put in it


class AlarmQuery(NamedTuple):
    """What an alarm looks at: one metric, and the function over it, which is empty for none."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str
    period_seconds: int
    function: str

    @property
    def minutes(self) -> int:
        return self.period_seconds // MINUTE_SECONDS


@dataclass(frozen=True)
class Evaluation:
    """The state, and what it comes from: `recent` has ages in periods, 0 for the newest, and values, oldest first."""

    state: str
    recent: tuple[tuple[int, float], ...]
    missing: int


@dataclass(frozen=True)
class AlarmClock:
    """Counts minutes, of any length: at 10 s a minute, an alarm rings six times as soon."""

    minute_seconds: float = MINUTE_SECONDS

    def minute(self, at: float) -> int:
        return int(at // self.minute_seconds)

    def begins(self, alarm: Alarm, found: Evaluation, minute: int) -> list[float]:
        """The times at which the periods of `found.recent` begin, for an evaluation in this minute."""
        length = alarm_query(alarm).minutes
        return [(minute - length * (age + 1)) * self.minute_seconds for age, _ in found.recent]


_STATISTICS: dict[str, Callable[[Sequence[Samples]], float]] = {
    "Average": lambda samples: sum(one.total for one in samples) / sum(one.count for one in samples),
    "Maximum": lambda samples: max(one.highest for one in samples),
    "Minimum": lambda samples: min(one.lowest for one in samples),
    "SampleCount": lambda samples: sum(one.count for one in samples),
    "Sum": lambda samples: sum(one.total for one in samples),
}
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": ge,
    "GreaterThanThreshold": gt,
    "LessThanOrEqualToThreshold": le,
    "LessThanThreshold": lt,
}


def _differences(points: Sequence[Point]) -> list[Point]:
    """Each value less the one before it."""
    return [None if before is None or now is None else now - before for before, now in pairwise(points)]


def _themselves(points: Sequence[Point]) -> list[Point]:
    return list(points[1:])


_FUNCTIONS: dict[str, Callable[[Sequence[Point]], list[Point]]] = {"": _themselves, "DIFF": _differences}


def alarm_query(alarm: Alarm) -> AlarmQuery:
    """ValueError for `Metrics` other than one function over one metric."""
    if not alarm.get("Metrics"):
        return _query(alarm, str(alarm.get("Statistic") or "Average"), alarm.get("Period", MINUTE_SECONDS), "")
    looked_at = {one["Id"]: one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one}
    returned = [one for one in alarm["Metrics"] if one.get("ReturnData", True)]
    function, _, operand = str(returned[0].get("Expression", "")).rstrip(")").partition("(")
    if len(returned) != 1 or list(looked_at) != [operand]:
        raise ValueError(f"no function of one metric: {[one.get('Expression', one['Id']) for one in alarm['Metrics']]}")
    found = looked_at[operand]
    return _query(found["Metric"], found["Stat"], found["Period"], function)


def _query(metric: Mapping[str, Any], statistic: str, period: Any, function: str) -> AlarmQuery:
    dimensions = frozenset((one["Name"], one["Value"]) for one in metric.get("Dimensions") or ())
    return AlarmQuery(metric["Namespace"], metric["MetricName"], dimensions, statistic, int(period), function)


def alarm_refusal(alarm: Alarm) -> str | None:
    """What is not evaluated here, though CloudWatch would; None where all is."""
    try:
        query = alarm_query(alarm)
    except (ValueError, KeyError, IndexError) as error:
        return f"an alarm on {error}"
    treated, operator = alarm.get("TreatMissingData", "missing"), alarm.get("ComparisonOperator")
    statistic, period = alarm.get("ExtendedStatistic") or query.statistic, query.period_seconds
    known = {
        f"statistic {statistic}": statistic in _STATISTICS,
        f"function {query.function}": query.function in _FUNCTIONS,
        f"a period of {period} s": period >= MINUTE_SECONDS and period % MINUTE_SECONDS == 0,
        f"operator {operator}": operator in _OPERATORS,
        f"unit {alarm.get('Unit')}": not alarm.get("Unit"),
        f"threshold {alarm.get('Threshold')}": alarm.get("Threshold") is not None
        and not alarm.get("ThresholdMetricId"),
        "DatapointsToAlarm above EvaluationPeriods": _points_needed(alarm) <= int(alarm.get("EvaluationPeriods") or 0),
        f"TreatMissingData {treated}": treated in TREATMENTS,
    }
    return next((name for name, is_known in known.items() if not is_known), None)


def _points_needed(alarm: Alarm) -> int:
    return int(alarm.get("DatapointsToAlarm") or alarm.get("EvaluationPeriods") or 1)


def minutes_looked_at(alarm: Alarm) -> int:
    """How far back `alarm_points` reads; one period more than it evaluates, for a difference."""
    return alarm_query(alarm).minutes * (int(alarm["EvaluationPeriods"]) + MORE_PERIODS + 1)


def alarm_points(alarm: Alarm, said: Series, minute: int) -> list[Point]:
    """Of the periods before this minute, the newest last. Periods slide: they end with a minute, not with an hour."""
    query = alarm_query(alarm)
    starts = range(minute - minutes_looked_at(alarm), minute, query.minutes)
    samples = [[one for at in range(start, start + query.minutes) for one in said.get(at, ())] for start in starts]
    return _FUNCTIONS[query.function]([_STATISTICS[query.statistic](one) if one else None for one in samples])


def evaluate_alarm(alarm: Alarm, points: Sequence[Point], before: str) -> Evaluation:
    """The newest real points count, as many as are evaluated; missing ones are filled in where there are too few."""
    wanted = alarm["EvaluationPeriods"]
    newest_first = [(age, point) for age, point in enumerate(reversed(points)) if point is not None][:wanted]
    recent = tuple(reversed(newest_first))
    return Evaluation(_state(alarm, recent, wanted - len(recent), before), recent, wanted - len(recent))


def _state(alarm: Alarm, recent: Sequence[tuple[int, float]], missing: int, before: str) -> str:
    treated = alarm.get("TreatMissingData") or "missing"
    needed = _points_needed(alarm)
    breaches = [_OPERATORS[alarm["ComparisonOperator"]](value, alarm["Threshold"]) for _, value in recent]
    if sum(breaches) + (missing if treated == "breaching" else 0) >= needed:
        return ALARM
    if not missing or treated in {"breaching", "notBreaching"}:
        return OK
    if not recent:
        return before if treated == "ignore" else INSUFFICIENT_DATA
    if all(breaches) and recent[0][0] + 1 >= needed:  # "premature": nothing speaks against it any more
        return before if treated == "ignore" else ALARM
    return OK
