"""Which objects an event names, in each of the shapes that wake the rewrap function."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    try:
        message = json.loads(body)
    except ValueError as error:
        raise EventFormatError("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise EventFormatError("a message that is no JSON object")
    if "detail-type" not in message:
        return replace(_named(message, ""), is_debt=True)
    if message.get("source") != "aws.s3" or message["detail-type"] not in S3_EVENTS:
        raise EventFormatError(f"an event {message['detail-type']!r} of {message.get('source')!r}")
    # in EventBridge, unlike in classic notifications, the key is not URL-encoded (facts 5.2)
    detail = _mapping(message, "detail")
    return _named({"bucket": _mapping(detail, "bucket").get("name"), "key": _mapping(detail, "object").get("key")}, "")


def from_invocation(event: Mapping[str, Any]) -> Iterator[ObjectName]:
    """From Step Functions or by hand: one item, or `{"Items": [...], "BatchInput": {"bucket": ...}}`."""
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
        raise EventFormatError(f"no bucket and key in a request with {sorted(item)}")
    return ObjectName(bucket, key)


def _mapping(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = message.get(name)
    if not isinstance(value, dict):
        raise EventFormatError(f"an event without {name!r}")
    return value
