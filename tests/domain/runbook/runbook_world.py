"""A runbook over a state in memory."""

from typing import Any

from kms_failover.domain.key_set import KeySet, Origin
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.intent import Intent, in_force
from kms_failover.domain.routing.route import Route, first_route
from kms_failover.domain.runbook.commands import (
    ActionName,
    Command,
    Runbook,
)
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, judgement, key_set

BUCKETS = [{"name": "orders-east", "region": EAST}, {"name": "orders-west", "region": WEST}]
ORDERS = KeySet.model_validate(key_set().model_dump(mode="json") | {"buckets": BUCKETS})


class World:
    def __init__(self) -> None:
        self.state = MemoryState(WEST, ORDERS)
        self.started: list[tuple[Any, ...]] = []
        self.wakes = 0
        self.runbook = Runbook(self.state, self, self.wake, lambda: NOON)

    def wake(self) -> None:
        assert self.state.intents("orders"), "woken before the intent was written"
        self.wakes += 1

    def reimport(self, key_set: str) -> dict[str, Any]:
        self.started.append(("reimport", key_set))
        return {"Reimport": []}

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        self.started.append(("sweep", key_set, buckets))
        return {"Debt": {}}

    def do(self, action: ActionName, **fields: Any) -> dict[str, Any]:
        who = {"KeySet": "orders", "Reason": "drill", "Author": "ana"}
        return self.runbook.execute(Command.model_validate({"Action": action} | who | fields))

    @property
    def intent(self) -> Intent:
        return in_force(self.state.intents("orders"), NOON)

    def judge(self, *verdicts: RegionHealth, route: Route | None = None) -> None:
        """What the controller has written last."""
        known = self.state.judgement("orders")
        version = known.version + 1 if known else 0
        self.state.put_judgement(judgement(route or first_route(ORDERS, WEST, NOON), *verdicts, version=version))


def in_force_here(world: World, **fields: Any) -> None:
    world.state.put_key_set(KeySet.model_validate(ORDERS.model_dump(mode="json") | fields))


def members(east: Origin, west: Origin) -> list[dict[str, Any]]:
    origins = {EAST: east, WEST: west}
    return [one.model_dump(mode="json") | {"origin": origins[one.region]} for one in ORDERS.members]


def owe(world: World, *owed: tuple[str, int]) -> None:
    for region, count in owed:
        for key in range(count):
            world.state.put_debt(Debt(key_set="orders", owed_to=region, bucket="orders-west", key=f"{key}", since=NOON))
