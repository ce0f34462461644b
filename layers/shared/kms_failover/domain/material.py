"""Imported key material: what is known of it, and when it must be imported again."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from kms_failover.domain.key_set import Arn, KeySetName, Material, Model, Reason, Region

MATERIAL_BYTES = 32  # a symmetric encryption key outside China Regions (facts 1.2)


class MaterialRecord(Model):
    """What was imported last into one member key. `sentinel` is a ciphertext that only the right material opens."""

    key_set: KeySetName
    region: Region
    key_arn: Arn
    key_material_id: Annotated[str, Field(max_length=200)] = ""
    sentinel: Annotated[str, Field(max_length=10_000)] = ""
    imported_at: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    reason: Reason = ""


class Action(StrEnum):
    NOTHING = "nothing"
    RENEW = "renew"
    RESTORE = "restore"


def plan_import(key_state: str, valid_to: datetime | None, material: Material, now: datetime) -> tuple[Action, str]:
    """What to do with an EXTERNAL key that DescribeKey shows in this state.

    Re-import works in Enabled, Disabled and PendingImport (facts 1.3); in any other state there is nothing to be done.
    """
    if key_state == "PendingImport":
        return Action.RESTORE, "the key is pending import: nothing under it opens"
    if key_state not in {"Enabled", "Disabled"}:
        return Action.NOTHING, f"the key is {key_state}"
    if valid_to is not None and valid_to - now <= timedelta(days=material.renew_before_days):
        return Action.RENEW, f"the material expires at {valid_to.isoformat()}"
    return Action.NOTHING, "the material is valid long enough"
