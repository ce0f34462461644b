"""An event as EventBridge delivers it, and as ministack keeps it."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.cloud.environment import ACCOUNT

DEFAULT_BUS = "default"
REQUIRED = ("source", "detail-type", "region", "detail")


class BadEventError(Exception):
    """Not an event as EventBridge delivers it."""


def parse_event(body: bytes) -> Mapping[str, Any]:
    """Raises BadEventError for what has no place to go to, or no time that can be read."""
    try:
        event = json.loads(body)
    except ValueError as error:
        raise BadEventError(f"no JSON: {error}") from error
    if not isinstance(event, dict):
        raise BadEventError("an event is a JSON object")
    if missing := [name for name in REQUIRED if name not in event]:
        raise BadEventError(f"an event needs {', '.join(missing)}")
    try:
        datetime.fromisoformat(event.get("time", "1970-01-01T00:00:00Z"))
    except (TypeError, ValueError) as error:
        raise BadEventError(f"time is not ISO 8601: {error}") from error
    return event


def event_record(event: Mapping[str, Any]) -> dict[str, Any]:
    """ministack's own form of an event. Time is in seconds since 1970."""  # noqa: D403 - its name is written so
    moment = datetime.fromisoformat(event["time"]) if "time" in event else datetime.now(UTC)
    return {
        "EventId": event.get("id") or str(uuid.uuid4()),
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": DEFAULT_BUS,
        "Time": int(moment.timestamp()),
        "Resources": event.get("resources", []),
        "Account": event.get("account", ACCOUNT),
        "Region": event["region"],
    }
