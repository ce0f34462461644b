"""The metrics of SQS that alarms look at: messages that wait, the oldest one's age, messages sent.

ministack 1.5.33 has none. On AWS they come each minute, for queues that something was done with in the last six hours
[AWS docs: sqs-available-cloudwatch-metrics]; here for all. A message that was redriven waits, and was not sent.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, request_scope
from ministack.services import cloudwatch, sqs

NAMESPACE = "AWS/SQS"


class CountedMessages(list[Any]):
    """ministack's services append to a queue's list, each by itself: a list that counts what is new in it."""

    def __init__(self, messages: Any, count: Callable[[], None]) -> None:
        super().__init__(messages)
        self._count = count

    def append(self, message: Any) -> None:
        super().append(message)
        if not message.get("receive_count"):
            self._count()


class CountedQueues(AccountRegionScopedDict):  # type: ignore[misc]  # its base is untyped
    """ministack's queues. A queue gets a new list now and then, so the list is seen to whenever the queue is taken."""

    __slots__ = ()

    def get(self, key: Any, default: Any = None) -> Any:
        return _counted(super().get(key, default))

    def get_scoped(self, account_id: str, region: str, key: Any, default: Any = None) -> Any:
        return _counted(super().get_scoped(account_id, region, key, default))


def _counted(queue: Any) -> Any:
    if queue is not None and not isinstance(queue["messages"], CountedMessages):
        queue["messages"] = CountedMessages(queue["messages"], lambda: _record_sent(queue))
    return queue


def _record_sent(queue: Mapping[str, Any]) -> None:
    _, _, _, region, account, name = queue["attributes"]["QueueArn"].split(":")
    with request_scope(account, region):
        cloudwatch.record_metric(NAMESPACE, "NumberOfMessagesSent", 1, "Count", {"QueueName": name})


def install() -> None:
    """Before the first queue: `_queues` is replaced, and all of ministack looks it up in its module."""
    sqs._queues = CountedQueues()


def publish_gauges() -> None:
    """The gauges of the scope's queues, once an alarm's minute."""
    now = time.time()
    for queue in sqs._queues.values():
        sqs._refresh_counts(queue)
        named = {"QueueName": queue["name"]}
        waiting = float(queue["attributes"]["ApproximateNumberOfMessages"])
        oldest = min((one.get("enqueued_at", one.get("sent_at", now)) for one in queue["messages"]), default=now)
        cloudwatch.record_metric(NAMESPACE, "ApproximateNumberOfMessagesVisible", waiting, "Count", named)
        cloudwatch.record_metric(NAMESPACE, "ApproximateAgeOfOldestMessage", int(now - oldest), "Seconds", named)
