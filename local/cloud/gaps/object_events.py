"""`version-id` in the S3 events that EventBridge delivers (facts 5.2); ministack 1.5.33 leaves it out."""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import eventbridge, s3

_version: ContextVar[str | None] = ContextVar("version of the object an event is about", default=None)


def with_version(event: Mapping[str, Any], version_id: str) -> dict[str, Any]:
    detail = json.loads(event["Detail"])
    detail["object"]["version-id"] = version_id
    return {**event, "Detail": json.dumps(detail)}


def install() -> None:
    """Two functions are replaced: the one that knows the version, and the one it hands the event to."""
    fire = s3._fire_s3_event
    dispatch = eventbridge._dispatch_event

    def fire_s3_event(*positional: Any, version_id: str | None = None, **named: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*positional, version_id=version_id, **named)
        finally:
            _version.reset(token)

    def dispatch_event(event: Any, view: Any = None) -> None:
        version_id = _version.get()
        if version_id is not None and event.get("Source") == "aws.s3":
            event, view = with_version(event, version_id), None
        dispatch(event, view)

    s3._fire_s3_event = fire_s3_event
    eventbridge._dispatch_event = dispatch_event
