"""Repaying debt: every recorded debt of this region's buckets becomes one request to rewrap the object."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from kms_failover.domain.debt import Debt
from kms_failover.domain.health import Verdict
from kms_failover.domain.judgement import Judgement
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import EventFormatError, UnknownKeySetError, UnreadableItemError

MAX_QUEUED = 500  # a run, one a minute: less than four rewrap workers do in it, so arrivals do not wait behind debt
MAX_READ = 5000  # debts read in a run, for a key set and region: at 300 bytes each some 1.5 MB
RECOVERED = "KMS Region Recovered"


@dataclass(frozen=True)
class RewrapMessage:
    bucket: str
    key: str
    key_set: str


@dataclass(frozen=True)
class Swept:
    """`remaining` are objects seen in this run and left for the next; beyond MAX_READ debts nothing is seen."""

    queued: int
    remaining: int


class DebtLedger(Protocol):
    """Satisfied by the state table."""

    def debts(self, key_set: str, owed_to: str) -> Iterator[Debt]: ...
    def judgement(self, key_set: str) -> Judgement | None: ...


class RewrapQueue(Protocol):
    def send(self, messages: Sequence[RewrapMessage]) -> None:
        """QueueError if some were not taken."""
        ...


@dataclass(frozen=True)
class SweepService:
    """`shuffle` puts a list into any order: debts that cannot be repaid must not stand before the others for ever."""

    key_sets: Callable[[], tuple[KeySet, ...]]
    ledger: DebtLedger
    queue: RewrapQueue
    region: str
    shuffle: Callable[[list[RewrapMessage]], None]

    def sweep(self, key_set: str | None = None) -> Swept:
        """One message an object, however many regions it is owed to. Sending one twice does no harm.

        Raises:
            UnknownKeySetError: no key set of this name.
        """
        found = list(dict.fromkeys(self._messages(self._chosen(key_set))))
        self.shuffle(found)
        chosen = found[:MAX_QUEUED]
        if chosen:
            self.queue.send(chosen)
        return Swept(len(chosen), len(found) - len(chosen))

    def _chosen(self, name: str | None) -> tuple[KeySet, ...]:
        key_sets = self.key_sets()
        if name is None:
            return key_sets
        chosen = tuple(key_set for key_set in key_sets if key_set.name == name)
        if not chosen:
            raise UnknownKeySetError(name)
        return chosen

    def _messages(self, key_sets: tuple[KeySet, ...]) -> Iterator[RewrapMessage]:
        """Whomever it is owed to: an object is rewrapped where its bucket lies. An impaired region is not asked."""
        debts = (debt for key_set in key_sets for debt in self._debts_here(key_set))
        return (RewrapMessage(debt.bucket, debt.key, debt.key_set) for debt in debts)

    def _debts_here(self, key_set: KeySet) -> Iterator[Debt]:
        here = {bucket.name for bucket in key_set.buckets_in(self.region)}
        if not here:
            return
        try:
            judgement = self.ledger.judgement(key_set.name)
        except UnreadableItemError:  # told; its debts are tried whatever region is impaired
            judgement = None
        verdicts = judgement.verdicts if judgement else ()
        impaired = {health.region for health in verdicts if health.verdict is Verdict.IMPAIRED}
        for region in key_set.regions:
            if region not in impaired:
                read = islice(self.ledger.debts(key_set.name, region), MAX_READ)
                yield from (debt for debt in read if debt.bucket in here)


def key_set_in(event: Mapping[str, Any]) -> str | None:
    """The key set that an event is about; None is all of them: a schedule's payload names none.

    A recovered region repays its whole key set's debts, for an object owed to one region may have waited for another.
    """
    if event.get("detail-type") == RECOVERED:
        detail = event.get("detail")
        name = detail.get("keySet") if isinstance(detail, dict) else None
        if not isinstance(name, str):
            raise EventFormatError(f"{RECOVERED!r} without `detail.keySet`")
        return name
    if event.get("detail-type", "Scheduled Event") != "Scheduled Event":
        raise EventFormatError(f"an event {event['detail-type']!r} of {event.get('source')!r}")
    name = event.get("key_set")
    if name is not None and not isinstance(name, str):
        raise EventFormatError("`key_set` is no text")
    return name
