"""Repaying debt: each recorded debt of this region's buckets becomes a request to rewrap the object, the oldest first.

Parked, at no request, is what waits for a region that is impaired or whose key cannot be used, for a key set that
cannot be read, and what a person must look at. What failed for another reason is tried later and later. What was sent
and not tried yet waits in the queue.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.debt import Debt, LedgerEntry
from kms_failover.domain.objects.object_record import KEY_SET_UNREAD
from kms_failover.domain.objects.repayment import is_due, is_overdue, is_parked
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.errors import UnknownKeySetError, UnreadableItemError

MAX_QUEUED = 500  # a run, one a minute: less than four rewrap workers do in it, so arrivals do not wait behind debt
MAX_READ = 5000  # debts read in a run, of each region and bucket: at 400 bytes each some 2 MB
MAX_DROPPED = 500  # of each region and bucket, in a run
MAX_ADOPTED = 1000  # former items in a run, each by two writes: some 20 s of the function's 60
SENT_LASTS = timedelta(hours=6)  # then it is sent again: at most four times a day, however slow the queue is
BATCH = 10  # as many as SQS takes at once: what is marked as sent and not taken is no more than these
MAX_REFUSALS_COUNTED = 1000  # of each bucket, in a run: at 400 bytes each 0.4 MB
MAX_NAMED = 10  # of the overdue, the oldest, in the log
NOBODYS_AFTER = timedelta(days=1)  # debts of before they named their region: key sets reach every region within it


@dataclass(frozen=True)
class RewrapMessage:
    bucket: str
    key: str
    key_set: str


@dataclass(frozen=True)
class DebtSummary:
    """Of one key set, in this region's buckets: debts to one region, the `overdue` among them, and objects refused.

    No more is counted than a run reads. A refusal is nobody's in particular, so it counts for this region.
    """

    key_set: str
    region: str
    debts: int
    overdue: int
    refused: int


@dataclass(frozen=True)
class DroppedDebts:
    """Debts of a bucket, or to a region, that has left its key set: nobody repays them, no return waits for them."""

    key_set: str
    bucket: str
    owed_to: str
    debts: int


@dataclass(frozen=True)
class SweepResult:
    """Of what was read in this run: objects queued, or `remaining` for the next one; debts `parked` and `dropped`.

    Parked debts wait for a region, a key set or a person; dropped are those of buckets and regions that have left
    their key set; `waiting` are those that an earlier run has sent, and that nobody has tried since. The oldest of the
    `overdue` debts are there by name.
    """

    queued: int
    remaining: int
    parked: int = 0
    dropped: int = 0
    waiting: int = 0
    overdue: int = 0
    oldest: tuple[Debt, ...] = ()
    owed: tuple[DebtSummary, ...] = ()
    dropped_of: tuple[DroppedDebts, ...] = ()


class DebtLedger(Protocol):
    """Satisfied by the state table."""

    def stands_in(self, key_set: str) -> bool: ...
    def adopt_former(self, key_set: str, regions: Sequence[str], at_most: int) -> int: ...
    def debt_groups(self, key_set: str) -> Iterator[tuple[str, str]]: ...
    def debts_of(self, key_set: str, owed_to: str, bucket: str, start: str) -> Iterator[LedgerEntry[Debt]]: ...
    def clear_debt(self, held: LedgerEntry[Debt]) -> None: ...

    def mark_sent(self, held: LedgerEntry[Debt], at: datetime) -> bool:
        """False if it is not stored like this any more: somebody has looked at the object meanwhile."""
        ...

    def refused(self, key_set: str, bucket: str, at_most: int) -> int: ...
    def backfills(self, key_set: str) -> Iterator[Backfill]: ...
    def drop_backfill(self, backfill: Backfill) -> None: ...
    def judgement(self, key_set: str) -> Judgement | None: ...


class RewrapQueue(Protocol):
    def send(self, messages: Sequence[RewrapMessage]) -> None:
        """QueueError if some were not taken."""
        ...


@dataclass(frozen=True)
class Chance:
    """Where to begin reading among more debts than a run reads, and which of the younger ones go along."""

    start: Callable[[], str]  # a hexadecimal digit or more
    shuffle: Callable[[list["_DueObject"]], None]


@dataclass(frozen=True)
class SweepService:
    key_sets: Callable[[], tuple[KeySet, ...]]
    ledger: DebtLedger
    queue: RewrapQueue
    region: str
    chance: Chance
    clock: Callable[[], datetime]

    def sweep(self, key_set: str | None = None) -> SweepResult:
        """One message an object, however many regions it is owed to. Sending one twice does no harm.

        Raises:
            UnknownKeySetError: no key set of this name.
            QueueError: the queue does not take them; what had to be sent after them is not marked as sent.
        """
        key_sets = self._chosen(key_set)
        runs = [self._read(chosen) for chosen in key_sets]
        due = [one for run in runs for one in run.due.values()]
        sendable = self._fairly(due)
        queued = sum(self._send(sendable[at : at + BATCH]) for at in range(0, len(sendable), BATCH))
        owed = tuple(owed for of, run in zip(key_sets, runs, strict=True) for owed in self._owed(of, run))
        self._adopt(key_sets)
        dropped_of = tuple(dropped for run in runs for dropped in run.dropped)
        parked, dropped = sum(run.parked for run in runs), sum(one.debts for one in dropped_of)
        waiting = sum(run.waiting for run in runs)
        overdue = sorted((debt for run in runs for debt in run.overdue), key=lambda debt: debt.since)
        oldest = tuple(overdue[:MAX_NAMED])
        return SweepResult(queued, len(due) - queued, parked, dropped, waiting, len(overdue), oldest, owed, dropped_of)

    def _send(self, batch: Sequence["_DueObject"]) -> int:
        """Marked first, so that whoever takes the message has seen the mark: he clears only what he has seen."""
        now = self.clock()
        marked = [due for due in batch if self._mark(due, now)]
        if marked:
            self.queue.send([due.message for due in marked])
        return len(marked)

    def _mark(self, due: "_DueObject", now: datetime) -> bool:
        """Each of its debts; False if none is stored any more as it was read."""
        marked = [self.ledger.mark_sent(held, now) for held in due.held]
        return any(marked)

    def _owed(self, key_set: KeySet, run: "_KeySetDebts") -> Iterator[DebtSummary]:
        """Of each region that has something to count."""
        buckets = key_set.buckets_in(self.region)
        refused = sum(self.ledger.refused(key_set.name, bucket.name, MAX_REFUSALS_COUNTED) for bucket in buckets)
        debts, overdue = Counter(run.owed_to), Counter(debt.owed_to for debt in run.overdue)
        for region in key_set.regions:
            refused_here = refused if region == self.region else 0
            if debts[region] or refused_here:
                yield DebtSummary(key_set.name, region, debts[region], overdue[region], refused_here)

    def _chosen(self, name: str | None) -> tuple[KeySet, ...]:
        key_sets = self.key_sets()
        if name is None:
            return key_sets
        chosen = tuple(key_set for key_set in key_sets if key_set.name == name)
        if not chosen:
            raise UnknownKeySetError(name)
        return chosen

    def _adopt(self, key_sets: Sequence[KeySet]) -> None:
        """For the next run. Last, because there may be millions: version 1 had an item for each plain object."""
        for key_set in key_sets:
            self.ledger.adopt_former(key_set.name, key_set.regions, max(1, MAX_ADOPTED // len(key_sets)))

    def _fairly(self, due: list["_DueObject"]) -> list["_DueObject"]:
        """The oldest take half of a run. Chance takes the rest: the oldest may be those that nobody ever repays."""
        due.sort(key=lambda one: one.since)
        oldest, others = due[: MAX_QUEUED // 2], due[MAX_QUEUED // 2 :]
        if len(others) > MAX_QUEUED - len(oldest):
            self.chance.shuffle(others)
        rest = others[: MAX_QUEUED - len(oldest)]
        return oldest + sorted(rest, key=lambda one: one.since)

    def _read(self, key_set: KeySet) -> "_KeySetDebts":
        """Whomever it is owed to: an object is rewrapped where its bucket lies.

        Of a key set of which an older version stands in nobody knows which buckets and regions have left it.
        """
        now, run, health = self.clock(), _KeySetDebts(), self._health(key_set)
        here = {bucket.name for bucket in key_set.buckets_in(self.region)}
        known = {bucket.name for bucket in key_set.buckets}
        is_current = not self.ledger.stands_in(key_set.name)
        for backfill in self.ledger.backfills(key_set.name) if is_current else ():
            if backfill.region == self.region and backfill.bucket not in here:
                self.ledger.drop_backfill(backfill)  # nobody looks at its objects; if it comes back, nothing is proved
        for owed_to, bucket in self.ledger.debt_groups(key_set.name):
            if is_current and (bucket not in known or owed_to not in key_set.regions):
                if dropped := self._drop(key_set, owed_to, bucket, now):
                    run.dropped.append(DroppedDebts(key_set.name, bucket, owed_to, dropped))
            elif bucket in here:
                for held in self._some(key_set, owed_to, bucket, MAX_READ):
                    run.add(held, health, now, is_current=is_current)
        return run

    def _health(self, key_set: KeySet) -> Mapping[str, RegionHealth]:
        try:
            judgement = self.ledger.judgement(key_set.name)
        except UnreadableItemError:  # told; its debts are tried whatever region is impaired
            judgement = None
        return judgement.health if judgement else {}

    def _some(self, key_set: KeySet, owed_to: str, bucket: str, at_most: int) -> Iterator[LedgerEntry[Debt]]:
        return islice(self.ledger.debts_of(key_set.name, owed_to, bucket, self.chance.start()), at_most)

    def _drop(self, key_set: KeySet, owed_to: str, bucket: str, now: datetime) -> int:
        """Nobody repays it, and a return must not wait for it. Another region may know of a bucket before this one."""
        dropped = 0
        for held in islice(self.ledger.debts_of(key_set.name, owed_to, bucket, ""), MAX_DROPPED):
            if held.record is not None and self._is_nobodys(held.record, key_set, now):
                self.ledger.clear_debt(held)
                dropped += 1
        return dropped

    def _is_nobodys(self, debt: Debt, key_set: KeySet, now: datetime) -> bool:
        if debt.region:
            return debt.region == self.region or debt.region not in key_set.regions
        return now - debt.since > NOBODYS_AFTER


@dataclass
class _DueObject:
    """An object to be sent, with those of its debts that were read."""

    message: RewrapMessage
    since: datetime
    held: list[LedgerEntry[Debt]] = field(default_factory=list)


@dataclass
class _KeySetDebts:
    """What was found of one key set."""

    due: dict[RewrapMessage, _DueObject] = field(default_factory=dict)
    parked: int = 0
    dropped: list[DroppedDebts] = field(default_factory=list)
    waiting: int = 0
    owed_to: list[str] = field(default_factory=list)  # a region for each debt
    overdue: list[Debt] = field(default_factory=list)

    def add(
        self, held: LedgerEntry[Debt], health: Mapping[str, RegionHealth], now: datetime, *, is_current: bool = True
    ) -> None:
        """Not `is_current`: an older version stands in for its key set, so what waits for that one is parked too."""
        if (debt := held.record) is None:
            return
        self.owed_to.append(debt.owed_to)
        if is_overdue(debt, health, now):
            self.overdue.append(debt)
        if is_parked(debt, health) or (debt.code == KEY_SET_UNREAD and not is_current):
            self.parked += 1
        elif debt.sent_at is not None and now - debt.sent_at < SENT_LASTS:
            self.waiting += 1
        elif is_due(debt, health, now):
            message = RewrapMessage(debt.bucket, debt.key, debt.key_set)
            due = self.due.setdefault(message, _DueObject(message, debt.since))
            due.since = min(due.since, debt.since)
            due.held.append(held)
