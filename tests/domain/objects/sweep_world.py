"""A sweep over a state in memory, and a queue that may refuse."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.debt import Debt, LedgerEntry
from kms_failover.domain.objects.sweep import (
    Chance,
    RewrapMessage,
    SweepResult,
    SweepService,
)
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.route import first_route
from tests.domain.memory_state import MemoryState
from tests.domain.objects.rewrap_world import HERE, key_set
from tests.domain.strategies import judgement

LONG_AGO = datetime(2026, 11, 23, tzinfo=UTC)
NOW = LONG_AGO + timedelta(days=1)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Queue:
    def __init__(self) -> None:
        self.sent: list[RewrapMessage] = []

    def send(self, messages: Sequence[RewrapMessage]) -> None:
        assert messages
        self.sent += messages

    @property
    def keys(self) -> list[str]:
        return [message.key for message in self.sent]


class World:
    """What this region's sweep reads, and sends. All regions are healthy, but for those that `verdicts` names."""

    def __init__(self, held: Sequence[Debt] = (), *key_sets: KeySet) -> None:
        self.state = MemoryState(HERE, *(key_sets or (key_set(),)))
        self.queue = Queue()
        self.now = NOW
        chosen = random.Random(1)  # noqa: S311  # fairness, not secrecy
        chance = Chance(lambda: f"{chosen.getrandbits(32):08x}", chosen.shuffle)
        self.service = SweepService(self.state.key_sets, self.state, self.queue, HERE, chance, lambda: self.now)
        for debt in held:
            self.state.put_debt(debt)

    def judged(self, *verdicts: RegionHealth) -> "World":
        route = first_route(key_set(), HERE, LONG_AGO)
        self.state.put_judgement(judgement(route, *verdicts))
        return self

    def held(self, key: str, owed_to: str = HERE) -> LedgerEntry[Debt]:
        return self.state.standing("orders", [owed_to], f"orders-{HERE}", key).debts[0]

    def sweep(self) -> SweepResult:
        """Without what it says of single key sets and debts, which has tests of its own."""
        return replace(self.service.sweep(), overdue=0, oldest=(), owed=())


def debt(key: str, name: str = "orders", owed_to: str = HERE, bucket: str = f"orders-{HERE}", **more: object) -> Debt:
    of = {"key_set": name, "owed_to": owed_to, "bucket": bucket, "key": key, "since": LONG_AGO}
    return Debt.model_validate(of | more)
