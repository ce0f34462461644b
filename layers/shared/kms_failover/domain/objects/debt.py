"""Wrap debt, an object that lacks a wrap it should have: recorded, aged, repaid. And what is refused, never touched."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import AwareDatetime, Field

from kms_failover.domain.model import Code, KeySetName, Model, Reason, Region

BucketName = Annotated[str, Field(max_length=255)]  # the oldest buckets have names so long
ObjectKey = Annotated[str, Field(max_length=1024)]  # S3's own limit, in bytes

R_co = TypeVar("R_co", covariant=True)


class Debt(Model):
    """`owed_to` is the region whose key cannot open the object yet; one item an object and region.

    It is of the version that was looked at, where one could be. `region` is the bucket's, which repays it; `waits_for`
    are the regions any of which would do, if that is what it waits for. Those written before have none of these.
    `sent_at` is when the sweep queued it, unless it has been tried since.
    """

    key_set: KeySetName
    owed_to: Region
    bucket: BucketName
    key: ObjectKey
    since: AwareDatetime
    code: Code = ""
    etag: Annotated[str, Field(max_length=200)] = ""
    version_id: ObjectKey = ""
    region: Region = ""
    waits_for: tuple[Region, ...] = ()
    tries: int = 0
    tried_at: AwareDatetime | None = None
    sent_at: AwareDatetime | None = None

    @property
    def id(self) -> str:
        return debt_id(self.owed_to, self.bucket, self.key)


class Refusal(Model):
    """An object that the service will not touch, and why; shown to people until the object is overwritten.

    `seen_at` is the last look's: it tells the refusal of a newer version from an older one with the same words.
    """

    key_set: KeySetName
    bucket: BucketName
    key: ObjectKey
    since: AwareDatetime
    reason: Reason
    seen_at: AwareDatetime | None = None  # older records have none

    @property
    def id(self) -> str:
        return refusal_id(self.bucket, self.key)


@dataclass(frozen=True)
class LedgerEntry(Generic[R_co]):
    """A record as the ledger has it; `record` is None where this version cannot read it.

    It is cleared only while it is still stored like this: what another look has written since stays.
    """

    key_set: str
    id: str
    as_stored: object
    record: R_co | None


@dataclass(frozen=True)
class ObjectEntries:
    """All that the ledger holds of one object."""

    debts: tuple[LedgerEntry[Debt], ...] = ()
    refusal: LedgerEntry[Refusal] | None = None


def debt_id(owed_to: str, bucket: str, key: str) -> str:
    return f"{owed_to}#in#{bucket}#{digest(bucket, key)}"


def refusal_id(bucket: str, key: str) -> str:
    return f"in#{bucket}#{digest(bucket, key)}"


def digest(bucket: str, key: str) -> str:
    """An S3 key alone may have as many bytes as DynamoDB's sort key, 1024; a bucket's name has no slash."""
    return hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()
