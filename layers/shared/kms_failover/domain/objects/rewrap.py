"""Rewrapping: bring one object's data key under the local KMS key, so that it opens with that region alone.

Old or new, never between: the new wrap is opened and checked before it is written, the write is one conditional
CopyObject, and what was written is read back and opened before success is said. Doing it twice changes nothing.

An object in an unknown format is refused: it stays as it is, and the ledger says why.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.objects.keys import Keys
from kms_failover.domain.objects.known_members import UNCERTAINTIES, not_known, not_wrapped_for, uncertainty_of
from kms_failover.domain.objects.object_record import Cause, Ledger, ObjectRecord, ObjectVersion
from kms_failover.domain.objects.proven_write import ProvenWrite
from kms_failover.domain.objects.rewrap_result import RewrapOutcome, RewrapResult
from kms_failover.domain.objects.s3_envelope import Envelope
from kms_failover.domain.objects.stored_object import ObjectStore, StoredObject
from kms_failover.errors import (
    BundleError,
    CommitmentError,
    KeySetChangedError,
    KmsFailoverError,
    ObjectFormatError,
    RegionUnavailableError,
    TamperedError,
    UnknownBucketError,
    WrapRefusedError,
    WrapUnavailableError,
)

NO_LOCAL_WRAP = "the local wrap could not be made"


@dataclass(frozen=True)
class RewrapService:
    key_sets: Callable[[], tuple[KeySet, ...]]
    key_sets_anew: Callable[[], tuple[KeySet, ...]]  # which `key_sets` gives from then on; or StateUnavailableError
    keys_for: Callable[[KeySet], Keys]
    objects: ObjectStore
    ledger: Ledger
    region: str
    clock: Callable[[], datetime]

    def rewrap(self, bucket: str, key: str) -> RewrapResult:
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

    def _look_at(self, bucket: str, key: str) -> RewrapResult:
        record = self._record(bucket, key)
        try:
            stored = self.objects.head(bucket, key)
        except ObjectFormatError as error:
            record.refuse(ObjectVersion(), str(error), still_lack=(self.region,))  # for all that anybody knows
            return RewrapResult(bucket, key, RewrapOutcome.REFUSED, str(error))
        if stored is None or (stored.size == 0 and not any(name.startswith("x-amz-") for name in stored.metadata)):
            record.settle(ObjectVersion(), {})
            reason = "there is no such object" if stored is None else "it is empty"
            return RewrapResult(bucket, key, RewrapOutcome.ALREADY, reason)
        return _RewrapRun(self, record, stored).run()

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
class _RewrapRun:
    """One object's turn."""

    service: RewrapService
    record: ObjectRecord
    stored: StoredObject

    def run(self) -> RewrapResult:
        try:
            envelope = Envelope.read(self.stored.metadata)
            bundle = Bundle.parse(envelope.wrapped_key) if envelope.holds_bundle else None
        except (ObjectFormatError, BundleError) as error:
            return self._refuse(str(error))
        try:
            if bundle is not None:
                self._expect_own(bundle)
            return self._bring_under_local_key(envelope, self.service.keys_for(self.key_set))
        except RegionUnavailableError as error:
            return self._owe(envelope, str(error), Cause(error.code, _waits_for(error)))
        except (ObjectFormatError, WrapRefusedError) as error:
            return self._refuse_by_key_set(envelope, error)

    @property
    def key_set(self) -> KeySet:
        return self.record.key_set

    def _bring_under_local_key(self, envelope: Envelope, keys: Keys) -> RewrapResult:
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

    def _rewrap(self, envelope: Envelope, keys: Keys, local: bytes | None) -> RewrapResult:
        if envelope.holds_bundle:
            with self._refusing_another_key():
                blob, missing = keys.complete(envelope.wrapped_key, envelope.context)
            if self.service.region in missing:
                return self._owe(envelope, NO_LOCAL_WRAP, Cause())
        elif local is not None:
            blob, missing = envelope.wrapped_key, ()
        else:
            self._refuse_two_way_replication()
            with self._refusing_another_key():
                local = keys.open_anywhere(envelope.wrapped_key, envelope.context)
                envelope.verify(local)
            blob, missing = keys.wrap_locally(local, envelope.context), ()
        changed = blob != envelope.wrapped_key
        seen, left = self._seen, envelope.with_wrapped_key(blob)
        if changed:
            seen = ProvenWrite(self.service.objects, keys, self.stored).write(left, local)
        owed = dict.fromkeys(missing, Cause()) | self._not_known(left)
        self.record.settle(seen, owed)
        if missing:
            return self._result(RewrapOutcome.OWED, f"no wrap yet for {', '.join(missing)}")
        if owed:
            return self._result(RewrapOutcome.OWED, "; ".join(UNCERTAINTIES[cause.code] for cause in owed.values()))
        return self._result(RewrapOutcome.REWRAPPED if changed else RewrapOutcome.ALREADY)

    @contextmanager
    def _refusing_another_key(self) -> Iterator[None]:
        """A wrap that opens to another key never opens to the right one: it is refused, and raised all the same."""
        try:
            yield
        except CommitmentError as error:
            self._refuse(str(error))
            raise TamperedError(str(error)) from error

    def _expect_own(self, bundle: Bundle) -> None:
        if bundle.key_set != self.key_set.name:
            message = f"its bundle belongs to key set {bundle.key_set!r}, its bucket to {self.key_set.name!r}"
            raise ObjectFormatError(message)

    def _refuse_two_way_replication(self) -> None:
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
    def _seen(self) -> ObjectVersion:
        return ObjectVersion(self.stored.etag, self.stored.version_id)

    def _lacking(self, envelope: Envelope, *, opens_here: bool) -> tuple[str, ...]:
        """A bundle lacks the wraps that it has not; anything else opens in one region."""
        if envelope.holds_bundle:
            bundle = Bundle.parse(envelope.wrapped_key)
            return (*(member.region for member in bundle.lacking(self.key_set)), *not_wrapped_for(bundle, self.key_set))
        return () if opens_here else (self.service.region,)

    def _not_known(self, envelope: Envelope) -> dict[str, Cause]:
        bundle = Bundle.parse(envelope.wrapped_key) if envelope.holds_bundle else None
        return not_known(bundle, self.key_set, self.service.ledger, self.service.region)

    def _owe(self, envelope: Envelope, reason: str, cause: Cause, *, opens_here: bool = True) -> RewrapResult:
        """A bundle is owed to the regions without a wrap, and to this one where nobody has seen its wrap open."""
        lacking, here = self._lacking(envelope, opens_here=False), (self.service.region,)
        owed = lacking if lacking and opens_here else (*lacking, *here)
        self.record.settle(self._seen, dict.fromkeys(owed, cause))
        return self._result(RewrapOutcome.OWED, reason)

    def _refuse_by_key_set(
        self, envelope: Envelope, error: KmsFailoverError, still_lack: tuple[str, ...] = ()
    ) -> RewrapResult:
        """What the key set says may be said for good only while it is the one in force, and every member was asked.

        Otherwise nobody knows whether it opens here, so it is owed here too: that ends by itself, or a person ends it.
        """
        service, rests_on_members = self.service, not isinstance(error, ObjectFormatError)
        uncertainty = uncertainty_of(
            self.key_set, service.ledger, service.key_sets_anew, rests_on_members=rests_on_members
        )
        if not uncertainty:
            return self._refuse(str(error), still_lack)
        return self._owe(envelope, f"{error}, but {UNCERTAINTIES[uncertainty]}", Cause(uncertainty), opens_here=False)

    def _refuse(self, reason: str, still_lack: tuple[str, ...] = ()) -> RewrapResult:
        self.record.refuse(self._seen, reason, still_lack)
        return self._result(RewrapOutcome.REFUSED, reason)

    def _result(self, outcome: RewrapOutcome, reason: str = "") -> RewrapResult:
        return RewrapResult(self.stored.bucket, self.stored.key, outcome, reason)


def _waits_for(error: RegionUnavailableError) -> tuple[str, ...]:
    return error.regions if isinstance(error, WrapUnavailableError) else (error.region,)
