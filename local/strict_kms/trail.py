"""Which calls CloudTrail tells EventBridge of, without what is secret in them (facts 1.9)."""

import json
from datetime import datetime
from typing import Any

from moto.core.utils import get_service_model

from . import events
from .models import StrictKmsBackend

# the management calls about materials, states and policies; their event carries no member that is a blob
TRAILED = frozenset(
    {
        "CancelKeyDeletion",
        "DeleteImportedKeyMaterial",
        "DisableKey",
        "EnableKey",
        "GetParametersForImport",
        "ImportKeyMaterial",
        "PutKeyPolicy",
        "ReplicateKey",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "UpdatePrimaryRegion",
    }
)


def record(backend: StrictKmsBackend, operation: str, arguments: dict[str, Any], answer: str) -> None:
    """`arguments` are decoded, `answer` is the JSON of a call that succeeded. No blob is told: it may be secret."""
    if operation not in TRAILED:
        return
    key = backend.resolve(arguments["KeyId"])
    request = {name: value for name, value in arguments.items() if not isinstance(value, bytes)}
    backend.publish(
        events.api_called,
        key,
        operation=operation,
        request=_in_trail_names(request),
        response={"keyId": key.arn} | _in_trail_names(_without_blobs(operation, json.loads(answer) or {})),
    )


def _without_blobs(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    shape = get_service_model("kms").operation_model(operation).output_shape
    return {name: value for name, value in answer.items() if shape and shape.members[name].type_name != "blob"}


def _in_trail_names(members: dict[str, Any]) -> dict[str, Any]:
    return {
        name[:1].lower() + name[1:]: value.isoformat() if isinstance(value, datetime) else value
        for name, value in members.items()
    }
