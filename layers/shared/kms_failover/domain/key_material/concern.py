"""When what is wrong with a key's material is people's business: it does not mend itself, or not in time."""

from datetime import datetime, timedelta

from kms_failover.domain.key_material.material import PENDING_IMPORT, Concern, MaterialRecord
from kms_failover.domain.key_material.plan import ImportPlan
from kms_failover.domain.key_set import Material
from kms_failover.errors import (
    ImportRefusedError,
    MaterialMissingError,
    SentinelError,
    SeveralMaterialsError,
    UnreadableItemError,
)

QUICK_TRIES = 3  # by the event, by Lambda's two repeats, or by the schedule: a short fault has passed by then
LONGEST_ABSENCE = timedelta(hours=1)  # four runs of the schedule: by then what mends itself has come
FOR_PEOPLE = (
    MaterialMissingError,
    ImportRefusedError,
    SentinelError,
    SeveralMaterialsError,
    UnreadableItemError,
)  # time mends none of these


def concern_of(record: MaterialRecord, plan: ImportPlan, error: Exception | None, now: datetime) -> Concern:
    """After a turn; `error` is what the turn failed with, which `record` counts already."""
    if plan.concern is not Concern.NONE:
        return plan.concern
    if isinstance(error, SeveralMaterialsError):
        return Concern.SEVERAL_MATERIALS
    if isinstance(error, UnreadableItemError):
        return Concern.UNREAD
    tried = record.failures >= QUICK_TRIES or record.state == PENDING_IMPORT
    fails = isinstance(error, FOR_PEOPLE) or (error and tried) or _is_absent_long(record, now)
    return Concern.FAILING if fails else Concern.NONE


def is_late(record: MaterialRecord, material: Material, now: datetime) -> bool:
    """Half of the time that there was for its renewal has passed: by default the key lapses in 15 days."""
    valid_to = record.shown_valid_to or record.valid_to
    half = timedelta(days=material.renew_before_days) / 2
    return valid_to is not None and valid_to - now < half


def _is_absent_long(record: MaterialRecord, now: datetime) -> bool:
    """Whatever it waits for: a key that opens nothing for so long is people's business."""
    return record.absent_since is not None and now - record.absent_since >= LONGEST_ABSENCE
