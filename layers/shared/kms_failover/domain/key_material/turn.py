"""One member key's turn in a run of reimport: looked at, imported if it is due, proved, written down."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from kms_failover.domain.key_material.concern import FOR_PEOPLE, QUICK_TRIES, concern_of, is_late
from kms_failover.domain.key_material.material import (
    ENABLED,
    PENDING_IMPORT,
    PRESENT,
    Concern,
    KeyView,
    MaterialLoss,
    MaterialRecord,
)
from kms_failover.domain.key_material.plan import WHOLE_SECOND, Action, ImportPlan, MaterialContext, plan_import
from kms_failover.domain.key_material.ports import Ports
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.key_set import KeySet, Material, MemberKey
from kms_failover.domain.plain_text import shown
from kms_failover.errors import (
    ImportRefusedError,
    IntentRefusedError,
    KeyNotReadyError,
    SentinelError,
    SeveralMaterialsError,
    ThrottledError,
)

FIRST_WAIT = timedelta(minutes=30)  # two runs of the schedule; doubled with each failure after that
LONGEST_WAIT = timedelta(hours=4)
LONGEST_VALIDITY = timedelta(days=365) - timedelta(hours=1)  # facts 1.2: 365 days, by KMS's clock and not by ours
LONGEST_FAILURE = 500  # characters that are kept of an error's message
NOT_REACHED = "not reached in this run: the next one goes on"
TAKES_NONE = "KMS takes material in Enabled, Disabled and PendingImport alone. Cancel its deletion, or wait; then order"
ORDER_NOT_REACHED = "the run's time was over before its turn: order it again"


class Turn:
    """Its steps in order: `read`, `look`, `imports` where `is_due`, `settles` until it does, `conclude`.

    A step that fails leaves its `error`: what fails for one key stops no other one.
    """

    def __init__(self, ports: Ports, key_set: KeySet, member: MemberKey, material: Material) -> None:
        self._ports = ports
        self.key_set = key_set
        self.member = member
        self._material = material
        self.record = MaterialRecord(key_set=key_set.name, region=member.region, key_arn=member.arn)
        self.plan = ImportPlan(Action.NOTHING, NOT_REACHED)
        self.error: Exception | None = None
        self._losses: tuple[MaterialLoss, ...] = ()
        self._is_read = False
        self._view: KeyView | None = None
        self._several = ""
        self._imported: tuple[datetime, datetime] | None = None  # at, valid to

    def read(self) -> None:
        with self._kept():
            self._read()

    def look(self, *, ordered: bool) -> None:
        with self._kept():
            self._look(ordered=ordered)

    @property
    def is_due(self) -> bool:
        return self.plan.action is not Action.NOTHING and isinstance(self.error, SeveralMaterialsError | None)

    @property
    def tried_at(self) -> datetime:
        return self.record.tried_at or datetime.min.replace(tzinfo=UTC)

    @property
    def waits_until(self) -> datetime | None:
        """A key that failed again and again is tried less and less often."""
        tries = self.record.failures - QUICK_TRIES
        if tries < 0 or self.record.failed_at is None:
            return None
        return self.record.failed_at + min(FIRST_WAIT * (1 << min(tries, 10)), LONGEST_WAIT)

    @property
    def urgency(self) -> tuple[bool, bool, datetime]:
        """Lowest first: what may succeed before what has failed often; what does not open; what expires soonest."""
        expiry = self._view.valid_to if self._view and self._view.valid_to else self._ports.clock()
        return self.record.failures >= QUICK_TRIES, self.plan.action is not Action.RESTORE, expiry

    def wait(self, until: datetime) -> None:
        failure = f"{self.record.failure} ({self.record.failures} times in a row; next try after {until.isoformat()})"
        self.plan = ImportPlan(Action.NOTHING, failure, Concern(self.record.concern))

    def leave(self) -> None:
        """No failure of the key's; but one that run after run leaves is people's business before it lapses."""
        late = is_late(self.record, self._material, self._ports.clock())
        self.plan = ImportPlan(Action.NOTHING, NOT_REACHED, Concern.FAILING if late else Concern(self.record.concern))

    def imports(self) -> bool:
        """False: KMS is asked too much, and nothing has happened."""
        try:
            with self._kept(but=ThrottledError):
                self._import()
        except ThrottledError:
            return False
        return True

    @property
    def is_imported(self) -> bool:
        return self._imported is not None

    def settles(self) -> bool:
        """False: KMS may yet show what was imported. A disabled key stays so: it is imported, and not proved."""
        if self._several:
            return True  # what KMS shows hangs on the other materials: nothing to wait for
        self.error = None
        with self._kept():
            self._settle()
        return not isinstance(self.error, KeyNotReadyError | SeveralMaterialsError)

    def conclude(self) -> None:
        """Writes down what was seen and done, whatever it was; never over a record that could not be read."""
        now, waits = self._ports.clock(), self.plan.action is Action.NOTHING and self.error is None
        update: dict[str, object] = {"reason": self.plan.reason}
        if self.error is not None:
            failure = shown(f"{type(self.error).__name__}: {self.error}", LONGEST_FAILURE)
            update |= {"failure": failure, "failed_at": now, "failures": self.record.failures + 1}
        elif not (waits and self.plan.concern is Concern.FAILING):
            update |= {"failures": 0}
        self.record = self.record.but(**update)
        self.record = self.record.but(concern=concern_of(self.record, self.plan, self.error, now).value)
        if self._is_read:
            with self._kept():
                self._ports.ledger.put_material(self.record)

    def expect_import(self) -> None:
        """An order that has imported nothing has failed; the key has not, so what was written down of it stays."""
        if self.error is None and self.plan.action is Action.NOTHING:
            why = ORDER_NOT_REACHED if self.plan.reason == NOT_REACHED else self.plan.reason
            if self._view is not None and self._view.state not in PRESENT | {PENDING_IMPORT}:
                why = f"{why}. {TAKES_NONE}"
            self.error = IntentRefusedError(f"nothing was imported: {why}")

    @property
    def has_unpublished_concern(self) -> bool:
        """Something that people do not know of, and of which it can be written down that they do.

        Of a key without a readable record they would be told by each run: the alarms tell them once.
        """
        return self._is_read and self.record.published_concern != self.record.concern

    def mark_published(self) -> None:
        self.record = self.record.but(published_concern=self.record.concern)
        with self._kept():
            self._ports.ledger.put_material(self.record)

    @property
    def result(self) -> Reimport:
        done = self.error is None
        reason = self.plan.reason if done else f"{type(self.error).__name__}: {self.error}"
        return Reimport(
            self.key_set.name,
            self.member.region,
            self.plan.action if done else Action.NOTHING,
            reason,
            self.record.key_material_id,
            self.record.shown_valid_to if self.record.state in PRESENT else None,
            self.record.state,
            Concern(self.record.concern),
            self.error,
            may_pass=self.record.failures < QUICK_TRIES and not isinstance(self.error, FOR_PEOPLE),
        )

    @contextmanager
    def _kept(self, but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
        try:
            yield
        except but:
            raise
        except Exception as error:  # noqa: BLE001  # it is written down, told, and raised where somebody waits for it
            self.error = error

    def _read(self) -> None:
        """A record of another key, from before the member key was replaced, says nothing about this one."""
        name, region, arn = self.key_set.name, self.member.region, self.member.arn
        record = self._ports.ledger.material(name, region)
        if record is not None and record.key_arn == arn:
            self.record = record
        self._losses = tuple(loss for loss in self._ports.ledger.losses(name, region) if loss.key_arn == arn)
        self._is_read = True

    def _look(self, *, ordered: bool) -> None:
        if not self._is_read:
            return  # without its record nobody knows what may be done
        now = self._ports.clock()
        self.record = self.record.but(tried_at=now)
        self._view = view = self._ports.keys.view(self.member.arn)
        self._several = view.several(self.record.key_material_id)
        self._see(view, now)
        self.plan = plan_import(view, MaterialContext(self.record, self._material, self._losses), now, ordered=ordered)
        if self._several:
            expiry = view.valid_to.isoformat() if view.valid_to else "once one of them is gone"
            self.error = SeveralMaterialsError(
                f"{self.member.arn}: {self._several}; nothing under it opens after {expiry}"
            )
        elif self.plan.action is Action.NOTHING and view.state == ENABLED:
            self._catch_up(view)

    def _import(self) -> None:
        view, now = self._view, self._ports.clock()
        if view is None:
            return
        valid_for = min(timedelta(days=self._material.valid_for_days), LONGEST_VALIDITY)
        valid_to = (now + valid_for).replace(microsecond=0)
        try:
            material_id = self._ports.keys.import_material(
                self.member.arn,
                lambda: self._ports.custody.fetch(self.key_set.name, self._material.secret),
                valid_to,
                first=not (view.is_replica or view.has_had_material or self.record.key_material_id),
            )
        except ImportRefusedError:
            if not view.is_replica or view.has_had_material or self._primary_has_material():
                raise
            self.plan = ImportPlan(Action.NOTHING, "waits for the primary key: its material is imported there first")
            return
        self._imported = now, valid_to
        self.record = self.record.but(key_material_id=material_id)

    def _settle(self) -> None:
        if self._imported is None:
            return
        at, valid_to = self._imported
        view = self._ports.keys.describe(self.member.arn)
        self._see(view, self._ports.clock())
        if view.state not in PRESENT:
            raise KeyNotReadyError(f"{self.member.arn} is {view.state} after its material was imported")
        if view.valid_to is None or view.valid_to < valid_to - WHOLE_SECOND:
            raise SeveralMaterialsError(
                f"KMS shows that {self.member.arn} expires at {view.valid_to}, although its material was imported "
                f"until {valid_to}: the key has another key material, the service keeps one"
            )
        if view.valid_to > valid_to + WHOLE_SECOND:
            raise KeyNotReadyError(
                f"KMS goes on showing that {self.member.arn} expires at {view.valid_to}, although its material was "
                f"imported until {valid_to}: what was imported is not in force"
            )
        if view.state == ENABLED:
            self._prove()
        self.record = self.record.but(imported_at=at, valid_to=valid_to)

    def _see(self, view: KeyView, now: datetime) -> None:
        absent_since = None if view.state in PRESENT else self.record.absent_since or now
        update: dict[str, object] = {"seen_at": now, "state": view.state, "absent_since": absent_since}
        if view.state in PRESENT:
            update |= {"present_at": now, "present_state": view.state, "shown_valid_to": view.valid_to}
        self.record = self.record.but(**update)

    def _catch_up(self, view: KeyView) -> None:
        """The sentinel is made while the material is known to be right, so that a later restoration can be proved.

        It also catches up with an import that this service did not do, or did and did not live to write down.
        """
        if not self.record.sentinel or self.record.valid_to != view.valid_to:
            update = {"key_material_id": view.material_id, "valid_to": view.valid_to}
            self.record = self.record.but(**update)
            self._prove()

    def _prove(self) -> None:
        context = {"kms-failover": "sentinel", "key-set": self.key_set.name}
        keys, arn = self._ports.keys, self.member.arn
        if not self.record.sentinel:
            sentinel = base64.b64encode(keys.make_sentinel(arn, context)).decode()
            self.record = self.record.but(sentinel=sentinel)
        if not keys.opens_sentinel(arn, base64.b64decode(self.record.sentinel), context):
            raise SentinelError(f"the sentinel of key set {self.key_set.name!r} does not open with {arn}")

    def _primary_has_material(self) -> bool:
        """As the primary's own region has written down; KMS tells a replica's region nothing of it."""
        related = [m for m in self.key_set.members if m.key_id == self.member.key_id and m != self.member]
        records = [self._ports.ledger.material(self.key_set.name, member.region) for member in related]
        return any(record is not None and record.key_material_id for record in records)
