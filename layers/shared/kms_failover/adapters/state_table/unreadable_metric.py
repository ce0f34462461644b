"""Counts the items of the state table that cannot be read, as the metric that an alarm looks at."""

from collections.abc import Sequence

from kms_failover.adapters.metrics import count
from kms_failover.adapters.state_table.unreadable import UnreadableLog
from kms_failover.errors import UnreadableItemError


class UnreadableMetric:
    """For a function: the log, and `ItemsUnreadable`, counted anew at each reading."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment
        self._log = UnreadableLog()

    def __call__(self, unreadable: Sequence[UnreadableItemError]) -> None:
        self._log(unreadable)
        count("ItemsUnreadable", len(unreadable), self._deployment)
