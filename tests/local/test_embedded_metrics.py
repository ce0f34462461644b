"""Metrics in log lines: what CloudWatch makes of a line, and of which it makes nothing."""

import json
from typing import Any

import pytest

from local.cloud.embedded_metrics import EmbeddedMetric, embedded_metrics

DIRECTIVE: dict[str, Any] = {
    "Namespace": "shop",
    "Dimensions": [["Region"], []],
    "Metrics": [{"Name": "Faults", "Unit": "Count"}],
}
LINE: dict[str, Any] = {
    "_aws": {"Timestamp": 1795428000500, "CloudWatchMetrics": [DIRECTIVE]},
    "Region": "us-west-2",
    "Faults": [1, 0],
}


def changed(**directive: Any) -> str:
    return json.dumps(LINE | {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [DIRECTIVE | directive]}})


def test_each_set_of_dimensions_is_a_metric_of_the_lines_own_time() -> None:
    assert embedded_metrics(json.dumps(LINE) + "\n") == [
        EmbeddedMetric("shop", "Faults", {"Region": "us-west-2"}, "Count", [1.0, 0.0], 1795428000.5),
        EmbeddedMetric("shop", "Faults", {}, "Count", [1.0, 0.0], 1795428000.5),
    ]


def test_one_value_needs_no_list_and_a_metric_no_unit() -> None:
    (metric,) = embedded_metrics(
        json.dumps(json.loads(changed(Dimensions=[[]], Metrics=[{"Name": "Faults"}])) | {"Faults": 3})
    )

    assert (metric.unit, metric.values) == ("None", [3.0])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "START RequestId: 1",
        '{"level": "INFO"}',
        '{"_aws": {',
        '{"_aws": []}',
        '{"_aws": {"Timestamp": 1}}',
        '["_aws"]',
        changed(Dimensions=[["Missing"]]),
        changed(Metrics=[{"Name": "Missing"}]),
        changed(Metrics=[{"Name": "Region"}]),
        changed(Metrics=None),
        json.dumps(LINE | {"Faults": [0] * 101}),
        json.dumps(LINE | {"Faults": float("nan")}),
        json.dumps(LINE | {"Faults": 10**400}),
        '"_aws"' + "[" * 100_000,
        '{"_aws":' * 100_000,
    ],
)
def test_any_other_line_is_no_metric_and_no_error(line: str) -> None:
    assert embedded_metrics(line) == []
