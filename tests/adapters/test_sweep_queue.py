"""The rewrap queue: everything is sent, or it is said that it was not."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kms_failover.adapters.queue import SEND_ATTEMPTS, SqsRewrapQueue
from kms_failover.domain.objects.sweep import RewrapMessage
from kms_failover.errors import QueueError

URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/prod-rewrap"


class FlakySqs:
    """Refuses each entry once or for ever."""

    def __init__(self, *, refusals: int, sender_fault: bool = False) -> None:
        self.refusals = refusals
        self.sender_fault = sender_fault
        self.calls: list[list[str]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803  # boto3's names
        self.calls.append([entry["Id"] for entry in Entries])
        if self.refusals == 0:
            return {"Successful": Entries}
        self.refusals -= 1
        failed = [{"Id": e["Id"], "Code": "InternalError", "SenderFault": self.sender_fault} for e in Entries[1:]]
        return {"Failed": failed} if failed else {"Successful": Entries}


def messages(count: int) -> list[RewrapMessage]:
    return [RewrapMessage("orders-eu-west-1", f"k{n}", "orders") for n in range(count)]


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("sqs", region_name="eu-west-1")


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_every_message_arrives_once(sqs: Any, count: int) -> None:
    url = sqs.create_queue(QueueName="prod-rewrap")["QueueUrl"]

    SqsRewrapQueue(sqs, url).send(messages(count))

    arrived = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        arrived += [json.loads(message["Body"]) for message in batch]
    assert sorted(body["key"] for body in arrived) == sorted(f"k{n}" for n in range(count))
    assert arrived[0].keys() == {"bucket", "key", "key_set"}


def test_only_the_entries_that_failed_are_sent_again() -> None:
    flaky: Any = FlakySqs(refusals=1)
    pauses: list[float] = []

    SqsRewrapQueue(flaky, URL, pauses.append).send(messages(3))

    assert flaky.calls == [["0", "1", "2"], ["1", "2"]]
    assert len(pauses) == 1


def test_entries_that_sqs_keeps_refusing_are_an_error() -> None:
    flaky: Any = FlakySqs(refusals=99)

    with pytest.raises(QueueError, match="InternalError"):
        SqsRewrapQueue(flaky, URL, lambda _seconds: None).send(messages(9))

    assert len(flaky.calls) == SEND_ATTEMPTS


def test_an_entry_that_is_our_own_fault_is_not_sent_again() -> None:
    flaky: Any = FlakySqs(refusals=99, sender_fault=True)

    with pytest.raises(QueueError):
        SqsRewrapQueue(flaky, URL).send(messages(2))

    assert len(flaky.calls) == 1
