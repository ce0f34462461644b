"""Which key sets an event asks to look at, in each of the shapes that wake the reimport function."""

from dataclasses import dataclass

from kms_failover.domain.event_fields import Fields, json_object, shown
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


def reimport_request(event: object) -> ReimportRequest:
    """EventFormatError for an event that is neither KMS's, nor CloudTrail's, nor ours, nor a schedule's."""
    fields = json_object(event)
    kind = fields.get("detail-type", "Scheduled Event")
    if kind == EXPIRED:
        return ReimportRequest(key_id=_expired_key(Fields(fields, "an event")))
    if isinstance(kind, str) and kind in CLOUDTRAIL:
        return ReimportRequest(key_id=_deleted_key(Fields(fields, "an event").object("detail")))
    if kind != "Scheduled Event":
        raise EventFormatError(f"an event {shown(kind)!r} of {shown(fields.get('source'))!r}")
    key_set, force = fields.get("key_set"), fields.get("force", False)
    if not isinstance(key_set, str | None) or not isinstance(force, bool):
        raise EventFormatError("`key_set` is text and `force` is true or false")
    if force and key_set is None:
        raise EventFormatError("`force` needs the `key_set` that it is meant for")
    return ReimportRequest(key_set=key_set, force=force)


def _expired_key(event: Fields) -> str:
    return next(event.texts("resources"), "") or event.object("detail").text("key-id")


def _deleted_key(detail: Fields) -> str:
    """By the ARN among the call's resources; the request's own `keyId` may be an id or an ARN."""
    if (name := detail.text("eventName")) not in DELETIONS:
        raise EventFormatError(f"a CloudTrail event {shown(name)!r}")
    named = next(detail.texts("resources"), "")
    parameters = "requestParameters" if detail.has("requestParameters") else "serviceEventDetails"
    return named or detail.object(parameters).text("keyId")
