"""Metrics in log lines: CloudWatch's embedded metric format (AmazonCloudWatch user guide, "Specification")."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MOST_VALUES = 100  # of one metric in one line [AWS docs: Embedded_Metric_Format_Specification]
MARK = '"_aws"'


class EmbeddedMetric(NamedTuple):
    """`at` is in seconds since 1970: the line's own time, not that of its arrival."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    values: Sequence[float]
    at: float


def embedded_metrics(line: str) -> list[EmbeddedMetric]:
    """None for a line that is not of the format: CloudWatch Logs keeps such a line, and makes no metric of it."""
    if MARK not in line:
        return []
    try:
        document = json.loads(line)
        return list(_metrics(document, document["_aws"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return []


def _metrics(document: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[EmbeddedMetric]:
    at = metadata["Timestamp"] / 1000
    for directive in metadata["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:  # each set of dimensions is a metric of its own
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                values = _values(document[metric["Name"]])
                unit = metric.get("Unit", "None")
                yield EmbeddedMetric(directive["Namespace"], metric["Name"], dimensions, unit, values, at)


def _values(target: Any) -> list[float]:
    values = target if isinstance(target, list) else [target]
    if len(values) > MOST_VALUES:
        raise ValueError(f"{len(values)} values")
    numbers = [float(value) for value in values]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("not a number")
    return numbers
