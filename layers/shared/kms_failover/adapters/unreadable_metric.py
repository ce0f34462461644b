"""Counts the items of the state table that cannot be read, as the metric that an alarm looks at."""

from collections.abc import Sequence

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover.adapters.unreadable import UnreadableLog
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.errors import UnreadableItemError


class UnreadableMetric:
    """For a function: the log, and `ItemsUnreadable`, counted anew at each reading."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment
        self._log = UnreadableLog()

    def __call__(self, unreadable: Sequence[UnreadableItemError]) -> None:
        self._log(unreadable)
        count, unit = len(unreadable), MetricUnit.Count
        with single_metric(name="ItemsUnreadable", unit=unit, value=count, namespace=EVENT_SOURCE) as metric:
            metric.add_dimension("Deployment", self._deployment)
