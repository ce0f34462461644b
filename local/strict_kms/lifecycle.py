"""What time does to keys: materials expire, keys under deletion go, transient states end (facts 1.5, 1.8, 1.9).

The caller holds the lock.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import events, families
from .keys import StrictKey
from .states import KeyState

if TYPE_CHECKING:
    from .key_keeping import KeyKeeping


def settle(backend: "KeyKeeping", now: datetime) -> None:
    for key in backend.strict_keys():
        key.end_transient(now)
        _expire(backend, key, now)
        if key.deletes_at is not None and key.deletes_at <= now:
            _delete(backend, key, now)


def next_change(key: StrictKey) -> datetime | None:
    """When time changes this key for the next time, if at all."""
    moments = (key.materials.earliest_expiry, key.deletes_at, key.transient_until)
    return min((moment for moment in moments if moment is not None), default=None)


def _expire(backend: "KeyKeeping", key: StrictKey, now: datetime) -> None:
    expired = key.materials.expire(now)
    if not expired:
        return
    families.align(key)
    key.follow_materials()
    for material_id in expired:  # facts 1.9: one event per material, after it is gone
        backend.publish(events.material_expired, key, material_id=material_id)
        backend.publish(events.expired_material_deleted, key, material_id=material_id)


def _delete(backend: "KeyKeeping", key: StrictKey, now: datetime) -> None:
    family = [related for related in key.family() if related is not key]
    backend.delete_key(key.id)
    backend.publish(events.key_deleted, key)
    for related in family:
        families.align(related)
        if related.settled_state is KeyState.PENDING_REPLICA_DELETION and len(family) == 1:
            doom(related, now)
            backend.sibling(related.region).plan()


def doom(key: StrictKey, now: datetime) -> None:
    """Begins the waiting period, for a primary key with replicas the wait for their end (kms:ScheduleKeyDeletion)."""
    if key.has_replicas:
        key.enter(KeyState.PENDING_REPLICA_DELETION)
        return
    key.enter(KeyState.PENDING_DELETION)
    key.deletes_at = now + timedelta(days=key.pending_window_days or 0)
