"""Announcements: what people read and what machines match, as in events/."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kms_failover.adapters.announcer import MAX_SUBJECT, SnsAndEventBridge
from kms_failover.domain.route import Route
from kms_failover.errors import KmsFailoverError
from tests.domain.strategies import EAST, NOON, WEST

EVENTS = Path(__file__).parents[2] / "events"
EXAMPLE = json.loads((EVENTS / "kms-route-changed.json").read_text())
ROUTE = Route(
    key_set="orders",
    observer=WEST,
    regions=(WEST, EAST),
    epoch=1,
    decided_at=NOON,
    reason=EXAMPLE["detail"]["reason"],
    evidence=tuple(EXAMPLE["detail"]["evidence"]),
)


class Recorder:
    """In the place of both clients."""

    def __init__(self, failed: int = 0) -> None:
        self.failed = failed
        self.entries: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []

    def put_events(self, **request: Any) -> dict[str, Any]:
        self.entries += request["Entries"]
        return {"FailedEntryCount": self.failed, "Entries": [{"ErrorCode": "InternalFailure"}]}

    def publish(self, **request: Any) -> None:
        self.published.append(request)


def announcer(recorder: Any) -> SnsAndEventBridge:
    return SnsAndEventBridge(recorder, recorder, "topic")


def test_the_emitted_event_is_the_example() -> None:
    recorder = Recorder()

    announcer(recorder).route_changed(ROUTE)

    entry = recorder.entries[0]
    assert (entry["Source"], entry["DetailType"]) == (EXAMPLE["source"], EXAMPLE["detail-type"])
    assert json.loads(entry["Detail"]) == EXAMPLE["detail"]


def test_a_recovery_is_an_event_as_its_example_shows() -> None:
    example = json.loads((EVENTS / "kms-region-recovered.json").read_text())
    recorder = Recorder()

    announcer(recorder).region_recovered(
        key_set=example["detail"]["keySet"], region=example["detail"]["region"], observer=example["detail"]["observer"]
    )

    assert recorder.entries[0]["DetailType"] == example["detail-type"]
    assert json.loads(recorder.entries[0]["Detail"]) == example["detail"]


def test_people_read_where_why_and_what_was_seen() -> None:
    recorder = Recorder()

    announcer(recorder).route_changed(ROUTE)

    message = recorder.published[0]
    assert message["Subject"] == "KMS route of orders: us-west-2 > us-east-1"
    assert "Seen from us-west-2, key set orders now uses us-west-2 > us-east-1 (epoch 1" in message["Message"]
    assert all(line in message["Message"] for line in (ROUTE.reason, *ROUTE.evidence))


def test_a_subject_is_never_longer_than_sns_takes() -> None:
    recorder = Recorder()

    announcer(recorder).route_changed(ROUTE.model_copy(update={"key_set": "o" * 63, "regions": (WEST, EAST) * 4}))

    assert len(recorder.published[0]["Subject"]) == MAX_SUBJECT


def test_an_entry_that_eventbridge_did_not_take_is_an_error_that_names_it() -> None:
    with pytest.raises(KmsFailoverError, match="'KMS Route Changed': InternalFailure"):
        announcer(Recorder(failed=1)).route_changed(ROUTE)


@pytest.fixture
def clients() -> Iterator[tuple[Any, Any]]:
    with mock_aws():
        yield boto3.client("sns", region_name=WEST), boto3.client("events", region_name=WEST)


def test_aws_takes_both(clients: tuple[Any, Any]) -> None:
    sns, events = clients
    topic = sns.create_topic(Name="prod-changes")["TopicArn"]

    SnsAndEventBridge(sns, events, topic).route_changed(ROUTE)

    assert sns.list_topics()["Topics"] == [{"TopicArn": topic}]
