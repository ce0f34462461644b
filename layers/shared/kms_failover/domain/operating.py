"""The runbook's actions: what an operator can ask for, and what the answer shows."""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import ConfigDict, Field

from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import RegionHealth, Verdict
from kms_failover.domain.key_set import KeySet, Model
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import Intent, Mode, Route, first_route, newest
from kms_failover.errors import IntentRefusedError, UnknownKeySetError

MAX_REFUSALS = 100  # shown; all are kept


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
    FailIfRefused: bool = False  # for callers that look at success alone, as Automation does


class OperatorState(Protocol):
    """What a runbook reads and writes. Satisfied by the state table."""

    region: str

    def key_sets(self) -> tuple[KeySet, ...]: ...
    def health(self, key_set: str) -> dict[str, RegionHealth]: ...
    def route(self, key_set: str) -> Route | None: ...
    def history(self, key_set: str) -> tuple[Route, ...]: ...
    def intents(self, key_set: str) -> tuple[Intent, ...]: ...
    def put_intent(self, key_set: str, intent: Intent) -> None: ...
    def debts(self, key_set: str, owed_to: str = "") -> Iterable[Debt]: ...
    def refusals(self, key_set: str) -> Iterable[Refusal]: ...
    def material(self, key_set: str, region: str) -> MaterialRecord | None: ...


class Starter(Protocol):
    """Starts the longer work of other functions."""

    def reimport(self, key_set: str) -> dict[str, Any]: ...
    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]: ...


class Runbook:
    def __init__(
        self,
        state: OperatorState,
        starter: Starter,
        wake_controller: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._starter = starter
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
            self._wake_controller()
            return status | {"Intent": intent.model_dump(mode="json")}
        if command.Action is ActionName.REIMPORT:
            return self._starter.reimport(key_set.name)
        if command.Action is ActionName.SWEEP:
            buckets = tuple(bucket.name for bucket in key_set.buckets_in(self._state.region))
            return self._starter.sweep(key_set.name, buckets)
        return self._status(key_set)

    def _key_set(self, name: str) -> KeySet:
        found = next((key_set for key_set in self._state.key_sets() if key_set.name == name), None)
        if found is None:
            raise UnknownKeySetError(name)
        return found

    def _intent(self, command: Command, key_set: KeySet) -> Intent:
        if not command.Reason or not command.Author:
            raise IntentRefusedError(f"{command.Action} needs Reason and Author: they are kept as evidence")
        current = newest(self._state.intents(key_set.name))
        mode, region, failback = Mode.AUTOMATIC, None, False
        if command.Action is ActionName.FAILOVER:
            mode, region = Mode.FORCE, self._target(command, key_set)
        elif command.Action is ActionName.HOLD:
            mode = Mode.HOLD
        elif command.Action is ActionName.FAILBACK:
            failback = self._may_return(key_set)
        return Intent(
            mode=mode,
            region=region,
            failback=failback,
            epoch=current.epoch + 1,
            written_in=self._state.region,
            author=command.Author,
            reason=command.Reason,
            at=self._clock(),
        )

    def _target(self, command: Command, key_set: KeySet) -> str:
        if command.Region not in key_set.regions:
            raise IntentRefusedError(
                f"failover needs Region, one of {', '.join(key_set.regions)}; got {command.Region}"
            )
        health = self._state.health(key_set.name).get(command.Region)
        if health is not None and not health.routable and not command.Insist:
            why = health.reason if health.key_usable else "its key is not usable"
            raise IntentRefusedError(f"{command.Region} is not usable ({why}); say Insist to go there all the same")
        return command.Region

    def _may_return(self, key_set: KeySet) -> bool:
        preferred = key_set.regions[0]
        health = self._state.health(key_set.name).get(preferred)
        verdict = health.verdict if health else Verdict.UNKNOWN
        if verdict is not Verdict.HEALTHY or health is None or not health.key_usable:
            raise IntentRefusedError(f"{preferred} is {verdict}, not healthy: hold on, or use failover with Insist")
        return True

    def _status(self, key_set: KeySet) -> dict[str, Any]:
        route = self._state.route(key_set.name) or first_route(key_set, self._state.region, self._clock())
        health = self._state.health(key_set.name)
        materials = [self._state.material(key_set.name, region) for region in key_set.regions]
        return {
            "KeySet": key_set.name,
            "Observer": self._state.region,
            "Route": _route(route) | {"Evidence": list(route.evidence)},
            "Intent": newest(self._state.intents(key_set.name)).model_dump(mode="json"),
            "Verdicts": {region: _verdict(health.get(region)) for region in key_set.regions},
            "Debt": self._debt(key_set),
            "Refusals": [
                refusal.model_dump(mode="json", include={"bucket", "key", "reason"})
                for refusal, _ in zip(self._state.refusals(key_set.name), range(MAX_REFUSALS), strict=False)
            ],
            "Material": {
                record.region: {"KeyMaterialId": record.key_material_id, "ValidTo": _iso(record.valid_to)}
                for record in materials
                if record is not None
            },
            "History": [_route(route) for route in self._state.history(key_set.name)],
        }

    def _debt(self, key_set: KeySet) -> dict[str, int]:
        counts = dict.fromkeys(key_set.regions, 0)
        for debt in self._state.debts(key_set.name):
            counts[debt.owed_to] = counts.get(debt.owed_to, 0) + 1
        return counts


def _route(route: Route) -> dict[str, Any]:
    return {
        "Regions": list(route.regions),
        "Epoch": route.epoch,
        "Reason": route.reason,
        "DecidedAt": route.decided_at.isoformat(),
    }


def _verdict(health: RegionHealth | None) -> dict[str, Any]:
    if health is None:
        return {"Verdict": Verdict.UNKNOWN.value, "Since": None, "Reason": "nothing observed yet", "KeyUsable": True}
    return {
        "Verdict": health.verdict.value,
        "Since": health.since.isoformat(),
        "Reason": health.reason,
        "KeyUsable": health.key_usable,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
