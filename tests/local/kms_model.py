"""What KMS should do with keys and materials, written down once more and as plainly as possible.

It shares no line with the strict KMS. Materials have names ("A", "B", ...), ciphertexts are tuples, and a call answers
with an error code or with OK.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

OK = "OK"
DAY = timedelta(days=1)
MOST_ROTATIONS = 25  # facts 1.5


@dataclass
class Side:
    """One Region's key: what it has of the materials, with their expiries, and what was done to it."""

    has: dict[str, datetime | None] = field(default_factory=dict)
    switched_off: bool = False
    deleted_at: datetime | None = None
    waits_for_replicas: bool = False
    window: timedelta = DAY

    @property
    def is_doomed(self) -> bool:
        return self.deleted_at is not None or self.waits_for_replicas


@dataclass
class ModelKey:
    origin: str
    is_multi_region: bool
    primary: str
    sides: dict[str, Side]
    permanent: list[str] = field(default_factory=list)
    pending: str | None = None
    rotations: int = 0

    @property
    def is_external(self) -> bool:
        return self.origin == "EXTERNAL"

    @property
    def current(self) -> str | None:
        return self.permanent[-1] if self.permanent else None

    def lacks_material(self, region: str) -> bool:
        if not self.is_external:
            return False
        return not self.permanent or any(name not in self.sides[region].has for name in self.permanent)

    def state(self, region: str) -> str:
        side = self.sides[region]
        if side.waits_for_replicas:
            return "PendingReplicaDeletion"
        if side.deleted_at is not None:
            return "PendingDeletion"
        if self.lacks_material(region):
            return "PendingImport"
        return "Disabled" if side.switched_off else "Enabled"

    def material_states(self) -> dict[str, str]:
        states = dict.fromkeys(self.permanent, "NON_CURRENT")
        if self.current is not None:
            states[self.current] = "CURRENT"
        if self.pending is not None:
            everywhere = all(self.pending in side.has for side in self.sides.values())
            ready = everywhere or len(self.sides) == 1
            states[self.pending] = "PENDING_ROTATION" if ready else "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
        return states

    def remember_loss(self, region: str) -> None:
        """A key that has come back from PendingImport is Enabled, whatever it was before."""
        if self.lacks_material(region) and not self.sides[region].is_doomed:
            self.sides[region].switched_off = False


def refusal(state: str) -> str:
    return "DisabledException" if state == "Disabled" else "KMSInvalidStateException"


class Model:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self.keys: list[ModelKey] = []

    def create(self, region: str, origin: str, *, is_multi_region: bool) -> ModelKey:
        key = ModelKey(origin, is_multi_region, region, {region: Side()})
        if not key.is_external:
            key.permanent.append("generated 0")
        self.keys.append(key)
        return key

    def import_material(
        self, key: ModelKey, region: str, name: str, valid_to: datetime | None, import_type: str | None
    ) -> str:
        if not key.is_external:
            return "UnsupportedOperationException"
        if key.sides[region].is_doomed:
            return "KMSInvalidStateException"
        known = [*key.permanent, *([key.pending] if key.pending else [])]
        if import_type == "NEW_KEY_MATERIAL" or (import_type is None and not known):
            outcome = self._associate(key, region, name, is_known=name in known)
        else:
            outcome = OK if name in known else "IncorrectKeyMaterialException"
        if outcome == OK:
            key.sides[region].has[name] = valid_to
        return outcome

    def _associate(self, key: ModelKey, region: str, name: str, *, is_known: bool) -> str:
        if region != key.primary:
            return "UnsupportedOperationException"
        if is_known:
            return "IncorrectKeyMaterialException"
        if not key.permanent:
            key.permanent.append(name)
            return OK
        if key.pending is not None and any(key.pending in side.has for side in key.sides.values()):
            return "KMSInvalidStateException"
        self._forget_pending(key)
        key.pending = name
        return OK

    def _forget_pending(self, key: ModelKey) -> None:
        for side in key.sides.values():
            side.has.pop(key.pending or "", None)
        key.pending = None

    def delete_material(self, key: ModelKey, region: str, name: str | None) -> str:
        if not key.is_external:
            return "UnsupportedOperationException"
        if name is None:
            name = key.current
            if name is None:
                return OK
        if name == key.pending and region == key.primary:
            self._forget_pending(key)
        elif name == key.pending or name in key.permanent:
            key.sides[region].has.pop(name, None)
        else:
            return "NotFoundException"
        key.remember_loss(region)
        return OK

    def rotate(self, key: ModelKey, region: str) -> str:
        if region != key.primary:
            return "UnsupportedOperationException"
        if key.state(region) != "Enabled":
            return refusal(key.state(region))
        if key.rotations >= MOST_ROTATIONS:
            return "LimitExceededException"
        if not key.is_external:
            key.permanent.append(f"generated {len(key.permanent)}")
        elif key.pending is None or any(key.pending not in side.has for side in key.sides.values()):
            return "KMSInvalidStateException"
        else:
            key.permanent.append(key.pending)
            key.pending = None
        key.rotations += 1
        return OK

    def replicate(self, key: ModelKey, region: str, to_region: str) -> str:
        if not key.is_multi_region or region != key.primary:
            return "UnsupportedOperationException"
        if key.state(region) not in ("Enabled", "PendingImport"):
            return refusal(key.state(region))
        if to_region in key.sides:
            return "AlreadyExistsException"
        key.sides[to_region] = Side()
        return OK

    def move_primary(self, key: ModelKey, region: str, to_region: str) -> str:
        if not key.is_multi_region or region != key.primary:
            return "UnsupportedOperationException"
        if key.state(region) != "Enabled":
            return refusal(key.state(region))
        if to_region not in key.sides:
            return "NotFoundException"
        if key.state(to_region) != "Enabled":
            return refusal(key.state(to_region))
        key.primary = to_region
        return OK

    def switch(self, key: ModelKey, region: str, *, off: bool) -> str:
        if key.state(region) not in ("Enabled", "Disabled"):
            return "KMSInvalidStateException"
        key.sides[region].switched_off = off
        return OK

    def schedule_deletion(self, key: ModelKey, region: str, days: int) -> str:
        side = key.sides[region]
        if side.is_doomed:
            return "KMSInvalidStateException"
        side.window = days * DAY
        if region == key.primary and len(key.sides) > 1:
            side.waits_for_replicas = True
        else:
            side.deleted_at = self.now + side.window
        return OK

    def cancel_deletion(self, key: ModelKey, region: str) -> str:
        side = key.sides[region]
        if not side.is_doomed:
            return "KMSInvalidStateException"
        side.deleted_at, side.waits_for_replicas, side.switched_off = None, False, True
        key.remember_loss(region)
        return OK

    def use(self, key: ModelKey, region: str) -> str:
        state = key.state(region)
        return OK if state == "Enabled" else refusal(state)

    def pass_time(self, by: timedelta) -> None:
        self.now += by
        for key in self.keys:
            self._expire(key)
            self._delete(key)

    def _expire(self, key: ModelKey) -> None:
        for region, side in key.sides.items():
            gone = [name for name, valid_to in side.has.items() if valid_to is not None and valid_to <= self.now]
            for name in gone:
                del side.has[name]
            if gone:
                key.remember_loss(region)

    def _delete(self, key: ModelKey) -> None:
        for region in [
            r for r, side in key.sides.items() if side.deleted_at is not None and side.deleted_at <= self.now
        ]:
            del key.sides[region]
        waiting = key.sides.get(key.primary)
        if waiting is not None and waiting.waits_for_replicas and len(key.sides) == 1:
            waiting.waits_for_replicas, waiting.deleted_at = False, self.now + waiting.window
