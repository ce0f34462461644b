"""What CloudWatch tells about an alarm that has changed its state: to an SNS topic, and to EventBridge.

The message has AWS's schema [AWS docs: Notify_Users_Alarm_Changes], the event that of facts 8.7. Reasons are worded as
in the messages that users of AWS have published; nobody may decide on them.
"""

import functools
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.loaders import create_loader

from .alarm_evaluation import INSUFFICIENT_DATA, Alarm, AlarmQuery, Evaluation, alarm_query

EVENT_TYPE = "CloudWatch Alarm State Change"
SUBJECT_LENGTH = 100  # SNS takes no more [botocore sns:Publish]
UNCHECKED = "Unchecked: Initial alarm creation"
_RELATIONS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanOrEqualToThreshold": "less than or equal to",
    "LessThanThreshold": "less than",
}
_FILLED = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignored", "missing": "Missing"}
_STATISTIC_NAMES = {"SampleCount": "SAMPLE_COUNT"}  # as in a published message; the others in capitals


@dataclass(frozen=True)
class AlarmState:
    value: str = INSUFFICIENT_DATA
    reason: str = UNCHECKED
    reason_data: str = ""
    at: float = 0.0

    def as_event(self) -> dict[str, str]:
        data = {"reasonData": self.reason_data} if self.reason_data else {}
        return {"value": self.value, "reason": self.reason, **data, "timestamp": alarm_time(self.at)}


@dataclass(frozen=True)
class StateChange:
    """`alarm` is as DescribeAlarms shows it, of one metric, of an expression, or composite."""

    alarm: Alarm
    account: str
    region: str
    before: AlarmState
    after: AlarmState


def alarm_time(seconds: float) -> str:
    """`2026-11-23T12:00:00.000+0000`, as both write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def alarm_subject(change: StateChange) -> str:
    return f'{change.after.value}: "{change.alarm["AlarmName"]}" in {region_name(change.region)}'[:SUBJECT_LENGTH]


def alarm_message(change: StateChange) -> dict[str, Any]:
    alarm = change.alarm
    common = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": change.account,
        "AlarmConfigurationUpdatedTimestamp": alarm_time(alarm.get("AlarmConfigurationUpdatedTimestamp", 0)),
        "NewStateValue": change.after.value,
        "NewStateReason": change.after.reason,
        "StateChangeTime": alarm_time(change.after.at),
        "Region": region_name(change.region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": change.before.value,
        **{name: list(alarm.get(name) or ()) for name in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    if "AlarmRule" in alarm:
        return common | {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": _children(change.after)}
    return common | {"Trigger": _trigger(alarm)}


def alarm_event(change: StateChange) -> dict[str, Any]:
    """As EventBridge delivers it. Actions, and whether they are enabled, make no difference to it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": EVENT_TYPE,
        "source": "aws.cloudwatch",
        "account": change.account,
        "time": datetime.fromtimestamp(change.after.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": change.region,
        "resources": [change.alarm["AlarmArn"]],
        "detail": {
            "alarmName": change.alarm["AlarmName"],
            "configuration": _configuration(change.alarm),
            "state": change.after.as_event(),
            "previousState": change.before.as_event(),
        },
    }


def alarm_reason(alarm: Alarm, found: Evaluation, before: str, begins: Sequence[float]) -> str:
    """Why the alarm has this state now; `begins` are the times at which the periods of `found.recent` begin."""
    evaluated = alarm["EvaluationPeriods"]
    if found.state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_counted(evaluated, 'datapoint', 'unknown')}."
    if found.missing:
        received = (
            _counted(len(found.recent), "datapoint", "received") if found.recent else "no datapoints were received"
        )
        filled = _FILLED[alarm.get("TreatMissingData") or "missing"]
        missing = _counted(found.missing, "missing datapoint", "treated")
        return f"Threshold Crossed: {received} for {_plural(evaluated, 'period')} and {missing} as [{filled}]."
    return _crossed(alarm, found, before, begins)


def _crossed(alarm: Alarm, found: Evaluation, before: str, begins: Sequence[float]) -> str:
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    least = needed if found.state == "ALARM" else alarm["EvaluationPeriods"] - needed + 1
    shown = [f"{value} ({_short_time(at)})" for (_, value), at in zip(found.recent, begins, strict=True)][::-1]
    negation = "" if found.state == "ALARM" else "not "
    verb = "was" if len(shown) == 1 else "were"
    return (
        f"Threshold Crossed: {len(shown)} out of the last {_plural(len(shown), 'datapoint')} [{', '.join(shown)}] "
        f"{verb} {negation}{_RELATIONS[alarm['ComparisonOperator']]} the threshold ({float(alarm['Threshold'])}) "
        f"(minimum {_plural(least, 'datapoint')} for {before} -> {found.state} transition)."
    )


def alarm_reason_data(alarm: Alarm, found: Evaluation, at: float) -> dict[str, Any]:
    query = alarm_query(alarm)
    return {
        "version": "1.0",
        "queryDate": alarm_time(at),
        **({} if query.function else {"statistic": query.statistic}),
        "period": query.period_seconds,
        "recentDatapoints": [value for _, value in found.recent],
        "threshold": float(alarm["Threshold"]),
    }


@functools.cache
def region_name(region: str) -> str:
    """`US West (Oregon)`: a subject has the name for people."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    found: dict[str, Any] = {code: one for partition in partitions for code, one in partition["regions"].items()}
    return str(found[region]["description"]) if region in found else region


def _trigger(alarm: Alarm) -> dict[str, Any]:
    query = alarm_query(alarm)
    condition = {
        "Period": query.period_seconds,
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"],
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": float(alarm["Threshold"]),
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    if alarm.get("Metrics"):
        return condition | {"Metrics": [_lower_dimensions(one) for one in alarm["Metrics"]]}
    metric = {"MetricName": query.name, "Namespace": query.namespace, "StatisticType": "Statistic"}
    statistic = _STATISTIC_NAMES.get(query.statistic, query.statistic.upper())
    return metric | {"Statistic": statistic, "Unit": alarm.get("Unit"), "Dimensions": _dimensions(alarm)} | condition


def _lower_dimensions(query: Mapping[str, Any]) -> dict[str, Any]:
    """Of `Metrics` all is written as it was given, save for the dimensions."""
    if "MetricStat" not in query:
        return dict(query)
    metric = query["MetricStat"]["Metric"]
    return dict(query) | {"MetricStat": query["MetricStat"] | {"Metric": metric | {"Dimensions": _dimensions(metric)}}}


def _dimensions(metric: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"value": one["Value"], "name": one["Name"]} for one in metric.get("Dimensions") or ()]


def _children(state: AlarmState) -> list[dict[str, Any]]:
    children = json.loads(state.reason_data or "{}").get("triggeringAlarms", [])
    return [
        {"Arn": one["arn"], "State": {"Value": one["state"]["value"], "Timestamp": one["state"]["timestamp"]}}
        for one in children
    ]


def _configuration(alarm: Alarm) -> dict[str, Any]:
    described = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if "AlarmRule" in alarm:
        return described | {"alarmRule": alarm["AlarmRule"]}
    if alarm.get("Metrics"):
        return described | {"metrics": [_event_query(one) for one in alarm["Metrics"]]}
    query = alarm_query(alarm)
    made_up = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"]))
    return described | {"metrics": [{"id": made_up, "metricStat": _metric_stat(query), "returnData": True}]}


def _event_query(one: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" in one:
        stat = one["MetricStat"]
        query = alarm_query(stat["Metric"] | {"Statistic": stat["Stat"], "Period": stat["Period"]})
        return {"id": one["Id"], "metricStat": _metric_stat(query), "returnData": one.get("ReturnData", True)}
    label = {"label": one["Label"]} if "Label" in one else {}
    return {"id": one["Id"], "expression": one["Expression"], **label, "returnData": one.get("ReturnData", True)}


def _metric_stat(query: AlarmQuery) -> dict[str, Any]:
    metric = {"namespace": query.namespace, "name": query.name, "dimensions": dict(sorted(query.dimensions))}
    return {"metric": metric, "period": query.period_seconds, "stat": query.statistic}


def _short_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d/%m/%y %H:%M:%S")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _counted(number: int, noun: str, participle: str) -> str:
    return f"{_plural(number, noun)} {'was' if number == 1 else 'were'} {participle}"
