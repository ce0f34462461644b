"""Six of the functions, their own handlers over their own services, on what lies behind these in memory."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from functions.controller.handler import lambda_handler as controller
from functions.probe.handler import lambda_handler as probe
from functions.reimport.handler import lambda_handler as reimport
from functions.runbook.handler import lambda_handler as runbook
from functions.signals.handler import lambda_handler as signals
from functions.sweep.handler import lambda_handler as sweep
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.backfill import BackfillService
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.sweep import Chance, RewrapMessage, SweepService
from kms_failover.domain.routing.aws_events import repeat_key
from kms_failover.domain.routing.controller import Controller
from kms_failover.domain.routing.signals import Intake, SignalService
from kms_failover.domain.runbook.commands import ActionName, Runbook
from kms_failover.errors import CommandRefusedError, EventFormatError, UnknownKeySetError
from proofs.fuzz.mutation import Mutator
from proofs.fuzz.surprise import Surprise, expect, expect_sendable
from proofs.fuzz.table import MemoryTable
from proofs.fuzz.target import Take, Target, context, instead
from tests.domain.key_material import reimport_world
from tests.domain.memory_state import MemoryState
from tests.domain.routing.probe_world import World as ProbeWorld
from tests.domain.strategies import EAST, WEST, arn, member

EVENTS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[2] / "events").glob("*.json")}
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def samples(*prefixes: str) -> list[Any]:
    return [event for name, event in sorted(EVENTS.items()) if name.startswith(prefixes)]


def mutated(of: Sequence[Any]) -> Callable[[Random], Any]:
    return lambda random: Mutator(random, of).event()


def key_set_of_both() -> KeySet:
    buckets = [{"name": f"orders-{region}", "region": region} for region in (EAST, WEST)]
    members = [{"region": EAST, "arn": arn(EAST, KEY_ID)}, member(WEST).model_dump()]
    return KeySet.model_validate({"name": "orders", "members": members, "buckets": buckets})


def stored_state() -> StateTable:
    """With one key set; what cannot be read again is a surprise."""

    def unreadable(errors: Sequence[Exception]) -> None:
        raise Surprise(f"an item that cannot be read: {errors[0]}")

    table: Any = MemoryTable()
    state = StateTable(table, WEST, unreadable)
    state.put_key_set(key_set_of_both())
    return state


def ticking() -> Callable[[], datetime]:
    seconds = itertools.count()
    return lambda: NOW + timedelta(seconds=next(seconds))


class IntakeOnly:
    """The part of `IdempotentSignals` that reads the event; Powertools' record of it would only repeat answers."""

    def __init__(self, service: SignalService) -> None:
        self._service = service

    def handle(self, event: object, _context: object) -> Intake:
        expect(isinstance(repeat_key(event), str), "an event has a key to know its repeats by, or none")
        self._service.is_premature(event)
        return self._service.handle(event)


@contextmanager
def _signals() -> Iterator[Take]:
    state = stored_state()
    service = SignalService(WEST, state.key_sets, state, lambda: None, lambda _region, _names: True, lambda: NOW)
    with instead(signals=IntakeOnly(service)):

        def take(event: Any) -> str:
            answer = signals(event, context(WEST, "signals"))
            expect_sendable(answer)
            state.ignored_events(1)
            return "ignored" if "ignored" in answer else "observed" if answer["observations"] else "about nothing here"

        yield take


class Nothing:
    """Starts nothing."""

    def reimport(self, key_set: str) -> dict[str, Any]:
        return {"Reimport": key_set}

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        return {"Debt": {}, "Backfills": list(buckets)}


_WHO = {"KeySet": "orders", "Reason": "incident 4711", "Author": "ana"}
COMMANDS: list[Any] = [
    *({**_WHO, "Action": action, "FailIfRefused": False} for action in ActionName),
    *({**_WHO, "Action": action} for action in ActionName),
    {**_WHO, "Action": "failover", "Region": WEST, "Insist": True, "ExpiresInMinutes": 30},
    {**_WHO, "Action": "failback", "Insist": "true", "Region": "", "ExpiresInMinutes": "", "FailIfRefused": "true"},
    *samples("arc-"),
]


@contextmanager
def _runbook() -> Iterator[Take]:
    state = stored_state()
    nothing = Nothing()
    with instead(runbook=Runbook(state, nothing, lambda: None, ticking())):

        def take(event: Any) -> str:
            answer = runbook(event, context(WEST, "runbook"))
            expect_sendable(answer)
            if "Error" not in answer:
                expect(answer, "a command that is carried out is answered")
                return "carried out"
            said = event.get("FailIfRefused") if isinstance(event, dict) else None
            expect(said is False or said == "false", "a refusal is answered to who has said that he looks for it alone")
            return "refused in the answer"

        yield take


@contextmanager
def _reimport() -> Iterator[Take]:
    world = reimport_world.World(reimport_world.key_set("orders"))
    with instead(reimport_service=world.service):

        def take(event: Any) -> str:
            answer = reimport(event, context(WEST, "reimport"))
            expect_sendable(answer)
            expect(not (set(world.custody.held.values()) & {repr(answer).encode()}), "no material is answered")
            return "looked at" if answer else "no key of ours"

        yield take


class Queue:
    def __init__(self) -> None:
        self.sent: list[RewrapMessage] = []

    def send(self, messages: Sequence[RewrapMessage]) -> None:
        self.sent += messages


@contextmanager
def _sweep() -> Iterator[Take]:
    state, queue = MemoryState(WEST, key_set_of_both()), Queue()
    chance = Chance(start=lambda: "0", shuffle=lambda _debts: None)
    sweeping = SweepService(state.key_sets, state, queue, WEST, chance, lambda: NOW)
    runs: Any = None  # of backfills: there is none
    backfilling = BackfillService(state.key_sets, state, runs, WEST, lambda: NOW)
    with instead(sweep_service=sweeping, backfill_service=backfilling):

        def take(event: Any) -> str:
            queue.sent.clear()
            for owed_to, key in ((EAST, "a"), (WEST, "a"), (WEST, "b")):
                state.put_debt(Debt(key_set="orders", owed_to=owed_to, bucket=f"orders-{WEST}", key=key, since=NOW))
            answer = sweep(event, context(WEST, "sweep"))
            expect_sendable(answer)
            expect(sorted(m.key for m in queue.sent) == ["a", "b"], "each object that is owed is queued, once")
            return "queued"

        yield take


@contextmanager
def _probe() -> Iterator[Take]:
    world = ProbeWorld("orders")
    with instead(probe=world.service):

        def take(event: Any) -> str:
            answer = probe(event, context(WEST, "probe"))
            expect_sendable(answer)
            return "rounds" if sum(answer.values()) else "no round"

        yield take


class SilentTopic:
    def publish_to_people(self, *_: Any) -> None: ...
    def route_changed(self, *_: Any) -> None: ...
    def readiness_changed(self, *_: Any) -> None: ...
    def region_recovered(self, *_: Any) -> None: ...


@contextmanager
def _controller() -> Iterator[Take]:
    state, nobody = stored_state(), SilentTopic()
    with instead(controller=Controller(state, nobody, lambda _names: None, ticking())):

        def take(event: Any) -> str:
            answer = controller(event, context(WEST, "controller"))
            expect_sendable(answer)
            expect(set(answer["routes"]) == {"orders"}, "every key set has a route")
            return "decided"

        yield take


SCHEDULED: list[Any] = [{}, {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}]
FUNCTIONS = (
    Target("signals", mutated([*samples("aws-", "cloud", "kms-", "drill-")]), _signals),
    Target("runbook", mutated(COMMANDS), _runbook, (CommandRefusedError,)),
    Target(
        "reimport",
        mutated([*SCHEDULED, {"key_set": "orders", "force": True}, *samples("reimport-", "kms-imp", "cloudtrail-del")]),
        _reimport,
        (EventFormatError, UnknownKeySetError),
    ),
    Target(
        "sweep",
        mutated([*SCHEDULED, {"key_set": "orders"}, *samples("kms-region-recovered")]),
        _sweep,
        (EventFormatError, UnknownKeySetError),
    ),
    Target("probe", mutated([{}, {"rounds": 1}, {"rounds": 2}, {"key_sets": ["orders"]}]), _probe, (EventFormatError,)),
    Target("controller", mutated([*SCHEDULED, {"key_set": "orders"}]), _controller),
)
