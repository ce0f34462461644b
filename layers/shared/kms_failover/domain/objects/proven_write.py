"""The write of a new wrap: proved before it is written, one conditional copy, and read back and proved again."""

import hmac
from dataclasses import dataclass, replace

from kms_failover.domain.objects.keys import Keys
from kms_failover.domain.objects.object_record import ObjectVersion
from kms_failover.domain.objects.s3_envelope import Envelope
from kms_failover.domain.objects.stored_object import ObjectStore, StoredObject
from kms_failover.errors import CommitmentError, ObjectChangedError

MAX_COPIES = 3  # of one object in one turn; each after the first repairs what somebody changed in that moment


@dataclass(frozen=True)
class ProvenWrite:
    """Of an object that looked like `stored` when its turn began."""

    objects: ObjectStore
    keys: Keys
    stored: StoredObject

    def write(self, fresh: Envelope, data_key: bytes | None) -> ObjectVersion:
        """The version that holds it. `data_key` is the object's own, if it is known.

        Raises:
            CommitmentError: the wrap, or what was read back, does not open to the object's data key.
            ObjectChangedError: overwritten meanwhile.
        """
        proven = _open(fresh, self.keys, data_key)
        stored, now = self.stored, self.objects.head(self.stored.bucket, self.stored.key)
        if now is None or (now.etag, now.metadata) != (stored.etag, stored.metadata):
            raise ObjectChangedError(f"{self._name} was changed while it was being rewrapped")
        written = self._copy(now, fresh)
        _open(Envelope.read(written.metadata), self.keys, proven)
        return ObjectVersion(written.etag, written.version_id)

    def _copy(self, source: StoredObject, fresh: Envelope) -> StoredObject:
        """Carries what the look directly before it showed, and what changed since: that is in the version below ours.

        The other order loses it: a legal hold, a header or metadata that came while KMS was asked, or after the look.
        """
        current = source
        for _ in range(MAX_COPIES):
            wanted = fresh.applied_to(source.metadata)
            self.objects.replace_metadata(replace(source, etag=current.etag), wanted)
            written = self.objects.head(source.bucket, source.key)
            if written is None or written.metadata != wanted:
                raise ObjectChangedError(f"{self._name} was overwritten while it was being rewrapped")
            below = self.objects.replaced(written)
            if below is None or _makes_the_same(fresh, below, current):
                return written
            source, current = below, written
        raise ObjectChangedError(f"{self._name} is being changed all the time")

    @property
    def _name(self) -> str:
        return f"s3://{self.stored.bucket}/{self.stored.key}"


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
