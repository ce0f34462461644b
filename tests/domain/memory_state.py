"""The state table in memory. tests/adapters/test_state_table.py holds it to the same contract as the real one."""

from collections.abc import Iterator
from datetime import UTC, datetime

from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import Observation, RegionHealth
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import Intent, Route
from kms_failover.errors import EpochConflictError


class MemoryState:
    """One region's copy."""

    def __init__(self, region: str, *key_sets: KeySet) -> None:
        self.region = region
        self._key_sets = {key_set.name: key_set for key_set in key_sets}
        self._observations: dict[tuple[str, str, datetime, str, str, str], Observation] = {}
        self._health: dict[tuple[str, str], RegionHealth] = {}
        self._routes: dict[str, Route] = {}
        self._history: dict[tuple[str, int], Route] = {}
        self._intents: dict[tuple[str, str], Intent] = {}
        self._debts: dict[tuple[str, str], Debt] = {}
        self._refusals: dict[tuple[str, str], Refusal] = {}
        self._materials: dict[tuple[str, str], MaterialRecord] = {}

    def put_key_set(self, key_set: KeySet) -> None:
        self._key_sets[key_set.name] = key_set

    def key_sets(self) -> tuple[KeySet, ...]:
        return tuple(self._key_sets[name] for name in sorted(self._key_sets))

    def add_observation(self, observation: Observation) -> None:
        at = observation.at.astimezone(UTC)
        key = (observation.key_set, observation.observer, at, observation.region, observation.source, observation.id)
        self._observations[key] = observation

    def observations(self, key_set: str, since: datetime) -> tuple[Observation, ...]:
        return tuple(
            self._observations[key]
            for key in sorted(self._observations)
            if key[0] == key_set and key[1] == self.region and key[2] >= since
        )

    def health(self, key_set: str) -> dict[str, RegionHealth]:
        return {region: health for (name, region), health in self._health.items() if name == key_set}

    def put_health(self, key_set: str, health: RegionHealth) -> None:
        self._health[key_set, health.region] = health

    def route(self, key_set: str) -> Route | None:
        return self._routes.get(key_set)

    def put_route(self, route: Route, *, previous_epoch: int | None) -> None:
        there = self._routes.get(route.key_set)
        if (there.epoch if there else None) != previous_epoch:
            raise EpochConflictError(route.key_set)
        self._routes[route.key_set] = route

    def add_history(self, route: Route) -> None:
        self._history[route.key_set, route.epoch] = route

    def history(self, key_set: str) -> tuple[Route, ...]:
        return tuple(self._history[key] for key in sorted(self._history, reverse=True) if key[0] == key_set)

    def intents(self, key_set: str) -> tuple[Intent, ...]:
        return tuple(intent for (name, _), intent in sorted(self._intents.items()) if name == key_set)

    def put_intent(self, key_set: str, intent: Intent) -> None:
        there = self._intents.get((key_set, self.region))
        if there is not None and there.epoch >= intent.epoch:
            raise EpochConflictError(key_set)
        self._intents[key_set, self.region] = intent

    def put_debt(self, debt: Debt) -> None:
        self._debts.setdefault((debt.key_set, debt.id), debt)

    def clear_debt(self, key_set: str, debt_id: str) -> None:
        self._debts.pop((key_set, debt_id), None)

    def debts(self, key_set: str, owed_to: str = "") -> Iterator[Debt]:
        return (
            debt for (name, _), debt in sorted(self._debts.items()) if name == key_set and owed_to in {"", debt.owed_to}
        )

    def put_refusal(self, refusal: Refusal) -> None:
        self._refusals[refusal.key_set, refusal.id] = refusal

    def clear_refusal(self, key_set: str, refusal_id: str) -> None:
        self._refusals.pop((key_set, refusal_id), None)

    def refusals(self, key_set: str) -> Iterator[Refusal]:
        return (refusal for (name, _), refusal in sorted(self._refusals.items()) if name == key_set)

    def material(self, key_set: str, region: str) -> MaterialRecord | None:
        return self._materials.get((key_set, region))

    def put_material(self, record: MaterialRecord) -> None:
        self._materials[record.key_set, record.region] = record
