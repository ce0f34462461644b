"""Which key sets an event asks to look at, in each of the shapes that wake the reimport function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kms_failover.errors import EventFormatError

EXPIRED = "KMS Imported Key Material Expiration"
CLOUDTRAIL = frozenset({"AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"})
DELETIONS = frozenset({"DeleteImportedKeyMaterial", "DeleteExpiredKeyMaterial"})  # by somebody; by KMS (facts 1.9)


@dataclass(frozen=True)
class ReimportRequest:
    """`key_id` is a key's id or ARN. Nothing named is everything; `force` renews what is valid long enough."""

    key_set: str | None = None
    key_id: str | None = None
    force: bool = False


def reimport_request(event: Mapping[str, Any]) -> ReimportRequest:
    """EventFormatError for an event that is neither KMS's, nor CloudTrail's, nor ours, nor a schedule's."""
    kind = event.get("detail-type", "Scheduled Event")
    if kind == EXPIRED:
        return ReimportRequest(key_id=_expired_key(event))
    if kind in CLOUDTRAIL:
        return ReimportRequest(key_id=_deleted_key(_detail(event)))
    if kind != "Scheduled Event":
        raise EventFormatError(f"an event {kind!r} of {event.get('source')!r}")
    key_set, force = event.get("key_set"), event.get("force", False)
    if not isinstance(key_set, str | None) or not isinstance(force, bool):
        raise EventFormatError("`key_set` is text and `force` is true or false")
    if force and key_set is None:
        raise EventFormatError("`force` needs the `key_set` that it is meant for")
    return ReimportRequest(key_set=key_set, force=force)


def _expired_key(event: Mapping[str, Any]) -> str:
    resources = event.get("resources") or [_detail(event).get("key-id")]
    return _text(resources[0] if isinstance(resources, list) else None)


def _deleted_key(detail: Mapping[str, Any]) -> str:
    """By the ARN among the call's resources; the request's own `keyId` may be an id or an ARN."""
    if detail.get("eventName") not in DELETIONS:
        raise EventFormatError(f"a CloudTrail event {detail.get('eventName')!r}")
    for resource in detail.get("resources") or ():
        if isinstance(resource, dict) and isinstance(resource.get("ARN"), str):
            return _text(resource["ARN"])
    parameters = detail.get("requestParameters") or detail.get("serviceEventDetails") or {}
    return _text(parameters.get("keyId") if isinstance(parameters, dict) else None)


def _detail(event: Mapping[str, Any]) -> Mapping[str, Any]:
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise EventFormatError("an event without `detail`")
    return detail


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise EventFormatError("an event that names no key")
    return value
