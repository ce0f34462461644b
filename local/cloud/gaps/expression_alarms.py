"""Alarms on an expression are kept whole: ministack 1.5.33 refuses a template that has one.

An alarm whose evaluation would be wrong is refused by name, by CloudFormation and by PutMetricAlarm.
"""

from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from local.cloud.alarm_evaluation import alarm_refusal

OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")
STAND_IN = {"MetricName": "none", "Namespace": "none"}  # ministack's own record needs them


def install() -> None:
    record, put = provisioners._cw_metric_alarm_record, cloudwatch._put_metric_alarm

    def record_expressions_too(name: str, properties: Any) -> Any:
        if said := alarm_refusal(properties):
            raise ValueError(f"{name}: {said} is not evaluated by the local cloud")
        if not properties.get("Metrics"):
            return record(name, properties)
        rest = {key: value for key, value in properties.items() if key != "Metrics"}
        return on_the_expression(record(name, rest | STAND_IN), properties["Metrics"])

    def put_expressions_too(params: Any, request: Any, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - ministack's own signature
        said = alarm_refusal(request) if is_cbor or is_json else _refusal_of_form(params)
        if said:
            said = f"{said} is not evaluated by the local cloud"
            return cloudwatch._error("ValidationError", said, 400, use_json=is_json, use_cbor=is_cbor)
        answer = put(params, request, is_cbor, is_json)
        name = request.get("AlarmName")
        if answer[0] == 200 and request.get("Metrics"):  # noqa: PLR2004
            cloudwatch._alarms[name] = on_the_expression(cloudwatch._alarms[name], request["Metrics"])
        return answer

    provisioners._cw_metric_alarm_record = record_expressions_too
    cloudwatch._put_metric_alarm = put_expressions_too


def on_the_expression(alarm: Mapping[str, Any], metrics: Any) -> dict[str, Any]:
    return {name: value for name, value in alarm.items() if name not in OF_ONE_METRIC} | {"Metrics": metrics}


def _refusal_of_form(params: Mapping[str, Any]) -> str | None:
    """Of a request in the old query protocol, which botocore speaks no more."""
    if any(name.startswith("Metrics.member.") for name in params):
        return "an expression in a request of the query protocol"
    alarm = {name: value[0] if isinstance(value, list) else value for name, value in params.items()}
    return alarm_refusal(alarm)
