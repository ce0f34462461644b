"""Which objects a message or an invocation names."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kms_failover.domain.objects.rewrap_request import ObjectName, from_invocation, from_message, is_from_queue
from kms_failover.errors import EventFormatError

EVENTS = Path(__file__).parents[3] / "events"
ORDER = ObjectName("orders-eu-west-1", "2026/11/order 1+1.json")


def text(name: str) -> str:
    return (EVENTS / name).read_text()


@pytest.mark.parametrize("name", ["s3-object-created.json", "rewrap-debt.json"])
def test_a_queued_message_names_its_object_and_its_key_is_not_decoded(name: str) -> None:
    assert from_message(text(name)) == replace(ORDER, is_debt=name == "rewrap-debt.json")


def test_a_version_id_is_accepted_and_not_used() -> None:
    body = json.dumps({"bucket": ORDER.bucket, "key": ORDER.key, "version_id": None})

    assert from_message(body) == replace(ORDER, is_debt=True)


@pytest.mark.parametrize("kind", ["Permanently Deleted", "Delete Marker Created"])
def test_a_deletion_names_an_object_to_look_at_again(kind: str) -> None:
    """What is gone owes nothing; where a delete marker was deleted, the version below it is back (facts 5.2)."""
    event = json.loads(text("s3-object-created.json")) | {"detail-type": "Object Deleted"}
    event["detail"] |= {"reason": "DeleteObject", "deletion-type": kind}

    assert from_message(json.dumps(event)) == ORDER


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[" * 100_000,
        '{"bucket": "b", "key": "\\ud800"}',
        "[]",
        "{}",
        '{"bucket": "b"}',
        '{"bucket": "b", "key": ""}',
        '{"bucket": 1, "key": "k"}',
        '{"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}}',
        '{"source": "somebody", "detail-type": "Object Created", "detail": {}}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {"name": "b"}}}',
        '{"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": "b", "object": {"key": "k"}}}',
    ],
)
def test_other_messages_are_refused(body: str) -> None:
    with pytest.raises(EventFormatError):
        from_message(body)


MESSAGE = {"messageId": "m", "body": "{}"}


def test_messages_of_the_queue_are_known_by_what_is_needed_to_ask_for_them_again() -> None:
    assert is_from_queue({"Records": [MESSAGE]})
    assert not is_from_queue({"bucket": "b", "key": "k"})


@pytest.mark.parametrize(
    "records",
    [
        [],
        {},
        None,
        "text",
        [MESSAGE, 5],
        [MESSAGE, {}],
        [MESSAGE | {"body": None}],
        [MESSAGE | {"messageId": ""}],
        [MESSAGE | {"messageId": {}}],
        [MESSAGE | {"messageId": "\ud800"}],
    ],
)
def test_records_of_another_kind_are_one_clear_error(records: Any) -> None:
    with pytest.raises(EventFormatError, match="no messages of SQS"):
        is_from_queue({"Records": records})


@pytest.mark.parametrize("wrong", [None, [], "Items", 5, {"bucket": "b", "key": "\ud800"}])
def test_an_invocation_without_an_object_is_one_clear_error(wrong: Any) -> None:
    with pytest.raises(EventFormatError):
        list(from_invocation(wrong))


@pytest.mark.parametrize("name", ["rewrap-backfill-item.json", "rewrap-debt.json"])
def test_one_item_names_one_object(name: str) -> None:
    assert list(from_invocation(json.loads(text(name)))) == [ORDER]


def test_a_batch_shares_its_bucket() -> None:
    named = list(from_invocation(json.loads(text("rewrap-backfill-batch.json"))))

    assert named == [ORDER, ObjectName("orders-eu-west-1", "2026/11/order-2.json")]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Key": "k"},
        {"Items": "k"},
        {"Items": ["k"]},
        {"Items": [{"Key": "k"}]},
        {"Items": [{"Key": "k"}], "BatchInput": []},
    ],
)
def test_other_invocations_are_refused(event: dict[str, Any]) -> None:
    with pytest.raises(EventFormatError):
        list(from_invocation(event))
