"""What a backfill has proved of a bucket: one record of its begin and one of its end, as far as it is really known."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Protocol, Self

from pydantic import AwareDatetime

from kms_failover.domain.event_fields import json_object
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.model import Arn, KeySetName, Model, Reason, Region
from kms_failover.domain.objects.debt import BucketName, Debt, LedgerEntry
from kms_failover.domain.objects.object_record import has_failed
from kms_failover.errors import EventFormatError, UnknownBucketError, WriteConflictError

MAX_LOOKED_AFTER = 100  # backfills that go on, in a run: one short call each
MAX_READ = 5000  # debts of the bucket, at its end: at 400 bytes each 2 MB; with more than these its share is unknown


class Phase(StrEnum):
    BEGUN = "begun"
    ENDED = "ended"


class Backfill(Model):
    """Of one bucket, under the member key that its region had when it began.

    `listed` are the objects that S3 listed, `failed` those of them of which nobody can say whether they open: nothing
    could be recorded, or the look failed and none has succeeded since. None: not known.
    A `reason` says what ended it before it had looked at every object; in the record of the begin, that its execution
    has ended so, and nobody has recorded an end.
    """

    key_set: KeySetName
    bucket: BucketName
    region: Region
    key_arn: Arn
    execution: Arn
    began_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    listed: int | None = None
    failed: int | None = None
    reason: Reason = ""

    @property
    def phase(self) -> Phase:
        return Phase.BEGUN if self.ended_at is None else Phase.ENDED

    @property
    def id(self) -> str:
        return f"{self.bucket}#{self.phase}"

    @property
    def is_complete(self) -> bool:
        """Whether each object that was listed has been looked at: it opens, waits for a region, or is refused."""
        return self.ended_at is not None and self.listed is not None and self.failed == 0 and not self.reason


@dataclass(frozen=True)
class RunCounts:
    listed: int
    succeeded: int


class MapRuns(Protocol):
    def counted(self, execution: str) -> RunCounts | None:
        """Of the execution's one map run; None if it has none. NotCountedError while its counts are not final."""
        ...

    def ended_as(self, execution: str) -> str:
        """How the execution has ended; empty while it goes on."""
        ...


class BackfillLedger(Protocol):
    """Satisfied by the state table."""

    def backfill(self, key_set: str, bucket: str, phase: Phase) -> Backfill | None: ...
    def backfills(self, key_set: str) -> Iterator[Backfill]: ...
    def put_backfill(self, backfill: Backfill) -> None: ...
    def debts_of(self, key_set: str, owed_to: str, bucket: str, start: str) -> Iterator[LedgerEntry[Debt]]: ...

    def replace_backfill(self, former: Backfill, backfill: Backfill) -> None:
        """WriteConflictError where another one stands there by now."""
        ...


@dataclass(frozen=True)
class Step:
    """What the state machine asks for. `error` is what stopped the map, by its name; empty where it ended by itself."""

    phase: Phase
    bucket: str
    execution: str
    error: str = ""

    @classmethod
    def read(cls, event: object) -> Self | None:
        """None for an event that names no step."""
        fields = json_object(event)
        if "Backfill" not in fields:
            return None
        texts = {name: fields.get(name, "") for name in ("Backfill", "bucket", "execution", "error")}
        if not all(isinstance(text, str) for text in texts.values()) or texts["Backfill"] not in list(Phase):
            raise EventFormatError("`Backfill` is begun or ended, beside texts `bucket`, `execution` and `error`")
        return cls(Phase(texts["Backfill"]), texts["bucket"], texts["execution"], texts["error"])


@dataclass(frozen=True)
class BackfillService:
    key_sets: Callable[[], tuple[KeySet, ...]]
    ledger: BackfillLedger
    map_runs: MapRuns
    region: str
    clock: Callable[[], datetime]

    def record(self, step: Step) -> Backfill:
        """A repeat writes the same again. The end of one that another has overtaken is not kept: that one's is.

        Raises:
            UnknownBucketError: no key set has the bucket here.
            NotCountedError: its counts are not final; ask again.
        """
        key_set = next(
            (ks for ks in self.key_sets() if any(b.name == step.bucket for b in ks.buckets_in(self.region))), None
        )
        member = key_set.member_in(self.region) if key_set else None
        if key_set is None or member is None:
            raise UnknownBucketError(f"no key set has bucket {step.bucket!r} in {self.region}: nothing to backfill")
        now = self.clock()
        record = Backfill(
            key_set=key_set.name,
            bucket=step.bucket,
            region=self.region,
            key_arn=member.arn,
            execution=step.execution,
            began_at=now,
        )
        if step.phase is Phase.ENDED:
            begun = self.ledger.backfill(key_set.name, step.bucket, Phase.BEGUN)
            if begun is None or begun.execution != step.execution:
                why = "another one began meanwhile" if begun else "no record of its begin can be read"
                return record.but(ended_at=now, reason=why)
            record = self._ended(begun, step, now)
        self.ledger.put_backfill(record)
        return record

    def note_ended_without_result(self) -> tuple[Backfill, ...]:
        """Of those that began here: whose execution was aborted, or failed before its last step could record an end.

        Each is noted once, in the record of its begin. What the one before it has proved stays.
        """
        noted = []
        for begun in islice(self._without_end(), MAX_LOOKED_AFTER):
            if (how := self.map_runs.ended_as(begun.execution)) and not self._has_end(begun):
                failed = begun.but(reason=how)
                with suppress(WriteConflictError):  # another one began meanwhile
                    self.ledger.replace_backfill(begun, failed)
                    noted.append(failed)
        return tuple(noted)

    def _without_end(self) -> Iterator[Backfill]:
        for key_set in self.key_sets():
            records = list(self.ledger.backfills(key_set.name))
            ended = {record.execution for record in records if record.phase is Phase.ENDED}
            for begun in records:
                is_open = begun.phase is Phase.BEGUN and not begun.reason and begun.execution not in ended
                if is_open and begun.region == self.region:
                    yield begun

    def _has_end(self, begun: Backfill) -> bool:
        """By now: its last step records it before the execution ends."""
        ended = self.ledger.backfill(begun.key_set, begun.bucket, Phase.ENDED)
        return ended is not None and ended.execution == begun.execution

    def _ended(self, begun: Backfill, step: Step, now: datetime) -> Backfill:
        counted = self.map_runs.counted(step.execution)
        reason = step.error or ("" if counted else "it listed nothing")
        counts = {}
        if counted:
            failed = counted.listed - counted.succeeded + self._failed_looks(begun)
            counts = {"listed": counted.listed, "failed": min(counted.listed, failed)}
        return begun.but(**({"ended_at": now, "reason": reason} | counts))

    def _failed_looks(self, begun: Backfill) -> int:
        """Objects whose look failed since it began, and that no later look has settled: owed, with the error."""
        debts = islice(self.ledger.debts_of(begun.key_set, self.region, begun.bucket, ""), MAX_READ)
        found = (held.record for held in debts if held.record is not None)
        return sum(1 for debt in found if has_failed(debt) and debt.tried_at and debt.tried_at >= begun.began_at)
