"""The state table in memory. tests/adapters/test_state_contract.py holds it to the same contract as the real one."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.backfill import Backfill, Phase
from kms_failover.domain.objects.coverage import CoverageGap
from kms_failover.domain.objects.debt import Debt, LedgerEntry, ObjectEntries, Refusal, debt_id, digest, refusal_id
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.judgement import MAX_HISTORY, Judgement
from kms_failover.domain.routing.observation import Observation, Source
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.errors import UnreadableItemError, WriteConflictError

R = TypeVar("R", bound=Debt | Refusal)


class MemoryState:
    """One region's copy."""

    unknown_key_sets: tuple[UnreadableItemError, ...] = ()  # everything in memory can be read

    def __init__(self, region: str, *key_sets: KeySet) -> None:
        self.region = region
        self._key_sets = {key_set.name: key_set for key_set in key_sets}
        self._observations: dict[tuple[datetime, str, str, str, str], Observation] = {}
        self._in_order: list[tuple[datetime, str, str, str, str]] = []
        self._ignored: dict[str, IgnoredEvent] = {}
        self._judgements: dict[tuple[str, str], Judgement] = {}
        self._history: dict[tuple[str, int], Route] = {}
        self._news: dict[tuple[str, int], News] = {}
        self._intents: dict[tuple[str, str], Intent] = {}
        self._debts: dict[tuple[str, str], Debt] = {}
        self._refusals: dict[tuple[str, str], Refusal] = {}
        self._backfills: dict[tuple[str, str], Backfill] = {}
        self._materials: dict[tuple[str, str], MaterialRecord] = {}
        self._losses: dict[tuple[str, str, LossKind], MaterialLoss] = {}

    @contextmanager
    def noticing(self) -> Iterator[Sequence[UnreadableItemError]]:
        yield ()

    def stands_in(self, key_set: str) -> bool:
        return False

    def put_key_set(self, key_set: KeySet) -> None:
        self._key_sets[key_set.name] = key_set

    def key_sets(self) -> tuple[KeySet, ...]:
        return tuple(self._key_sets[name] for name in sorted(self._key_sets))

    def add_observation(self, observation: Observation) -> None:
        at = observation.at.astimezone(UTC)
        key = (at, observation.region, observation.source, observation.key_set, observation.id)
        if observation.observer == self.region:  # no other region's are ever read here
            if key not in self._observations:
                insort(self._in_order, key)
            self._observations[key] = observation

    def observations(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        first = bisect_left(self._in_order, (since, "", "", "", ""))
        keys = self._in_order[first:]
        return tuple(self._observations[key] for key in keys if until is None or key[0] <= until)

    def reports(self, since: datetime, until: datetime | None = None) -> tuple[Observation, ...]:
        return tuple(o for o in self.observations(since, until) if o.source is Source.DATA_PLANE)

    def add_ignored_event(self, event: IgnoredEvent) -> None:
        self._ignored[event.id] = event

    def ignored_events(self, at_most: int) -> tuple[IgnoredEvent, ...]:
        newest_first = sorted(self._ignored.values(), key=lambda event: (event.at, event.id), reverse=True)
        return tuple(newest_first[:at_most])

    def judgements(self) -> dict[str, Judgement]:
        return {name: found for (observer, name), found in self._judgements.items() if observer == self.region}

    def judgement(self, key_set: str) -> Judgement | None:
        return self._judgements.get((self.region, key_set))

    def put_judgement(self, judgement: Judgement) -> None:
        there = self._judgements.get((self.region, judgement.key_set))
        if (there.version if there else -1) != judgement.version - 1:
            raise WriteConflictError(judgement.key_set)
        self._judgements[self.region, judgement.key_set] = judgement

    def route(self, key_set: str) -> Route | None:
        judgement = self.judgement(key_set)
        return judgement.route if judgement else None

    def add_history(self, route: Route) -> None:
        self._history[route.key_set, route.epoch] = route

    def history(self, key_set: str, at_most: int = MAX_HISTORY) -> tuple[Route, ...]:
        found = [self._history[key] for key in sorted(self._history, reverse=True) if key[0] == key_set]
        return tuple(found[:at_most])

    def add_news(self, news: News) -> None:
        self._news[news.key_set, news.number] = news

    def news(self, key_set: str, at_most: int = MAX_HISTORY) -> tuple[News, ...]:
        found = [self._news[key] for key in sorted(self._news, reverse=True) if key[0] == key_set]
        return tuple(found[:at_most])

    def intents(self, key_set: str) -> tuple[Intent, ...]:
        return tuple(intent for (name, _), intent in sorted(self._intents.items()) if name == key_set)

    def all_intents(self) -> dict[str, list[Intent]]:
        found: dict[str, list[Intent]] = {}
        for (name, _), intent in sorted(self._intents.items()):
            found.setdefault(name, []).append(intent)
        return found

    def put_intent(self, key_set: str, intent: Intent) -> None:
        there = self._intents.get((key_set, self.region))
        if there is not None and there.epoch >= intent.epoch:
            raise WriteConflictError(key_set)
        self._intents[key_set, self.region] = intent

    def standing(self, key_set: str, regions: Sequence[str], bucket: str, key: str) -> ObjectEntries:
        debts = [self._debts.get((key_set, debt_id(region, bucket, key))) for region in regions]
        refusal = self._refusals.get((key_set, refusal_id(bucket, key)))
        return ObjectEntries(tuple(held(debt) for debt in debts if debt), held(refusal) if refusal else None)

    def put_debt(self, debt: Debt) -> None:
        self._debts[debt.key_set, debt.id] = debt

    def clear_debt(self, held: LedgerEntry[Debt]) -> None:
        there = self._debts.get((held.key_set, held.id))
        if there is not None and there.model_dump_json() == held.as_stored:
            del self._debts[held.key_set, held.id]

    def mark_sent(self, held: LedgerEntry[Debt], at: datetime) -> bool:
        there = self._debts.get((held.key_set, held.id))
        if there is None or there.model_dump_json() != held.as_stored:
            return False
        self._debts[held.key_set, held.id] = there.but(sent_at=at)
        return True

    def debts(self, key_set: str, owed_to: str = "", bucket: str = "") -> Iterator[Debt]:
        found = (debt for (name, _), debt in sorted(self._debts.items()) if name == key_set)
        return (debt for debt in found if owed_to in {"", debt.owed_to} and bucket in {"", debt.bucket})

    def debts_of(self, key_set: str, owed_to: str, bucket: str, start: str) -> Iterator[LedgerEntry[Debt]]:
        ordered = sorted(self.debts(key_set, owed_to, bucket), key=lambda d: digest(d.bucket, d.key) < start)
        return (held(debt) for debt in ordered)

    def debt_groups(self, key_set: str) -> Iterator[tuple[str, str]]:
        return iter(sorted({(debt.owed_to, debt.bucket) for debt in self.debts(key_set)}))

    def adopt_former(self, key_set: str, regions: Sequence[str], at_most: int) -> int:  # a memory has no past
        return 0

    def owed(self, key_set: str, region: str, at_most: int) -> int:
        return min(len(list(self.debts(key_set, region))), at_most)

    def put_refusal(self, refusal: Refusal) -> None:
        self._refusals[refusal.key_set, refusal.id] = refusal

    def clear_refusal(self, held: LedgerEntry[Refusal]) -> None:
        there = self._refusals.get((held.key_set, held.id))
        if there is not None and there.model_dump_json() == held.as_stored:
            del self._refusals[held.key_set, held.id]

    def refusals(self, key_set: str) -> Iterator[Refusal]:
        return (refusal for (name, _), refusal in sorted(self._refusals.items()) if name == key_set)

    def refused(self, key_set: str, bucket: str, at_most: int) -> int:
        return min(sum(refusal.bucket == bucket for refusal in self.refusals(key_set)), at_most)

    def uncovered(self, key_set: str, region: str, bucket: str, at_most: int) -> CoverageGap:
        owed = {debt.key for debt in islice(self.debts(key_set, region, bucket), at_most)}
        refused = {refusal.key for refusal in self.refusals(key_set) if refusal.bucket == bucket}
        more = max(len(owed), len(refused)) >= at_most
        return CoverageGap(len(owed), len(refused), len(owed | refused), more)

    def put_backfill(self, backfill: Backfill) -> None:
        self._backfills[backfill.key_set, backfill.id] = backfill

    def replace_backfill(self, former: Backfill, backfill: Backfill) -> None:
        if self._backfills.get((former.key_set, former.id)) != former:
            raise WriteConflictError(former.id)
        self.put_backfill(backfill)

    def backfill(self, key_set: str, bucket: str, phase: Phase) -> Backfill | None:
        return self._backfills.get((key_set, f"{bucket}#{phase}"))

    def backfills(self, key_set: str) -> Iterator[Backfill]:
        return iter([one for (name, _), one in sorted(self._backfills.items()) if name == key_set])

    def drop_backfill(self, backfill: Backfill) -> None:
        self._backfills.pop((backfill.key_set, backfill.id), None)

    def material(self, key_set: str, region: str) -> MaterialRecord | None:
        return self._materials.get((key_set, region))

    def put_material(self, record: MaterialRecord) -> None:
        self._materials[record.key_set, record.region] = record

    def losses(self, key_set: str, region: str) -> tuple[MaterialLoss, ...]:
        found = (self._losses.get((key_set, region, kind)) for kind in LossKind)
        return tuple(loss for loss in found if loss is not None)

    def put_loss(self, loss: MaterialLoss) -> None:
        known = self._losses.get((loss.key_set, loss.region, loss.kind))
        if known is None or known.at < loss.at:
            self._losses[loss.key_set, loss.region, loss.kind] = loss


def held(record: R) -> LedgerEntry[R]:
    return LedgerEntry(record.key_set, record.id, record.model_dump_json(), record)
