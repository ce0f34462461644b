"""Which calls CloudTrail tells EventBridge of, without what is secret in them (facts 1.9)."""

import json
from datetime import datetime
from typing import Any

from . import events
from .models import StrictKmsBackend

# the management calls that change a key or who may use it; their event carries no member that is a blob
TRAILED = frozenset(
    {
        "CancelKeyDeletion",
        "DeleteImportedKeyMaterial",
        "DisableKey",
        "EnableKey",
        "ImportKeyMaterial",
        "PutKeyPolicy",
        "ReplicateKey",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "UpdatePrimaryRegion",
    }
)


def record(backend: StrictKmsBackend, operation: str, arguments: dict[str, Any], answer: str) -> None:
    """`answer` is the JSON of a call that succeeded."""
    if operation not in TRAILED:
        return
    key = backend.resolve(arguments["KeyId"])
    backend.publish(
        events.api_called,
        key,
        operation=operation,
        request=_shown(arguments),
        response={"keyId": key.arn} | _shown(json.loads(answer) or {}),
    )


def _shown(members: dict[str, Any]) -> dict[str, Any]:
    return {
        name[:1].lower() + name[1:]: value.isoformat() if isinstance(value, datetime) else value
        for name, value in members.items()
        if not isinstance(value, bytes)
    }
