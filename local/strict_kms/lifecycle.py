"""What time does to keys: materials expire, keys under deletion go, transient states end (facts 1.5, 1.8, 1.9)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from moto.kms.models import KmsBackend, kms_backends
from typing_extensions import Self

from . import events, families
from .event_log import Event
from .installation import Installation
from .keys import StrictKey
from .states import KeyState

Backend = TypeVar("Backend", bound="KeyLifecycle")


class KeyLifecycle(KmsBackend):
    """moto's backend whose keys change with time, each change an event. It looks when the next one is due."""

    def __init__(self, region_name: str, account_id: str, installation: Installation) -> None:
        super().__init__(region_name, account_id)
        self.installation = installation
        self.next_change: datetime | None = None

    def reset(self) -> None:
        """The inherited one would call __init__ without the installation."""
        self.__init__(self.region_name, self.account_id, self.installation)  # type: ignore[misc]  # as moto does

    def sibling(self, region: str) -> Self:
        """The same account's backend in another Region."""
        return cast("Self", kms_backends[self.account_id][region])

    def strict_keys(self) -> list[StrictKey]:
        return [key for key in self.keys.values() if isinstance(key, StrictKey)]

    def settle(self) -> None:
        """Does what is due. Called before every answer and by the server's ticker; cheap when nothing is due."""
        with self.installation.lock:
            now = self.installation.now()
            if self.next_change is not None and self.next_change <= now:
                self._settle_keys(now)
                self.plan()

    def plan(self) -> None:
        """To be called after every change of what time will do to keys in this Region."""
        moments = [moment for key in self.strict_keys() if (moment := key.next_change) is not None]
        self.next_change = min(moments, default=None)

    def publish(self, make: Callable[..., Event], key: StrictKey, **details: Any) -> None:
        """`make` is one of `events`; who, where and when are added."""
        place = events.Place(key.region, self.account_id, self.installation.now())
        self.installation.sink.publish(make(place, key_arn=key.arn, **details))

    def _settle_keys(self, now: datetime) -> None:
        for key in self.strict_keys():
            key.end_transient(now)
            self._expire(key, now)
            if key.deletes_at is not None and key.deletes_at <= now:
                self._delete(key, now)

    def _expire(self, key: StrictKey, now: datetime) -> None:
        expired = key.materials.expire(now)
        if not expired:
            return
        families.align(key)
        key.follow_materials()
        for material_id in expired:  # facts 1.9: one event per material, after it is gone
            self.publish(events.material_expired, key, material_id=material_id)
            self.publish(events.expired_material_deleted, key, material_id=material_id)

    def _delete(self, key: StrictKey, now: datetime) -> None:
        family = [related for related in key.family() if related is not key]
        self.delete_key(key.id)
        self.publish(events.key_deleted, key)
        for related in family:
            families.align(related)
            if related.settled_state is KeyState.PENDING_REPLICA_DELETION and len(family) == 1:
                related.begin_waiting_period(now)
                self.sibling(related.region).plan()
