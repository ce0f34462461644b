"""What is told of an alarm: the event has the shape of AWS's own, the message AWS's schema."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.cloud.alarm_evaluation import ALARM, INSUFFICIENT_DATA, OK, AlarmClock, Evaluation, evaluate_alarm
from local.cloud.alarm_notices import (
    AlarmState,
    StateChange,
    alarm_event,
    alarm_message,
    alarm_reason,
    alarm_reason_data,
    alarm_subject,
    alarm_time,
)

ROOT = Path(__file__).parents[2]
NOON = 1795435200.0  # 2026-11-23T12:00:00Z
ARN = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:kms-failover-kms-impaired-us-east-1"
IMPAIRED: dict[str, Any] = {
    "AlarmName": "kms-failover-kms-impaired-us-east-1",
    "AlarmArn": ARN,
    "AlarmDescription": "Half of the probe's rounds in this region's KMS fail, or say nothing, or the probe is silent.",
    "AlarmConfigurationUpdatedTimestamp": NOON - 60,
    "Namespace": "kms-failover",
    "MetricName": "RegionFault",
    "Dimensions": [{"Name": "Deployment", "Value": "kms-failover"}, {"Name": "Region", "Value": "us-east-1"}],
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 0.5,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "TreatMissingData": "breaching",
    "AlarmActions": ["arn:aws:sns:us-east-1:111122223333:changes"],
}
COMPOSITE: dict[str, Any] = {name: IMPAIRED[name] for name in ("AlarmName", "AlarmArn", "AlarmDescription")}
COMPOSITE |= {"AlarmConfigurationUpdatedTimestamp": NOON, "AlarmRule": 'ALARM("child")', "AlarmActions": []}
TRIGGERED = {"triggeringAlarms": [{"arn": "child", "state": {"value": ALARM, "timestamp": alarm_time(NOON)}}]}
FIELDS = {"AlarmName", "AlarmDescription", "AWSAccountId", "AlarmArn", "AlarmConfigurationUpdatedTimestamp"}
FIELDS |= {"NewStateValue", "NewStateReason", "StateChangeTime", "Region", "OldStateValue", "Trigger"}
FIELDS |= {"OKActions", "AlarmActions", "InsufficientDataActions"}
RANG = (
    "2 out of the last 2 datapoints [0.5 (23/11/26 11:59:00), 1.0 (23/11/26 11:58:00)] were "
    "greater than or equal to the threshold (0.5) (minimum 2 datapoints for OK -> ALARM transition)."
)
OVER = (
    "2 out of the last 2 datapoints [1.0 (23/11/26 11:59:00), 0.0 (23/11/26 11:58:00)] were "
    "not greater than or equal to the threshold (0.5) (minimum 1 datapoint for ALARM -> OK transition)."
)
EVALUATION = Evaluation(ALARM, ((1, 1.0), (0, 1.0)), 0)


def change(alarm: dict[str, Any], data: dict[str, Any], before: str = OK) -> StateChange:
    return StateChange(
        alarm,
        "111122223333",
        "us-east-1",
        AlarmState(before, "it was well", at=NOON - 3600),
        AlarmState(ALARM, "it is not", json.dumps(data), NOON),
    )


def shape(node: Any) -> Any:
    """The same for two events of one form."""
    if isinstance(node, dict):
        return {name: shape(child) for name, child in node.items()}
    return [shape(child) for child in node] if isinstance(node, list) else type(node).__name__


def test_the_event_is_aws_own() -> None:
    sample = json.loads((ROOT / "events" / "cloudwatch-alarm.json").read_text("utf-8"))
    made = alarm_event(change(IMPAIRED, alarm_reason_data(IMPAIRED, EVALUATION, NOON)))

    assert shape(made) == shape(sample)
    for name in ("detail-type", "source", "account", "region", "time", "resources"):
        assert made[name] == sample[name]
    asked = {"queryDate": alarm_time(NOON)}  # which AWS's sample of this event leaves out
    said = json.loads(sample["detail"]["state"]["reasonData"])
    assert json.loads(made["detail"]["state"]["reasonData"]) == said | asked
    (own,), (metric,) = (one["detail"]["configuration"]["metrics"] for one in (made, sample))
    assert own["metricStat"] == metric["metricStat"]


def test_a_composite_alarms_event_has_its_rule() -> None:
    assert alarm_event(change(COMPOSITE, TRIGGERED))["detail"]["configuration"] == {
        "description": IMPAIRED["AlarmDescription"],
        "alarmRule": 'ALARM("child")',
    }


def test_the_message_has_aws_schema() -> None:
    """[AWS docs: Notify_Users_Alarm_Changes, "Schema of Amazon SNS notifications when alarms change state"]."""
    told = alarm_message(change(IMPAIRED, {}))

    assert told.keys() == FIELDS
    assert told["Trigger"] == {
        "MetricName": "RegionFault",
        "Namespace": "kms-failover",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "kms-failover", "name": "Deployment"}, {"value": "us-east-1", "name": "Region"}],
        "Period": 60,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 0.5,
        "TreatMissingData": "breaching",
        "EvaluateLowSampleCountPercentile": "",
    }
    assert (told["StateChangeTime"], told["Region"]) == ("2026-11-23T12:00:00.000+0000", "US East (N. Virginia)")


def test_a_composite_alarms_message_has_its_children() -> None:
    told = alarm_message(change(COMPOSITE, TRIGGERED))

    assert "Trigger" not in told
    assert told["TriggeringChildren"] == [{"Arn": "child", "State": {"Value": ALARM, "Timestamp": alarm_time(NOON)}}]


def test_a_subject_fits_into_a_mail() -> None:
    assert alarm_subject(change(IMPAIRED, {})) == f'ALARM: "{IMPAIRED["AlarmName"]}" in US East (N. Virginia)'
    assert len(alarm_subject(change(IMPAIRED | {"AlarmName": "a" * 255}, {}))) == 100


@pytest.mark.parametrize(
    ("points", "before", "change", "expected"),
    [
        ([1.0, 0.5], OK, {}, RANG),
        ([0.0, 1.0], ALARM, {}, OVER),
        (
            [None, 1.0],
            OK,
            {},
            "1 datapoint was received for 2 periods and 1 missing datapoint was treated as [Breaching].",
        ),
        ([None, None], OK, {"TreatMissingData": "missing"}, "2 datapoints were unknown."),
    ],
)
def test_a_reason_is_worded_as_aws_words_it(
    points: list[float | None], before: str, change: dict[str, Any], expected: str
) -> None:
    """As in messages that users of AWS have published: their wording is nowhere documented."""
    alarm, clock = IMPAIRED | change, AlarmClock()
    found = evaluate_alarm(alarm, points, before)

    kind = "Insufficient Data" if found.state == INSUFFICIENT_DATA else "Threshold Crossed"
    assert alarm_reason(alarm, found, before, clock.begins(alarm, found, clock.minute(NOON))) == f"{kind}: {expected}"


def test_a_minute_may_be_shorter() -> None:
    clock = AlarmClock(10)

    assert clock.begins(IMPAIRED, EVALUATION, clock.minute(NOON + 9)) == [NOON - 20, NOON - 10]
