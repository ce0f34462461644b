"""What an event asks of the reimport function, in each of the shapes that wake it, and what it says of a loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kms_failover.domain.event_fields import Fields, iso_8601, json_object, shown_value
from kms_failover.domain.key_material.material import LossKind
from kms_failover.domain.key_set import MemberKey
from kms_failover.errors import EventFormatError

EXPIRED = "KMS Imported Key Material Expiration"
CLOUDTRAIL = frozenset({"AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"})
LOSSES = {  # facts 1.9: by somebody's call; by KMS
    "DeleteImportedKeyMaterial": LossKind.DELETED,
    "DeleteExpiredKeyMaterial": LossKind.EXPIRED,
}
MOST_CONTINUED = 1000


@dataclass(frozen=True)
class Loss:
    """`at` is None where the event does not say: it is now."""

    kind: LossKind
    at: datetime | None = None
    principal: str = ""
    key_material_id: str = ""


@dataclass(frozen=True)
class ReimportRequest:
    """`key_id` is a key's id or ARN. Nothing named is everything; `force` is a person's order.

    `continued` counts the runs before this one that had to leave off.
    """

    key_set: str | None = None
    key_id: str | None = None
    force: bool = False
    loss: Loss | None = None
    continued: int = 0

    def names(self, member: MemberKey) -> bool:
        return self.key_id in {None, member.arn, member.key_id}


EVERY_KEY = ReimportRequest()


def reimport_request(event: object) -> ReimportRequest:
    """EventFormatError for an event that is neither KMS's, nor CloudTrail's, nor ours, nor a schedule's."""
    fields = json_object(event)
    kind = fields.get("detail-type", "Scheduled Event")
    if kind == EXPIRED:
        return _expiry(Fields(fields, "an event"))
    if isinstance(kind, str) and kind in CLOUDTRAIL:
        return _told_by_trail(Fields(fields, "an event").object("detail"))
    if kind != "Scheduled Event":
        raise EventFormatError(f"an event {shown_value(kind)!r} of {shown_value(fields.get('source'))!r}")
    return _own(fields)


def _own(event: Mapping[str, Any]) -> ReimportRequest:
    key_set, force, continued = event.get("key_set"), event.get("force", False), event.get("continued", 0)
    if not isinstance(key_set, str | None) or not isinstance(force, bool):
        raise EventFormatError("`key_set` is text and `force` is true or false")
    if force and key_set is None:
        raise EventFormatError("`force` needs the `key_set` that it is meant for")
    if type(continued) is not int or not 0 <= continued <= MOST_CONTINUED:
        raise EventFormatError("`continued` is a number of runs")
    return ReimportRequest(key_set=key_set, force=force, continued=continued)


def _expiry(event: Fields) -> ReimportRequest:
    detail = event.maybe_object("detail")
    key_id = next(event.texts("resources"), "") or event.object("detail").text("key-id")
    at = iso_8601(event.maybe("time"))
    return ReimportRequest(key_id=key_id, loss=Loss(LossKind.EXPIRED, at, "", detail.maybe("key-material-id")))


def _told_by_trail(detail: Fields) -> ReimportRequest:
    """By the ARN among the call's resources; the request's own `keyId` may be an id or an ARN."""
    if (name := detail.text("eventName")) not in LOSSES:
        raise EventFormatError(f"a CloudTrail event {shown_value(name)!r}")
    named = next(detail.texts("resources"), "")
    parameters = "requestParameters" if detail.has("requestParameters") else "serviceEventDetails"
    key_id = named or detail.object(parameters).text("keyId")
    answer = "responseElements" if detail.has("responseElements") else parameters
    material_id = detail.maybe_object(answer).maybe("keyMaterialId")
    loss = Loss(LOSSES[name], iso_8601(detail.maybe("eventTime")), _principal(detail), material_id)
    return ReimportRequest(key_id=key_id, loss=loss)


def _principal(detail: Fields) -> str:
    """The ARN where there is one; an AWS service, or another account's caller, has none."""
    identity = detail.maybe_object("userIdentity")
    return next(filter(None, map(identity.maybe, ("arn", "invokedBy", "principalId", "accountId"))), "")
