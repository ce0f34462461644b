"""AWS::CloudWatch::Alarm on an expression. ministack 1.5.33 refuses a template that has one.

It is kept as an alarm on the metric that the expression is over, and looks at that: no expression is evaluated here.
"""

from typing import Any

from ministack.services.cloudformation import provisioners


def on_the_metric_alone(properties: Any) -> Any:
    """The properties of an alarm on one metric; those of any other alarm as they are."""
    looked_at = [one["MetricStat"] for one in properties.get("Metrics", ()) if "MetricStat" in one]
    if len(looked_at) != 1:
        return properties
    rest = {name: value for name, value in properties.items() if name != "Metrics"}
    (found,) = looked_at
    return rest | found["Metric"] | {"Period": found["Period"], "Statistic": found["Stat"]}


def install() -> None:
    record = provisioners._cw_metric_alarm_record
    provisioners._cw_metric_alarm_record = lambda name, properties: record(name, on_the_metric_alone(properties))
