"""The runbook's actions: what an operator can ask for, and what the answer shows.

IAM decides who may order a failover: whoever may invoke the runbook function. `Author` is evidence, not a check.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import ConfigDict, Field, field_validator
from pydantic.alias_generators import to_pascal

from kms_failover.domain.data_keys.accounts import refused_members
from kms_failover.domain.key_material.plan import nothing_to_import
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.model import Model
from kms_failover.domain.routing.intent import Intent, Mode, in_force
from kms_failover.domain.routing.judgement import Judgement, first_judgement
from kms_failover.domain.routing.observation import Observation
from kms_failover.domain.routing.optimistic_write import write_over_conflicts
from kms_failover.domain.runbook.status import MAX_DEBTS, ViewState, view
from kms_failover.domain.timing import CLOCK_SKEW
from kms_failover.errors import (
    IntentRefusedError,
    NotBegunError,
    UnknownKeySetError,
    UnreadableItemError,
    WriteConflictError,
)

LONGEST_EXPIRY_MINUTES = 30 * 24 * 60
LONGEST_REASON = 1024  # characters; it stands in each status, message and change that the order makes
LONGEST_AUTHOR = 256


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

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal)

    action: ActionName
    key_set: str
    region: str | None = None
    reason: str = Field("", max_length=LONGEST_REASON)
    author: str = Field("", max_length=LONGEST_AUTHOR)
    insist: bool = False
    expires_in_minutes: int | None = Field(None, ge=1, le=LONGEST_EXPIRY_MINUTES)
    fail_if_refused: bool = True  # false: the caller looks for `Error` in the answer (decision 31)

    @field_validator("expires_in_minutes", mode="before")
    @classmethod
    def _left_empty(cls, value: Any) -> Any:
        """Automation's parameters are texts, empty where nobody filled them in."""
        return None if value == "" else value


class OperatorState(ViewState, Protocol):
    """What a runbook reads and writes. Satisfied by the state table."""

    unknown_key_sets: tuple[UnreadableItemError, ...]

    def noticing(self) -> AbstractContextManager[Sequence[UnreadableItemError]]: ...
    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...
    def key_sets(self) -> tuple[KeySet, ...]: ...
    def put_judgement(self, judgement: Judgement) -> None: ...
    def put_intent(self, key_set: str, intent: Intent) -> None: ...
    def owed(self, key_set: str, region: str, at_most: int) -> int: ...


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
        accounts: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        """`accounts`: whose member keys the functions ask; None: any (decision 21)."""
        self._state = state
        self._starter = starter
        self._wake_controller = wake_controller
        self._clock = clock
        self._accounts = accounts

    def execute(self, command: Command) -> dict[str, Any]:
        """The answer as JSON-ready values. A failback counts first what is owed to its target, for its answer.

        Raises:
            UnknownKeySetError: no such key set is applied in this region.
            UnreadableItemError: its key set, or of its judgement even the route, cannot be read.
            IntentRefusedError: the command would make things worse; `Insist` overrules where the message says so. Or it
                would do nothing.
            NotBegunError: something else failed before anything was written or begun.
        """
        if command.action is ActionName.STATUS:
            return self._status(self._key_set(command.key_set))
        with _nothing_done_yet():
            key_set = self._key_set(command.key_set)
        if command.action in CHANGES_INTENT:
            return self._order(command, key_set)
        return self._reimport(key_set) if command.action is ActionName.REIMPORT else self._sweep(key_set)

    def _reimport(self, key_set: KeySet) -> dict[str, Any]:
        if key_set.imported_member_in(self._state.region) is None:
            raise IntentRefusedError(nothing_to_import(key_set, self._state.region))
        return self._starter.reimport(key_set.name)

    def _sweep(self, key_set: KeySet) -> dict[str, Any]:
        buckets = tuple(bucket.name for bucket in key_set.buckets_in(self._state.region))
        if not buckets:
            raise IntentRefusedError(_nothing_to_sweep(key_set, self._state.region))
        return self._starter.sweep(key_set.name, buckets)

    def _status(self, key_set: KeySet) -> dict[str, Any]:
        """With the items that cannot be read: the key set's own, and those that all key sets share."""
        now = self._clock()
        with self._state.noticing() as unreadable:
            self._state.key_sets()
            self._state.observations(now - key_set.rules.window, now + CLOCK_SKEW)
            shown = view(self._state, key_set, now).json_ready()
        items = {error.item: error.reason for error in unreadable}
        unreadable_items = [{"Item": item, "Reason": reason} for item, reason in items.items()]
        return shown | {"Unreadable": unreadable_items, "RefusedMembers": self._refused_members(key_set)}

    def _refused_members(self, key_set: KeySet) -> list[dict[str, str]]:
        refused = refused_members(key_set, self._accounts()) if self._accounts else ()
        return [
            {
                "Region": member.region,
                "Arn": member.arn,
                "Reason": f"account {member.account} is not allowed, so the functions never ask this key; accounts.txt"
                " allows it for all of them, key-sets.yaml beside it for data-keys (docs/decisions/0021)",
            }
            for member in refused
        ]

    def _order(self, command: Command, key_set: KeySet) -> dict[str, Any]:
        with _nothing_done_yet():
            intents = self._state.intents(key_set.name)
            intent = self._intent(command, key_set, intents)
            replaced = in_force(intents, self._clock())
            counted = self._state.owed(key_set.name, key_set.regions[0], MAX_DEBTS) if intent.failback else None
        try:
            self._state.put_intent(key_set.name, intent)
        except WriteConflictError as error:
            if intent not in self._state.intents(key_set.name):  # else a repeat of the request has met its own write
                raise IntentRefusedError(
                    "somebody has just given another order: look at it, and say yours again"
                ) from error
        unfenced = None
        try:
            if not self._fence(key_set):
                unfenced = "others wrote theirs first"
        except Exception as error:  # noqa: BLE001  # the order is given: whatever else fails, the answer says so
            unfenced = _described(error)
        may_follow = "the order is given; one more decision by older ones may follow"
        self._wake_controller()
        return {
            "KeySet": key_set.name,
            "Intent": intent.model_dump(mode="json"),
            "Replaced": replaced.model_dump(mode="json") if replaced.mode is not Mode.AUTOMATIC else None,
            **({"DebtOwedToTarget": counted} if counted is not None else {}),
            **({"Warning": f"{may_follow}: {unfenced}"} if unfenced else {}),
        }

    def _fence(self, key_set: KeySet) -> bool:
        """A controller that has decided by older intents can no longer write: after the answer, a hold holds here.

        False: others wrote first, each time.
        """

        def read() -> Judgement | None:
            return self._state.judgement(key_set.name)

        def put(known: Judgement | None) -> None:
            self._state.put_judgement(known.but(version=known.version + 1) if known else self._first(key_set))

        try:
            write_over_conflicts(read(), put, read)
        except WriteConflictError:
            return False
        return True

    def _key_set(self, name: str) -> KeySet:
        key_sets = self._state.key_sets()
        found = next((key_set for key_set in key_sets if name in key_set.names), None)
        if found is None:
            if unreadable := [one for one in self._state.unknown_key_sets if one.may_be(name)]:
                raise unreadable[0]
            raise UnknownKeySetError(name, [key_set.name for key_set in key_sets])
        return found

    def _intent(self, command: Command, key_set: KeySet, intents: Iterable[Intent]) -> Intent:
        if not command.reason or not command.author:
            raise IntentRefusedError(f"{command.action} needs Reason and Author: they are kept as evidence")
        now = self._clock()
        judgement = self._judgement(key_set)
        mode, region, failback = Mode.AUTOMATIC, None, False
        if command.action is ActionName.FAILOVER:
            mode, region = Mode.FORCE, _target(command, key_set, judgement)
        elif command.action is ActionName.HOLD:
            mode = Mode.HOLD
        elif command.action is ActionName.FAILBACK:
            failback, region = _may_return(key_set, judgement), key_set.regions[0]
        lasts = command.expires_in_minutes
        return Intent(
            mode=mode,
            region=region,
            failback=failback,
            insist=command.insist,
            epoch=_next_epoch(intents, now),
            written_in=self._state.region,
            author=command.author,
            reason=command.reason,
            at=now,
            expires_at=now + timedelta(minutes=lasts) if lasts else None,
        )

    def _judgement(self, key_set: KeySet) -> Judgement:
        return self._state.judgement(key_set.name) or self._first(key_set)

    def _first(self, key_set: KeySet) -> Judgement:
        return first_judgement(key_set, self._state.region, self._clock())


@contextmanager
def _nothing_done_yet() -> Iterator[None]:
    """What fails here has given no order and begun no work: whoever waits for the answer is told so."""
    try:
        yield
    except (UnknownKeySetError, UnreadableItemError, IntentRefusedError):
        raise
    except Exception as error:
        raise NotBegunError(_described(error)) from error


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _nothing_to_sweep(key_set: KeySet, region: str) -> str:
    where = list(dict.fromkeys(bucket.region for bucket in key_set.buckets))
    instead = f"order it in {' or '.join(where)}" if where else "`kms-failover apply` gives it one, from key-sets.yaml"
    return f"key set {key_set.name!r} has no bucket in {region}, so there is nothing to sweep: {instead}"


def _next_epoch(intents: Iterable[Intent], now: datetime) -> int:
    """Above every order that has reached this region; and, by the clock, above those that have not, from before."""
    newest = max((intent.epoch for intent in intents), default=0)
    return max(newest + 1, int(now.timestamp() * 1000))


def _target(command: Command, key_set: KeySet, judgement: Judgement) -> str:
    if command.region not in key_set.regions:
        raise IntentRefusedError(f"failover needs Region, one of {', '.join(key_set.regions)}; got {command.region}")
    health = judgement.health.get(command.region)
    if (health is None or not health.is_eligible_target) and not command.insist:
        why = health.in_words() if health else "nothing observed yet"
        raise IntentRefusedError(
            f"a route may not lead to {command.region} now ({why}). "
            "Insist (--insist) to have it lead there and stay all the same"
        )
    return command.region


def _may_return(key_set: KeySet, judgement: Judgement) -> bool:
    preferred = key_set.regions[0]
    health = judgement.health.get(preferred)
    if health is None or not health.may_be_returned_to:
        why = health.in_words() if health else "nothing observed yet"
        insisting = "" if health and health.is_eligible_target else ", if you insist (--insist)"
        raise IntentRefusedError(
            f"no return to {preferred} yet ({why}). Say it again when the status shows under return that an operator "
            f"is waited for; failover leads there all the same, whatever is owed{insisting}"
        )
    return True
