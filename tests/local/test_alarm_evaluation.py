"""An alarm's state, by CloudWatch's own tables; and what is refused because it would be evaluated wrongly here."""

from typing import Any

import pytest

from local.cloud.alarm_evaluation import (
    ALARM,
    INSUFFICIENT_DATA,
    OK,
    Samples,
    alarm_points,
    alarm_query,
    alarm_refusal,
    evaluate_alarm,
)

RETAINED = "as it was"
COUNT: dict[str, Any] = {
    "Namespace": "shop",
    "MetricName": "Faults",
    "Dimensions": [{"Name": "Region", "Value": "us-east-1"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
}
GROWTH: dict[str, Any] = {name: COUNT[name] for name in ("EvaluationPeriods", "Threshold", "ComparisonOperator")} | {
    "Metrics": [
        {"Id": "grown", "Expression": "DIFF(waiting)", "ReturnData": True},
        {
            "Id": "waiting",
            "MetricStat": {"Metric": {"Namespace": "shop", "MetricName": "Waiting"}, "Stat": "Maximum", "Period": 60},
            "ReturnData": False,
        },
    ]
}


@pytest.mark.parametrize(
    ("needed", "shown", "missing", "ignore", "breaching", "not_breaching"),
    [  # of CloudWatch's documentation, "How alarm state is evaluated when data is missing", the oldest point first
        (3, "0-X-X", OK, OK, OK, OK),
        (3, "----0", OK, OK, OK, OK),
        (3, "-----", INSUFFICIENT_DATA, RETAINED, ALARM, OK),
        (3, "0XX-X", ALARM, ALARM, ALARM, ALARM),
        (3, "--X--", ALARM, RETAINED, ALARM, OK),
        (2, "0-X-X", ALARM, ALARM, ALARM, ALARM),
        (2, "00X0X", ALARM, ALARM, ALARM, ALARM),
        (2, "0-X--", OK, OK, ALARM, OK),
        (2, "----0", OK, OK, ALARM, OK),
        (2, "---X-", ALARM, RETAINED, ALARM, OK),
    ],
)
def test_missing_data_are_filled_in_as_cloudwatch_does(
    needed: int, shown: str, missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    looked_at = [{"0": 0.0, "X": 1.0, "-": None}[point] for point in shown]

    def found(treated: str) -> str:
        alarm = COUNT | {"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "TreatMissingData": treated}
        states = {before: evaluate_alarm(alarm, looked_at, before).state for before in (OK, ALARM)}
        return RETAINED if states == {OK: OK, ALARM: ALARM} else "".join(set(states.values()))

    assert [found(treated) for treated in ("missing", "ignore", "breaching", "notBreaching")] == [
        missing,
        ignore,
        breaching,
        not_breaching,
    ]


def test_one_point_that_breaches_at_last_is_awaited() -> None:
    """AWS's own example: "- - - - X" may be the beginning, so a later point decides."""
    alarm = COUNT | {"EvaluationPeriods": 3, "TreatMissingData": "missing"}

    assert evaluate_alarm(alarm, [None, None, None, None, 1.0], OK).state == OK
    assert evaluate_alarm(alarm, [None, None, 1.0, None, None], OK).state == ALARM


@pytest.mark.parametrize(
    ("statistic", "value"), [("Sum", 9.0), ("Average", 2.25), ("Minimum", 1.0), ("Maximum", 4.0), ("SampleCount", 4.0)]
)
def test_a_period_of_two_minutes_has_the_samples_of_both(statistic: str, value: float) -> None:
    said = {7: [Samples.of(4)], 8: [Samples.of(2), Samples(2, 3, 1, 2)]}

    assert alarm_points(COUNT | {"Period": 120, "Statistic": statistic}, said, 9) == [None, None, value]


def test_the_minute_under_way_does_not_count() -> None:
    assert alarm_points(COUNT, {8: [Samples.of(1)], 9: [Samples.of(1)]}, 9)[-1] == 1


def test_a_difference_needs_a_value_before_it() -> None:
    said = {minute: [Samples.of(value)] for minute, value in {5: 3, 6: 3, 7: 5}.items()}

    assert alarm_points(GROWTH, said, 8) == [None, 0, 2]
    assert alarm_query(GROWTH).function == "DIFF"


def test_what_was_evaluated_is_told_the_oldest_first() -> None:
    found = evaluate_alarm(
        COUNT | {"EvaluationPeriods": 2, "TreatMissingData": "breaching"}, [7.0, None, 1.0, None], OK
    )

    assert (found.state, found.recent, found.missing) == (ALARM, ((3, 7.0), (1, 1.0)), 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Statistic": None, "ExtendedStatistic": "p99"}, "statistic p99"),
        ({"Period": 10}, "a period of 10 s"),
        ({"Unit": "Seconds"}, "unit Seconds"),
        ({"TreatMissingData": "bogus"}, "TreatMissingData bogus"),
        ({"Threshold": None, "ThresholdMetricId": "band"}, "threshold None"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm above EvaluationPeriods"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "operator GreaterThanUpperThreshold"),
        ({"Metrics": [{"Id": "e", "Expression": "SUM(METRICS())"}]}, "METRICS"),
        ({"Metrics": [GROWTH["Metrics"][0] | {"Expression": "RATE(waiting)"}, GROWTH["Metrics"][1]]}, "function RATE"),
    ],
)
def test_what_would_be_evaluated_wrongly_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    assert said in str(alarm_refusal(COUNT | change))


@pytest.mark.parametrize("alarm", [COUNT, GROWTH])
def test_what_the_template_uses_is_not_refused(alarm: dict[str, Any]) -> None:
    assert alarm_refusal(alarm) is None
