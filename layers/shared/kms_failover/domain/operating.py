"""The runbook's actions: what an operator can ask for, and what the answer shows."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, Protocol

from pydantic import ConfigDict, Field, field_validator

from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import RegionHealth
from kms_failover.domain.judgement import Judgement, first_judgement
from kms_failover.domain.key_set import Bucket, KeySet, Model
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import Intent, Mode, Route, in_force, returns_to
from kms_failover.domain.signals import IgnoredEvent
from kms_failover.errors import EpochConflictError, IntentRefusedError, UnknownKeySetError

ATTEMPTS = 5  # controllers write a few times a minute
MAX_REFUSALS = 100  # shown; all are kept
MAX_IGNORED_EVENTS = 10
MAX_HISTORY = 50
LONGEST_EXPIRY_MINUTES = 30 * 24 * 60


class ActionName(StrEnum):
    STATUS = "status"
    FAILOVER = "failover"
    FAILBACK = "failback"
    HOLD = "hold"
    RELEASE = "release"
    REIMPORT = "reimport"
    SWEEP = "sweep"


CHANGES_INTENT = frozenset({ActionName.FAILOVER, ActionName.FAILBACK, ActionName.HOLD, ActionName.RELEASE})


class Command(Model):
    """What the runbook function is invoked with. Callers such as Automation may add fields of their own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    Action: ActionName
    KeySet: str
    Region: str | None = None
    Reason: str = Field("", max_length=1024)
    Author: str = Field("", max_length=256)
    Insist: bool = False
    ExpiresInMinutes: int | None = Field(None, ge=1, le=LONGEST_EXPIRY_MINUTES)

    @field_validator("ExpiresInMinutes", mode="before")
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        """Automation's parameters are texts, empty where nobody filled them in."""
        return value if value != "" else None  # nothing else is meant

    FailIfRefused: bool = False  # for callers that look at success alone, as Automation does


class OperatorState(Protocol):
    """What a runbook reads and writes. Satisfied by the state table."""

    region: str

    def key_sets(self) -> tuple[KeySet, ...]: ...
    def judgement(self, key_set: str) -> Judgement | None: ...
    def put_judgement(self, judgement: Judgement) -> None: ...
    def history(self, key_set: str, at_most: int) -> tuple[Route, ...]: ...
    def intents(self, key_set: str) -> tuple[Intent, ...]: ...
    def put_intent(self, key_set: str, intent: Intent) -> None: ...
    def debts(self, key_set: str, owed_to: str = "") -> Iterable[Debt]: ...
    def refusals(self, key_set: str) -> Iterable[Refusal]: ...
    def material(self, key_set: str, region: str) -> MaterialRecord | None: ...
    def ignored_events(self, at_most: int) -> tuple[IgnoredEvent, ...]: ...


class Starter(Protocol):
    """Starts the longer work of other functions."""

    def reimport(self, key_set: str) -> dict[str, Any]: ...
    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]: ...


class ObjectCounts(Protocol):
    def objects(self, bucket: str) -> int | None:
        """How many objects the bucket has; None where that is not known."""


class Runbook:
    def __init__(
        self,
        state: OperatorState,
        starter: Starter,
        counts: ObjectCounts,
        wake_controller: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._starter = starter
        self._counts = counts
        self._wake_controller = wake_controller
        self._clock = clock

    def execute(self, command: Command) -> dict[str, Any]:
        """The answer as JSON-ready values.

        Raises:
            UnknownKeySetError: no such key set is applied in this region.
            IntentRefusedError: the command would make things worse; `Insist` overrules where the message says so.
        """
        key_set = self._key_set(command.KeySet)
        if command.Action in CHANGES_INTENT:
            intent = self._intent(command, key_set)
            status = self._status(key_set)  # with the debt counted before anything moves
            self._state.put_intent(key_set.name, intent)
            self._fence(key_set)
            self._wake_controller()
            return status | {"Intent": intent.model_dump(mode="json")}
        if command.Action is ActionName.REIMPORT:
            return self._starter.reimport(key_set.name)
        if command.Action is ActionName.SWEEP:
            buckets = tuple(bucket.name for bucket in key_set.buckets_in(self._state.region))
            return self._starter.sweep(key_set.name, buckets)
        return self._status(key_set)

    def _fence(self, key_set: KeySet) -> None:
        """A controller that has decided by older intents can no longer write: after the answer, a hold holds here."""
        for attempt in range(1, ATTEMPTS + 1):
            judgement = self._state.judgement(key_set.name)
            if judgement is None:
                return
            try:
                self._state.put_judgement(judgement.model_copy(update={"version": judgement.version + 1}))
            except EpochConflictError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _key_set(self, name: str) -> KeySet:
        found = next((key_set for key_set in self._state.key_sets() if key_set.name == name), None)
        if found is None:
            raise UnknownKeySetError(name)
        return found

    def _intent(self, command: Command, key_set: KeySet) -> Intent:
        if not command.Reason or not command.Author:
            raise IntentRefusedError(f"{command.Action} needs Reason and Author: they are kept as evidence")
        now = self._clock()
        judgement = self._judgement(key_set)
        mode, region, failback = Mode.AUTOMATIC, None, False
        if command.Action is ActionName.FAILOVER:
            mode, region = Mode.FORCE, _target(command, key_set, judgement)
        elif command.Action is ActionName.HOLD:
            mode = Mode.HOLD
        elif command.Action is ActionName.FAILBACK:
            failback = _may_return(key_set, judgement)
        lasts = command.ExpiresInMinutes
        return Intent(
            mode=mode,
            region=region,
            failback=failback,
            insist=command.Insist,
            epoch=in_force(self._state.intents(key_set.name), now).epoch + 1,
            written_in=self._state.region,
            author=command.Author,
            reason=command.Reason,
            at=now,
            expires_at=now + timedelta(minutes=lasts) if lasts else None,
        )

    def _judgement(self, key_set: KeySet) -> Judgement:
        known = self._state.judgement(key_set.name)
        return known or first_judgement(key_set, self._state.region, self._clock())

    def _status(self, key_set: KeySet) -> dict[str, Any]:
        """The composite view: everything about one key set that a person on call would ask for."""
        now = self._clock()
        judgement = self._judgement(key_set)
        intent = in_force(self._state.intents(key_set.name), now)
        debts = list(self._state.debts(key_set.name))
        debt = dict.fromkeys(key_set.regions, 0) | Counter(debt.owed_to for debt in debts)
        materials = [self._state.material(key_set.name, region) for region in key_set.regions]
        return {
            "KeySet": key_set.name,
            "Observer": self._state.region,
            "Route": _route(judgement.route)
            | {
                "Evidence": list(judgement.route.evidence),
                "SecondsSinceChange": int((now - judgement.route.decided_at).total_seconds()),
                "ChangesWithinTheHour": sum(now - t < timedelta(hours=1) for t in judgement.route.changes),
                "ChangesAllowed": key_set.rules.changes_per_hour,
            },
            "Intent": intent.model_dump(mode="json"),
            "Verdicts": {region: _verdict(judgement.health.get(region)) for region in key_set.regions},
            "Debt": debt,
            "Coverage": {
                bucket.name: self._coverage(bucket, debts) for bucket in key_set.buckets_in(self._state.region)
            },
            "Return": _return(key_set, judgement, intent, debt),
            "Refusals": [
                refusal.model_dump(mode="json", include={"bucket", "key", "reason"})
                for refusal in islice(self._state.refusals(key_set.name), MAX_REFUSALS)
            ],
            "Material": {
                record.region: {
                    "KeyMaterialId": record.key_material_id,
                    "ValidTo": _iso(record.valid_to),
                    "DaysLeft": (record.valid_to - now).days if record.valid_to else None,
                }
                for record in materials
                if record is not None
            },
            "History": [_route(route) for route in self._state.history(key_set.name, MAX_HISTORY)],
            "IgnoredEvents": [
                event.model_dump(mode="json") for event in self._state.ignored_events(MAX_IGNORED_EVENTS)
            ],
        }

    def _coverage(self, bucket: Bucket, debts: Sequence[Debt]) -> dict[str, Any]:
        """What opens with this region's key alone; `Share` is None while S3 has not counted the objects yet."""
        owed = sum(debt.bucket == bucket.name and debt.owed_to == bucket.region for debt in debts)
        objects = self._counts.objects(bucket.name)
        share = max(0.0, 1 - owed / objects) if objects else None
        return {"Objects": objects, "Owed": owed, "Share": share}


def _target(command: Command, key_set: KeySet, judgement: Judgement) -> str:
    if command.Region not in key_set.regions:
        raise IntentRefusedError(f"failover needs Region, one of {', '.join(key_set.regions)}; got {command.Region}")
    health = judgement.health.get(command.Region)
    if health is not None and not health.routable and not command.Insist:
        raise IntentRefusedError(
            f"{command.Region} is not usable ({health.in_words()}); say Insist to go there and stay all the same"
        )
    return command.Region


def _may_return(key_set: KeySet, judgement: Judgement) -> bool:
    preferred = key_set.regions[0]
    health = judgement.health.get(preferred)
    if health is None or not health.may_be_returned_to:
        why = health.in_words() if health else "nothing observed yet"
        raise IntentRefusedError(f"{preferred} is not healthy ({why}): hold on, or use failover with Insist")
    return True


def _return(key_set: KeySet, judgement: Judgement, intent: Intent, debt: Mapping[str, int]) -> str:
    """What the way back to the preferred region waits for."""
    head, preferred = judgement.route.regions[0], key_set.regions[0]
    if head == preferred:
        return "not needed"
    health = judgement.health.get(preferred)
    if health is None or not health.may_be_returned_to:
        return f"waits for {preferred} to be healthy"
    if returns_to(key_set, judgement.route, judgement.health, intent) is None:
        return "waits for an operator: failback, or release where the route is held or forced"
    if debt.get(preferred, 0) > key_set.rules.debt_allowed_to_return:
        return f"waits for {debt[preferred]} objects owed to {preferred} to be repaid"
    return "at the controller's next run"


def _route(route: Route) -> dict[str, Any]:
    return {
        "Regions": list(route.regions),
        "Epoch": route.epoch,
        "Reason": route.reason,
        "DecidedAt": route.decided_at.isoformat(),
    }


def _verdict(health: RegionHealth | None) -> dict[str, Any]:
    if health is None:
        return {"Verdict": "unknown", "Since": None, "Reason": "nothing observed yet", "KeyUsable": True}
    return {
        "Verdict": health.verdict.value,
        "Since": health.since.isoformat(),
        "Reason": health.reason,
        "KeyUsable": health.key_usable,
        **({"KeyReason": health.key_reason} if not health.key_usable else {}),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
