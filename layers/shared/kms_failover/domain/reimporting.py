"""Imported key material, kept valid: renewed in time, restored when it is gone, proved by a sentinel ciphertext."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from kms_failover.domain.key_set import KeySet, Material, MemberKey, Origin
from kms_failover.domain.material import Action, MaterialRecord, plan_import
from kms_failover.domain.reimport_request import ReimportRequest
from kms_failover.errors import KeyNotReadyError, SentinelError, UnknownKeySetError

POLL_SECONDS = 2.0
POLLS = 15  # facts 1.8: the control plane is consistent after seconds; half a minute leaves time for a second key
USABLE = "Enabled"
DISABLED = "Disabled"


@dataclass(frozen=True, repr=False)
class PlainMaterial:
    """The bytes of a key. No repr: it would show them. Made, passed on and dropped within one expression."""

    value: bytes


@dataclass(frozen=True)
class KeyView:
    """What DescribeKey shows. `valid_to` is the earliest expiry over all materials of the key (facts 1.5)."""

    state: str
    valid_to: datetime | None
    material_id: str


class Custody(Protocol):
    def fetch(self, key_set: str, secret: str) -> PlainMaterial:
        """MaterialMissingError if it holds none, or not as many bytes as a key has."""
        ...


class MemberKeys(Protocol):
    """The member keys of one region."""

    def describe(self, arn: str) -> KeyView: ...

    def import_material(self, arn: str, material: PlainMaterial, valid_to: datetime, *, first: bool) -> str:
        """The key material id. ImportRefusedError if these bytes are not this key's."""
        ...

    def make_sentinel(self, arn: str, context: dict[str, str]) -> bytes:
        """KeyNotReadyError while the key cannot be used."""
        ...

    def opens_sentinel(self, arn: str, sentinel: bytes, context: dict[str, str]) -> bool:
        """KeyNotReadyError while the key cannot be used."""
        ...


class MaterialLedger(Protocol):
    """Satisfied by the state table."""

    def material(self, key_set: str, region: str) -> MaterialRecord | None: ...
    def put_material(self, record: MaterialRecord) -> None: ...


@dataclass(frozen=True)
class Reimport:
    """What was done for one member key; `error` if it could not be."""

    key_set: str
    region: str
    action: Action
    reason: str
    key_material_id: str = ""
    valid_to: datetime | None = None
    error: Exception | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ReimportService:
    key_sets: Callable[[], tuple[KeySet, ...]]
    ledger: MaterialLedger
    custody: Custody
    keys: MemberKeys
    region: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def run(self, request: ReimportRequest) -> Iterator[Reimport]:
        """One result a member key, as it is reached; a failed one does not stop the others: look at `error`.

        Raises:
            UnknownKeySetError: the request names a key set that is not there. A key of nobody's gives no result.
        """
        for key_set, member, material in self._chosen(request):
            yield self._attempt(key_set, member, material, force=request.force)

    def _chosen(self, request: ReimportRequest) -> list[tuple[KeySet, MemberKey, Material]]:
        key_sets = self.key_sets()
        if request.key_set is not None and not any(key_set.name == request.key_set for key_set in key_sets):
            raise UnknownKeySetError(request.key_set)
        chosen = []
        for key_set in key_sets:
            member = key_set.member_in(self.region)
            if member is None or member.origin is not Origin.EXTERNAL or key_set.material is None:
                continue
            if request.key_set in {None, key_set.name} and request.key_id in {None, member.arn, member.key_id}:
                chosen.append((key_set, member, key_set.material))
        return chosen

    def _attempt(self, key_set: KeySet, member: MemberKey, material: Material, *, force: bool) -> Reimport:
        try:
            return _Import(self, key_set.name, member, material).run(force=force)
        except Exception as error:  # noqa: BLE001  # the handler raises it again once the other keys had their turn
            return Reimport(key_set.name, self.region, Action.NOTHING, f"{type(error).__name__}: {error}", error=error)


@dataclass(frozen=True)
class _Import:
    """One member key's turn."""

    service: ReimportService
    key_set: str
    member: MemberKey
    material: Material

    def run(self, *, force: bool) -> Reimport:
        now = self.service.clock()
        view = self.service.keys.describe(self.member.arn)
        record = self._record()
        action, reason = plan_import(view.state, view.valid_to, self.material, now)
        if force and action is Action.NOTHING and view.state in {USABLE, DISABLED}:
            action, reason = Action.RENEW, "asked for"
        if action is Action.NOTHING:
            return self._keep(view, record, reason)
        return self._import(view, record, action, reason, now)

    def _import(self, view: KeyView, record: MaterialRecord, action: Action, reason: str, now: datetime) -> Reimport:
        valid_to = (now + timedelta(days=self.material.valid_for_days)).replace(microsecond=0)
        material_id = self.service.keys.import_material(
            self.member.arn,
            self.service.custody.fetch(self.key_set, self.material.secret),
            valid_to,
            first=not view.material_id and not record.key_material_id,
        )
        record = record.model_copy(
            update={"key_material_id": material_id, "imported_at": now, "valid_to": valid_to, "reason": reason}
        )
        self.service.ledger.put_material(self._settle(record))
        return Reimport(self.key_set, self.member.region, action, reason, material_id, valid_to)

    def _keep(self, view: KeyView, record: MaterialRecord, reason: str) -> Reimport:
        """The sentinel is made while the material is known to be right, so that a later restoration can be proved.

        It also catches up with an import that this service did not do, or did and did not live to write down.
        """
        known = record.sentinel and record.valid_to == view.valid_to
        if view.state == USABLE and not known:
            record = record.model_copy(
                update={"key_material_id": view.material_id, "valid_to": view.valid_to, "reason": reason}
            )
            self.service.ledger.put_material(self._prove(record))
        return Reimport(self.key_set, self.member.region, Action.NOTHING, reason, view.material_id, view.valid_to)

    def _record(self) -> MaterialRecord:
        """A record of another key, from before the member key was replaced, says nothing about this one."""
        record = self.service.ledger.material(self.key_set, self.member.region)
        if record is not None and record.key_arn == self.member.arn:
            return record
        return MaterialRecord(key_set=self.key_set, region=self.member.region, key_arn=self.member.arn)

    def _settle(self, record: MaterialRecord) -> MaterialRecord:
        """Wait until the key is usable, then prove it. A disabled key stays disabled: it is imported and not proved."""
        not_ready: KeyNotReadyError | None = None
        for poll in range(POLLS):
            if poll:
                self.service.sleep(POLL_SECONDS)
            state = self.service.keys.describe(self.member.arn).state
            if state == DISABLED:
                return record
            if state == USABLE:
                try:
                    return self._prove(record)
                except KeyNotReadyError as error:
                    not_ready = error
        raise not_ready or KeyNotReadyError(
            f"{self.member.arn} is {state} after its material was imported: another of its materials may be missing"
        )

    def _prove(self, record: MaterialRecord) -> MaterialRecord:
        context = {"kms-failover": "sentinel", "key-set": self.key_set}
        if not record.sentinel:
            sentinel = self.service.keys.make_sentinel(self.member.arn, context)
            record = record.model_copy(update={"sentinel": base64.b64encode(sentinel).decode()})
        if not self.service.keys.opens_sentinel(self.member.arn, base64.b64decode(record.sentinel), context):
            raise SentinelError(f"the sentinel of key set {self.key_set!r} does not open with {self.member.arn}")
        return record
