"""What the ledger says of one object, and what one look at it makes of that.

The ledger is read before the object is looked at. What it held then is older than the look, so the look may clear it;
what anybody writes afterwards may be of a later version, so it stays. Written first, cleared last: a crash owes more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.debt import Debt, LedgerEntry, ObjectEntries, Refusal

# Codes of debts
REFUSED = "Refused"  # nobody repays it: a person must do something to the object first
KEY_SET_UNREAD = "KeySetUnread"  # the version in force could not be read: it may have a member key that opens it
NOT_ALLOWED = "NotAllowed"  # a member key is in an account that is not allowed (decision 21), so it was not asked
OBJECT_CHANGED = "ObjectChangedError"  # the version that was looked at is gone; its successor has an event of its own


def has_failed(debt: Debt) -> bool:
    """Whether its last look failed, so that nobody can say whether it opens: no outage explains it, nor any refusal."""
    return bool(debt.code) and not debt.waits_for and debt.code not in {REFUSED, OBJECT_CHANGED}


class Ledger(Protocol):
    """Satisfied by the state table."""

    def standing(self, key_set: str, regions: Sequence[str], bucket: str, key: str) -> ObjectEntries: ...
    def stands_in(self, key_set: str) -> bool: ...
    def put_debt(self, debt: Debt) -> None: ...
    def put_refusal(self, refusal: Refusal) -> None: ...

    def clear_debt(self, held: LedgerEntry[Debt]) -> None:
        """Nothing happens if it is not stored like this any more."""
        ...

    def clear_refusal(self, held: LedgerEntry[Refusal]) -> None:
        """The same."""
        ...


@dataclass(frozen=True)
class Cause:
    """Why an object is owed; of the regions that it `waits_for` any would do."""

    code: str = ""
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectVersion:
    """The version that was looked at; empty where it could not be."""

    etag: str = ""
    version_id: str = ""


@dataclass(frozen=True)
class ObjectRecord:
    ledger: Ledger
    key_set: KeySet
    region: str
    bucket: str
    key: str
    now: datetime
    held: ObjectEntries

    @classmethod
    def read(cls, ledger: Ledger, key_set: KeySet, region: str, bucket: str, key: str, now: datetime) -> Self:
        held = ledger.standing(key_set.name, key_set.wanted_regions, bucket, key)
        return cls(ledger, key_set, region, bucket, key, now, held)

    def settle(self, seen: ObjectVersion, owed: Mapping[str, Cause]) -> None:
        """Exactly these debts are left, by the region they are owed to; an earlier refusal no longer holds."""
        self._owe(seen, owed)
        if self.held.refusal is not None:
            self.ledger.clear_refusal(self.held.refusal)

    def refuse(self, seen: ObjectVersion, reason: str, still_lack: Sequence[str]) -> None:
        """What was owed to a region that still cannot open it stays owed: a refusal repays nothing."""
        before = self.held.refusal.record if self.held.refusal else None
        since = before.since if before and before.reason == reason else self.now
        of = {"key_set": self.key_set.name, "bucket": self.bucket, "key": self.key}
        self.ledger.put_refusal(Refusal(**of, since=since, reason=reason, seen_at=self.now))
        held = {debt.owed_to for debt in self._debts()}
        self._owe(seen, {region: Cause(REFUSED) for region in still_lack if region in held})

    def fail(self, code: str) -> None:
        """The look failed, so nobody knows whether it opens here: it is owed until a later look knows."""
        before = next((debt for debt in self._debts() if debt.owed_to == self.region), None)
        seen = ObjectVersion(before.etag, before.version_id) if before else ObjectVersion()
        self.ledger.put_debt(self._debt(self.region, seen, Cause(code)))

    def _owe(self, seen: ObjectVersion, owed: Mapping[str, Cause]) -> None:
        for region, cause in owed.items():
            self.ledger.put_debt(self._debt(region, seen, cause))
        for held in self.held.debts:
            if held.record is None or held.record.owed_to not in owed:
                self.ledger.clear_debt(held)

    def _debt(self, owed_to: str, seen: ObjectVersion, cause: Cause) -> Debt:
        """It ages from the day it was made; another version is another debt."""
        before = next((debt for debt in self._debts() if debt.owed_to == owed_to), None)
        if before is not None and before.etag and (before.etag, before.version_id) != (seen.etag, seen.version_id):
            before = None
        return Debt(
            key_set=self.key_set.name,
            owed_to=owed_to,
            bucket=self.bucket,
            key=self.key,
            since=before.since if before else self.now,
            code=cause.code,
            etag=seen.etag,
            version_id=seen.version_id,
            region=self.region,
            waits_for=cause.waits_for,
            tries=before.tries + 1 if before else 1,
            tried_at=self.now,
        )

    def _debts(self) -> list[Debt]:
        return [held.record for held in self.held.debts if held.record is not None]
