"""Whether material must be imported again, and whether the service may do it by itself (decision 24)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kms_failover.domain.key_material.material import (
    DISABLED,
    PENDING_IMPORT,
    PRESENT,
    Concern,
    KeyView,
    LossKind,
    MaterialLoss,
    MaterialRecord,
)
from kms_failover.domain.key_set import KeySet, Material, Origin, RestoreAfterDeletion
from kms_failover.domain.timing import CLOCK_SKEW

WHOLE_SECOND = timedelta(seconds=1)  # an event tells its time without a fraction

_ORDER = "`kms-failover reimport` imports it"


class Action(StrEnum):
    NOTHING = "nothing"
    RENEW = "renew"
    RESTORE = "restore"


@dataclass(frozen=True)
class ImportPlan:
    action: Action
    reason: str
    concern: Concern = Concern.NONE


@dataclass(frozen=True)
class MaterialContext:
    """What is known of one key beside what KMS shows of it."""

    record: MaterialRecord
    material: Material
    losses: tuple[MaterialLoss, ...] = ()


def plan_import(view: KeyView, known: MaterialContext, now: datetime, *, ordered: bool = False) -> ImportPlan:
    """What to do with an EXTERNAL key that KMS shows so; `ordered` is a person's command.

    Re-import works in Enabled, Disabled and PendingImport (facts 1.3); in any other state there is nothing to be done.
    """
    if view.state == PENDING_IMPORT:
        return _plan_restoration(view, known, now, ordered=ordered)
    if view.state not in PRESENT:
        return ImportPlan(Action.NOTHING, f"the key is {view.state}")
    if ordered:
        return ImportPlan(Action.RENEW, "asked for")
    own = view.own(known.record.key_material_id)
    valid_to = own.valid_to if own else view.valid_to
    if valid_to is None or valid_to - now > timedelta(days=known.material.renew_before_days):
        return ImportPlan(Action.NOTHING, "the material is valid long enough")
    expires = f"the material expires at {valid_to.isoformat()}"
    if view.state == DISABLED:
        reason = f"{expires}; the key is disabled, and an import may enable it: {_ORDER}"
        return ImportPlan(Action.NOTHING, reason, Concern.DISABLED)
    return ImportPlan(Action.RENEW, expires)


def _plan_restoration(view: KeyView, known: MaterialContext, now: datetime, *, ordered: bool) -> ImportPlan:
    if ordered:
        return ImportPlan(Action.RESTORE, "asked for")
    own = view.own(known.record.key_material_id)
    if own is not None and own.imported:
        return ImportPlan(Action.NOTHING, "the service's own material is in place; KMS has not enabled the key")
    if known.record.present_state == DISABLED:
        reason = f"the key was disabled when it was last seen, and an import enables it: {_ORDER}"
        return ImportPlan(Action.NOTHING, reason, Concern.DISABLED)
    if known.material.restore_after_deletion is RestoreAfterDeletion.ALWAYS:
        return ImportPlan(Action.RESTORE, "the key is pending import: nothing under it opens")
    return _unless_deleted(known, now)


def _unless_deleted(known: MaterialContext, now: datetime) -> ImportPlan:
    """What people did is not undone. Material that is gone although it cannot have expired counts as deleted."""
    if deletion := _standing(known, LossKind.DELETED):
        return ImportPlan(Action.NOTHING, f"{in_words(deletion)}: {_ORDER}", Concern.DELETED)
    if known.record.was_present_at is None and known.record.valid_to is None:
        return ImportPlan(Action.RESTORE, "the key is pending import, and nobody is known to have deleted its material")
    if _standing(known, LossKind.EXPIRED) or _may_have_expired(known.record, now):
        return ImportPlan(Action.RESTORE, "the material has expired: nothing under the key opens")
    reason = "the material is gone before it can have expired: somebody has deleted it, or KMS has lost it"
    return ImportPlan(Action.NOTHING, f"{reason}; {_ORDER}", Concern.DELETED)


def _standing(known: MaterialContext, kind: LossKind) -> MaterialLoss | None:
    """A loss after which the material has not been seen in place."""
    present_at = known.record.was_present_at
    of_kind = (loss for loss in known.losses if loss.kind is kind)
    return next((loss for loss in of_kind if present_at is None or loss.at + WHOLE_SECOND > present_at), None)


def _may_have_expired(record: MaterialRecord, now: datetime) -> bool:
    valid_to = record.shown_valid_to if record.present_at else record.valid_to
    return valid_to is not None and valid_to - now <= CLOCK_SKEW


def in_words(deletion: MaterialLoss) -> str:
    who = deletion.principal or "somebody whom the event does not name"
    what = f"key material {deletion.key_material_id}" if deletion.key_material_id else "the key material"
    return f"{who} deleted {what} at {deletion.at.isoformat()}"


def nothing_to_import(key_set: KeySet, region: str) -> str:
    """Why an order to import there comes to nothing, and what to type instead."""
    others = [member.region for member in key_set.members if member.origin is Origin.EXTERNAL]
    where = [other for other in others if other != region]
    instead = f"order it in {' or '.join(where)}" if where else "none of its keys has, so there is nothing to import"
    return f"key set {key_set.name!r} has no key with imported material in {region}: {instead}"
