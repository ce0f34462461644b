"""Rewrapping: bring one object's data key under the local region's KMS key, so that it opens with that region alone.

Old or new, never between: the new wrap is opened and checked before it is written, the write is one conditional
CopyObject, and what was written is read back and opened before success is said. Doing it twice changes nothing.
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.known_members import DOUBTS, doubt_of, not_known, not_wrapped_for
from kms_failover.domain.objects.object_record import Cause, Ledger, ObjectRecord, VersionSeen
from kms_failover.domain.objects.s3_envelope import Envelope
from kms_failover.domain.objects.stored_object import ObjectStore, StoredObject
from kms_failover.errors import (
    BundleError,
    CommitmentError,
    KeySetChangedError,
    KmsFailoverError,
    ObjectChangedError,
    ObjectFormatError,
    RegionUnavailableError,
    TamperedError,
    UnknownBucketError,
    WrapRefusedError,
    WrapUnavailableError,
)

NO_LOCAL_WRAP = "the local wrap could not be made"
MAX_COPIES = 3  # of one object in one turn; each after the first repairs what somebody changed in that moment


class Keys(Protocol):
    """What rewrapping asks of KMS, for one key set, seen from one region."""

    region: str

    def open_locally(self, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        """The plaintext data key; None if this blob, or no wrap of this bundle, is under the local member key.

        Raises:
            BundleError: this bundle's wrap for the local key opens with none, and another wrap does.
            WrapRefusedError: so it is with each wrap of this bundle.
            CommitmentError: its wrap for the local key opens to another key than the bundle's.
        """
        ...

    def open_anywhere(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """With any member key.

        Raises:
            WrapUnavailableError: those that might open it could not be asked.
            WrapRefusedError: every member key of this key set was asked, and none opens it.
        """
        ...

    def wrap_locally(self, data_key: bytes, context: Mapping[str, str]) -> bytes: ...

    def complete(self, bundle: bytes, context: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
        """The bundle with the wraps it lacked, and the regions that still cannot open it. Raises as `open_anywhere`."""
        ...


class Outcome(StrEnum):
    ALREADY = "already"  # nothing to do, which includes an object that is gone
    REWRAPPED = "rewrapped"
    OWED = "owed"  # some region cannot open it yet; the debt is recorded
    REFUSED = "refused"  # never touched; the refusal is recorded


@dataclass(frozen=True)
class Result:
    bucket: str
    key: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class RewrapService:
    key_sets: Callable[[], tuple[KeySet, ...]]
    key_sets_anew: Callable[[], tuple[KeySet, ...]]  # which `key_sets` gives from then on; or StateUnavailableError
    keys_for: Callable[[KeySet], Keys]
    objects: ObjectStore
    ledger: Ledger
    region: str
    clock: Callable[[], datetime]

    def rewrap(self, bucket: str, key: str) -> Result:
        """Only the current version: copying an older one onto itself would make it the current one.

        Raises:
            ObjectChangedError: overwritten meanwhile; try again.
            KeySetChangedError: its key set was changed meanwhile, twice; try again.
            UnknownBucketError: no key set has the bucket, here and now.
            TamperedError: the wrapped key opened to another key than the object's; refused. Page a human.
            CommitmentError: a new wrap opened to another key; not written. The same.
        """
        try:
            return self._look_at(bucket, key)
        except KeySetChangedError:
            return self._look_at(bucket, key)

    def _look_at(self, bucket: str, key: str) -> Result:
        record = self._record(bucket, key)
        try:
            stored = self.objects.head(bucket, key)
        except ObjectFormatError as error:
            record.refuse(VersionSeen(), str(error), still_lack=(self.region,))  # for all that anybody knows
            return Result(bucket, key, Outcome.REFUSED, str(error))
        if stored is None or (stored.size == 0 and not any(name.startswith("x-amz-") for name in stored.metadata)):
            record.settle(VersionSeen(), {})
            reason = "there is no such object" if stored is None else "it is empty"
            return Result(bucket, key, Outcome.ALREADY, reason)
        return _Rewrapping(self, record, stored).run()

    def record_failure(self, bucket: str, key: str, code: str) -> None:
        """That `rewrap` raised leaves a trace: the object is owed to this region until a later try succeeds."""
        self._record(bucket, key).fail(code)

    def _record(self, bucket: str, key: str) -> ObjectRecord:
        key_set = self._key_set_of(bucket)
        if key_set is None:
            raise UnknownBucketError(
                f"no key set has bucket {bucket!r} in {self.region}, so {key!r} waits in the queue"
            )
        return ObjectRecord.read(self.ledger, key_set, self.region, bucket, key, self.clock())

    def _key_set_of(self, bucket: str) -> KeySet | None:
        return next((ks for ks in self.key_sets() if any(b.name == bucket for b in ks.buckets_in(self.region))), None)


@dataclass(frozen=True)
class _Rewrapping:
    """One object's turn."""

    service: RewrapService
    record: ObjectRecord
    stored: StoredObject

    def run(self) -> Result:
        try:
            envelope = Envelope.read(self.stored.metadata)
            bundle = Bundle.parse(envelope.wrapped_key) if envelope.holds_bundle else None
        except (ObjectFormatError, BundleError) as error:
            return self._refuse(str(error))
        try:
            if bundle is not None:
                self._expect_own(bundle)
            return self._bring_home(envelope, self.service.keys_for(self.key_set))
        except RegionUnavailableError as error:
            return self._owe(envelope, str(error), Cause(error.code, _waits_for(error)))
        except (ObjectFormatError, WrapRefusedError) as error:
            return self._refuse_by_key_set(envelope, error)

    @property
    def key_set(self) -> KeySet:
        return self.record.key_set

    def _bring_home(self, envelope: Envelope, keys: Keys) -> Result:
        try:
            local = self._opened_here(envelope, keys)
        except CommitmentError:
            raise
        except RegionUnavailableError as error:
            return self._owe(envelope, str(error), Cause(error.code, _waits_for(error)), opens_here=False)
        except BundleError as error:
            return self._refuse_by_key_set(envelope, error, still_lack=(self.service.region,))
        try:
            return self._rewrap(envelope, keys, local)
        except CommitmentError:
            raise
        except (ObjectFormatError, BundleError) as error:
            still_lack = self._lacking(envelope, opens_here=local is not None)
            return self._refuse_by_key_set(envelope, error, still_lack)

    def _opened_here(self, envelope: Envelope, keys: Keys) -> bytes | None:
        with self._refusing_another_key():
            local = keys.open_locally(envelope.wrapped_key, envelope.context)
            if local is not None:
                envelope.verify(local)
            return local

    def _rewrap(self, envelope: Envelope, keys: Keys, local: bytes | None) -> Result:
        if envelope.holds_bundle:
            with self._refusing_another_key():
                blob, missing = keys.complete(envelope.wrapped_key, envelope.context)
            if self.service.region in missing:
                return self._owe(envelope, NO_LOCAL_WRAP, Cause())
        elif local is not None:
            blob, missing = envelope.wrapped_key, ()
        else:
            self._refuse_ping_pong()
            with self._refusing_another_key():
                local = keys.open_anywhere(envelope.wrapped_key, envelope.context)
                envelope.verify(local)
            blob, missing = keys.wrap_locally(local, envelope.context), ()
        changed = blob != envelope.wrapped_key
        seen, left = self._seen, envelope.with_wrapped_key(blob)
        if changed:
            seen = self._write(left, keys, local)
        owed = dict.fromkeys(missing, Cause()) | self._not_known(left)
        self.record.settle(seen, owed)
        if missing:
            return self._result(Outcome.OWED, f"no wrap yet for {', '.join(missing)}")
        if owed:
            return self._result(Outcome.OWED, "; ".join(DOUBTS[cause.code] for cause in owed.values()))
        return self._result(Outcome.REWRAPPED if changed else Outcome.ALREADY)

    @contextmanager
    def _refusing_another_key(self) -> Iterator[None]:
        """A wrap that opens to another key never opens to the right one: it is refused, and raised all the same."""
        try:
            yield
        except CommitmentError as error:
            self._refuse(str(error))
            raise TamperedError(str(error)) from error

    def _write(self, fresh: Envelope, keys: Keys, data_key: bytes | None) -> VersionSeen:
        """Prove the new wrap, write it, read it back and prove that."""
        proven = _open(fresh, keys, data_key)
        stored, now = self.stored, self.service.objects.head(self.stored.bucket, self.stored.key)
        if now is None or (now.etag, now.metadata) != (stored.etag, stored.metadata):
            raise ObjectChangedError(f"{self._name} was changed while it was being rewrapped")
        written = self._copy(now, fresh)
        _open(Envelope.read(written.metadata), keys, proven)
        return VersionSeen(written.etag, written.version_id)

    def _copy(self, source: StoredObject, fresh: Envelope) -> StoredObject:
        """Carries what the look directly before it showed, and what changed since: that is in the version below ours.

        The other order loses it: a legal hold, a header or metadata that came while KMS was asked, or after the look.
        """
        current = source
        for _ in range(MAX_COPIES):
            wanted = fresh.applied_to(source.metadata)
            self.service.objects.replace_metadata(replace(source, etag=current.etag), wanted)
            written = self.service.objects.head(source.bucket, source.key)
            if written is None or written.metadata != wanted:
                raise ObjectChangedError(f"{self._name} was overwritten while it was being rewrapped")
            below = self.service.objects.replaced(written)
            if below is None or _makes_the_same(fresh, below, current):
                return written
            source, current = below, written
        raise ObjectChangedError(f"{self._name} is being changed all the time")

    @property
    def _name(self) -> str:
        return f"s3://{self.stored.bucket}/{self.stored.key}"

    def _expect_own(self, bundle: Bundle) -> None:
        if bundle.key_set != self.key_set.name:
            message = f"its bundle belongs to key set {bundle.key_set!r}, its bucket to {self.key_set.name!r}"
            raise ObjectFormatError(message)

    def _refuse_ping_pong(self) -> None:
        """A replica in a one-key format whose bucket replicates back would be rewritten by both regions for ever.

        Our copy is no replica, so the other region's bucket gets it back under this region's key (facts 5.2).
        A bundle converges: once it has all wraps nobody rewrites it.
        """
        if not self.stored.is_replica:
            return
        targets = self.service.objects.replicates_into(self.stored.bucket)
        for bucket in self.key_set.buckets:
            if bucket.name in targets and bucket.region != self.service.region:
                raise ObjectFormatError(
                    f"it is a replica with a single wrapped key, and its bucket replicates into {bucket.name!r} in "
                    f"{bucket.region}: both regions would rewrite it in turn; write it with FailoverKms instead"
                )

    # The ledger

    @property
    def _seen(self) -> VersionSeen:
        return VersionSeen(self.stored.etag, self.stored.version_id)

    def _lacking(self, envelope: Envelope, *, opens_here: bool) -> tuple[str, ...]:
        """A bundle lacks the wraps that it has not; anything else opens in one region."""
        if envelope.holds_bundle:
            bundle = Bundle.parse(envelope.wrapped_key)
            return (*(member.region for member in bundle.lacking(self.key_set)), *not_wrapped_for(bundle, self.key_set))
        return () if opens_here else (self.service.region,)

    def _not_known(self, envelope: Envelope) -> dict[str, Cause]:
        bundle = Bundle.parse(envelope.wrapped_key) if envelope.holds_bundle else None
        return not_known(bundle, self.key_set, self.service.ledger, self.service.region)

    def _owe(self, envelope: Envelope, reason: str, cause: Cause, *, opens_here: bool = True) -> Result:
        """A bundle is owed to the regions without a wrap, and to this one where nobody has seen its wrap open."""
        lacking, here = self._lacking(envelope, opens_here=False), (self.service.region,)
        owed = lacking if lacking and opens_here else (*lacking, *here)
        self.record.settle(self._seen, dict.fromkeys(owed, cause))
        return self._result(Outcome.OWED, reason)

    def _refuse_by_key_set(
        self, envelope: Envelope, error: KmsFailoverError, still_lack: tuple[str, ...] = ()
    ) -> Result:
        """What the key set says may be said for good only while it is the one in force, and every member was asked.

        Otherwise nobody knows whether it opens here, so it is owed here too: that ends by itself, or a person ends it.
        """
        service, rests_on_members = self.service, not isinstance(error, ObjectFormatError)
        doubt = doubt_of(self.key_set, service.ledger, service.key_sets_anew, rests_on_members=rests_on_members)
        if not doubt:
            return self._refuse(str(error), still_lack)
        return self._owe(envelope, f"{error}, but {DOUBTS[doubt]}", Cause(doubt), opens_here=False)

    def _refuse(self, reason: str, still_lack: tuple[str, ...] = ()) -> Result:
        self.record.refuse(self._seen, reason, still_lack)
        return self._result(Outcome.REFUSED, reason)

    def _result(self, outcome: Outcome, reason: str = "") -> Result:
        return Result(self.stored.bucket, self.stored.key, outcome, reason)


def _waits_for(error: RegionUnavailableError) -> tuple[str, ...]:
    return error.regions if isinstance(error, WrapUnavailableError) else (error.region,)


def _makes_the_same(fresh: Envelope, one: StoredObject, other: StoredObject) -> bool:
    """Whether a copy would carry the same, whatever wrap they have: another worker may have been first."""
    first, second = ((fresh.applied_to(version.metadata), version.settings) for version in (one, other))
    return first == second


def _open(envelope: Envelope, keys: Keys, expected: bytes | None) -> bytes:
    """With the local key only; CommitmentError unless that gives the object's own data key."""
    opened = keys.open_locally(envelope.wrapped_key, envelope.context)
    if opened is None:
        raise CommitmentError("the new wrap does not open with the local key")
    envelope.verify(opened)
    if expected is not None and not hmac.compare_digest(opened, expected):
        raise CommitmentError("the new wrap opened to another key than the old one")
    return opened
