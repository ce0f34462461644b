"""Which objects an event names, in each of the shapes that wake the rewrap function."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kms_failover.domain.event_fields import json_object, json_object_in, shown_value
from kms_failover.errors import EventFormatError


@dataclass(frozen=True)
class ObjectName:
    """A version id in a request is dropped: only the current version is ever rewrapped."""

    bucket: str
    key: str
    is_debt: bool = False  # sent by the sweep, which sends it again as long as the debt is there


S3_EVENTS = {"Object Created", "Object Deleted"}  # a deleted object owes nothing; a deleted marker brings one back


def from_message(body: str) -> ObjectName:
    """From an SQS body: an EventBridge event of S3, or `{"bucket", "key"}` from the sweep."""
    message = json_object_in(body, "a message")
    if "detail-type" not in message:
        return replace(_named(message, ""), is_debt=True)
    kind = message["detail-type"]
    if message.get("source") != "aws.s3" or not isinstance(kind, str) or kind not in S3_EVENTS:
        raise EventFormatError(f"an event {shown_value(kind)!r} of {shown_value(message.get('source'))!r}")
    # in EventBridge, unlike in classic notifications, the key is not URL-encoded (facts 5.2)
    detail = _mapping(message, "detail")
    return _named({"bucket": _mapping(detail, "bucket").get("name"), "key": _mapping(detail, "object").get("key")}, "")


def is_from_queue(event: object) -> bool:
    """Whether these are messages of SQS.

    Raises:
        EventFormatError: records of another kind, which could be neither done one by one nor asked for again.
    """
    if not isinstance(event, Mapping) or "Records" not in event:
        return False
    records = event["Records"]
    if not isinstance(records, list) or not records or not all(map(_is_message, records)):
        raise EventFormatError("`Records` that are no messages of SQS")
    return True


def _is_message(record: object) -> bool:
    if not isinstance(record, dict) or not isinstance(record.get("body"), str):
        return False
    named = record.get("messageId")
    return isinstance(named, str) and named.isprintable() and named != ""


def from_invocation(event: object) -> Iterator[ObjectName]:
    """From Step Functions or by hand: one item, or `{"Items": [...], "BatchInput": {"bucket": ...}}`."""
    event = json_object(event)
    if "Items" not in event:
        yield _named(event, "")
        return
    batch_input = event.get("BatchInput") or {}
    shared = batch_input.get("bucket", "") if isinstance(batch_input, dict) else ""
    items = event["Items"]
    if not isinstance(items, list):
        raise EventFormatError("`Items` is no list")
    for item in items:
        if not isinstance(item, dict):
            raise EventFormatError("an item that is no JSON object")
        yield _named(item, shared)


def _named(item: Mapping[str, Any], bucket: str) -> ObjectName:
    """`Key` is how S3's own listing writes it in a Distributed Map's item."""
    bucket = item.get("bucket", bucket)
    key = item.get("key", item.get("Key"))
    if not isinstance(bucket, str) or not bucket or not isinstance(key, str) or not key:
        raise EventFormatError(f"no bucket and key in a request with {shown_value(', '.join(sorted(item)))!r}")
    return ObjectName(bucket, key)


def _mapping(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = message.get(name)
    if not isinstance(value, dict):
        raise EventFormatError(f"an event without {name!r}")
    return value
