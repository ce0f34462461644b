"""A small world to rewrap in: two regions' KMS, a versioned store and a ledger, all in memory."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from kms_failover.domain.data_keys.bundle import Bundle, Kind, Wrap, bundle_commitment, is_bundle
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.objects.debt import Debt, LedgerEntry, Refusal
from kms_failover.domain.objects.rewrap import RewrapService
from kms_failover.domain.objects.s3_envelope import envelope_commitment
from kms_failover.domain.objects.stored_object import StoredObject
from kms_failover.errors import (
    BundleError,
    ObjectChangedError,
    ObjectFormatError,
    RegionUnavailableError,
    StateUnavailableError,
    WrapRefusedError,
    WrapUnavailableError,
)
from tests.domain.memory_state import MemoryState

HERE, THERE, THIRD = "eu-west-1", "us-east-1", "ap-south-1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DATA_KEY = bytes(range(32))
MESSAGE_ID = bytes(range(100, 128))
CONTEXT = {"tenant": "a", "aws:x-amz-cek-alg": "115"}


def arn(region: str) -> str:
    return f"arn:aws:kms:{region}:111122223333:key/of-{region}"


def key_set(*regions: str) -> KeySet:
    return KeySet.model_validate(
        {
            "name": "orders",
            "members": [{"region": region, "arn": arn(region)} for region in regions or (THERE, HERE)],
            "buckets": [{"name": f"orders-{region}", "region": region} for region in regions or (THERE, HERE)],
        }
    )


def blob_under(region: str, data_key: bytes = DATA_KEY, context: Mapping[str, str] | None = None) -> bytes:
    """What this world's KMS makes of a data key; it opens under that region's key and that context only."""
    sealed = {"key": arn(region), "data": data_key.hex(), "context": dict(CONTEXT if context is None else context)}
    return json.dumps(sealed, sort_keys=True).encode()


def bundle_under(*regions: str, data_key: bytes = DATA_KEY, name: str = "orders") -> bytes:
    wraps = tuple(Wrap(arn(region), blob_under(region, data_key)) for region in regions)
    return bytes(Bundle(name, Kind.DATA_KEY, bundle_commitment(data_key, name, Kind.DATA_KEY, CONTEXT), wraps))


def v3(wrapped_key: bytes, **changes: str) -> dict[str, str]:
    """Metadata as the stock S3 Encryption Client writes it, with one entry of somebody else's."""
    return {
        "mine": "stays",
        "x-amz-c": "115",
        "x-amz-w": "12",
        "x-amz-3": base64.b64encode(wrapped_key).decode(),
        "x-amz-d": base64.b64encode(envelope_commitment(DATA_KEY, MESSAGE_ID)).decode(),
        "x-amz-i": base64.b64encode(MESSAGE_ID).decode(),
        "x-amz-t": json.dumps(CONTEXT),
    } | changes


def v2(wrapped_key: bytes, **changes: str) -> dict[str, str]:
    return {
        "mine": "stays",
        "x-amz-key-v2": base64.b64encode(wrapped_key).decode(),
        "x-amz-wrap-alg": "kms+context",
        "x-amz-cek-alg": "AES/GCM/NoPadding",
        "x-amz-matdesc": json.dumps(CONTEXT),
        "x-amz-iv": "spJpPCTR4Typ3ng5",
        "x-amz-tag-len": "128",
    } | changes


class WorldKeys:
    """The port `Keys`. `down` regions do not answer, `decrypt_only` ones not to Encrypt; `mangle` breaks new wraps."""

    def __init__(self, key_set: KeySet, region: str = HERE) -> None:
        self.key_set = key_set
        self.region = region
        self.down: set[str] = set()
        self.decrypt_only: set[str] = set()
        self.mangle: Callable[[bytes], bytes] = lambda blob: blob

    def open_locally(self, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        member = self._member(self.region)
        if is_bundle(blob):
            return self._open_bundle_locally(Bundle.parse(blob), context)
        return self._decrypt(member, blob, context)

    def _open_bundle_locally(self, bundle: Bundle, context: Mapping[str, str]) -> bytes | None:
        blobs = bundle.blobs_by_member(self.key_set)
        member = self._member(self.region)
        if member.arn not in blobs:
            return None
        if (opened := self._decrypt(member, blobs[member.arn], context)) is not None:
            bundle.verify(opened, context)
            return opened
        for other in self.key_set.members:
            if other.arn in blobs and self._decrypt(other, blobs[other.arn], context) is not None:
                raise BundleError("its own wrap opens with no key")
        raise WrapRefusedError(["InvalidCiphertextException everywhere"])

    def open_anywhere(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        for member in self.key_set.members:
            if member.region not in self.down and (opened := self._decrypt(member, blob, context)) is not None:
                return opened
        if self.down:
            raise WrapUnavailableError(sorted(self.down), "ReadTimeoutError")
        raise WrapRefusedError(["AccessDeniedException everywhere"])

    def wrap_locally(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        self._expect_up(self.region)
        return self.mangle(blob_under(self.region, data_key, context))

    def complete(self, bundle: bytes, context: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
        parsed = Bundle.parse(bundle)
        missing = [member.region for member in parsed.lacking(self.key_set)]
        if missing:
            known = [wrap for wrap in parsed.wraps if wrap.key_arn in {member.arn for member in self.key_set.members}]
            if not known:
                raise BundleError("no wrap of this bundle is under a member key")
            held = [wrap for wrap in known if wrap.region not in self.down]
            if not held:
                raise WrapUnavailableError([wrap.region for wrap in known], "ReadTimeoutError")
            data_key = self._decrypt(self._member(held[0].region), held[0].blob, context)
            assert data_key is not None
            parsed.verify(data_key, context)
            makeable = [region for region in missing if region not in self.down | self.decrypt_only]
            fresh = tuple(Wrap(arn(region), self.mangle(blob_under(region, data_key, context))) for region in makeable)
            parsed = parsed.with_wraps(fresh, self.key_set)
        return bytes(parsed), tuple(member.region for member in parsed.lacking(self.key_set))

    def _decrypt(self, member: MemberKey, blob: bytes, context: Mapping[str, str]) -> bytes | None:
        self._expect_up(member.region)
        sealed = json.loads(blob)
        if sealed.get("key") != member.arn or sealed["context"] != dict(context):
            return None
        return bytes.fromhex(sealed["data"])

    def _member(self, region: str) -> MemberKey:
        member = self.key_set.member_in(region)
        assert member is not None
        return member

    def _expect_up(self, region: str) -> None:
        if region in self.down:
            raise RegionUnavailableError(region, "ReadTimeoutError")


class WorldObjects:
    """The port `ObjectStore`. `before_write` and `after_write` are where others interfere, or the process dies.

    `hidden` is why nobody may look at an object, `never` why it cannot be copied.
    """

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], StoredObject] = {}
        self.below: dict[tuple[str, str], list[StoredObject]] = {}
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.targets: frozenset[str] = frozenset()
        self.writes = 0
        self.hidden = self.never = ""
        self.before_head: Callable[[], None] = lambda: None
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None

    def put(self, bucket: str, key: str, metadata: Mapping[str, str], *, replica: bool = False, size: int = 7) -> None:
        self.bodies[bucket, key] = b"x" * size
        etag = f'"{len(self.stored)}-{self.writes}-{hash(tuple(metadata.items()))}"'
        self._add(StoredObject(bucket, key, size, replica, dict(metadata), etag, {}))

    def change(self, bucket: str, key: str, metadata: Mapping[str, str], **settings: object) -> None:
        """A copy onto itself by somebody else: another version with the same ETag."""
        current = self.stored[bucket, key]
        changed = dict(current.settings) | settings
        self._add(replace(current, metadata=dict(current.metadata) | dict(metadata), settings=changed))

    def set_hold(self, bucket: str, key: str) -> None:
        """On the version that is current now; no version is made."""
        current = self.stored[bucket, key]
        self.stored[bucket, key] = replace(current, settings=dict(current.settings) | {"hold": "ON"})

    def _add(self, version: StoredObject) -> None:
        where = version.bucket, version.key
        if where in self.stored:
            self.below.setdefault(where, []).append(self.stored[where])
        self.stored[where] = replace(version, version_id=f"v{len(self.below.get(where, []))}")

    def head(self, bucket: str, key: str) -> StoredObject | None:
        self.before_head()
        if self.hidden:
            raise ObjectFormatError(self.hidden)
        return self.stored.get((bucket, key))

    def replace_metadata(self, stored: StoredObject, metadata: Mapping[str, str]) -> None:
        if self.never:
            raise ObjectFormatError(self.never)
        self.before_write()
        current = self.stored.get((stored.bucket, stored.key))
        if current is None or current.etag != stored.etag:
            raise ObjectChangedError(f"{stored.key} was overwritten")
        self.writes += 1
        etag = f'"written-{self.writes}"'
        settings = dict(stored.settings)
        self._add(replace(current, metadata=dict(metadata), settings=settings, etag=etag, is_replica=False))
        self.after_write()

    def replaced(self, written: StoredObject) -> StoredObject | None:
        versions = [*self.below.get((written.bucket, written.key), []), self.stored[written.bucket, written.key]]
        at = [version.version_id for version in versions].index(written.version_id)
        return versions[at - 1] if at else None

    def replicates_into(self, bucket: str) -> frozenset[str]:  # of the one bucket here
        return self.targets


class WorldLedger(MemoryState):
    """One key set's, as tests look at it. `before_clear` is where another worker comes in between.

    `older` says whether an older version of it stands in.
    """

    def __init__(self) -> None:
        super().__init__(HERE)
        self.before_clear: Callable[[], None] = lambda: None
        self.older = False

    def stands_in(self, key_set: str) -> bool:
        return self.older

    def clear_debt(self, held: LedgerEntry[Debt]) -> None:
        self.before_clear()
        super().clear_debt(held)

    def clear_refusal(self, held: LedgerEntry[Refusal]) -> None:
        self.before_clear()
        super().clear_refusal(held)

    def all_debts(self) -> list[Debt]:
        return list(self.debts("orders"))

    def all_refusals(self) -> list[Refusal]:
        return list(self.refusals("orders"))

    def owed_to(self) -> set[str]:
        return {debt.owed_to for debt in self.all_debts()}


class World:
    """One object `k` in the local bucket, and the service that rewraps it."""

    def __init__(self, *regions: str) -> None:
        self.key_set = key_set(*regions)
        self.keys = WorldKeys(self.key_set)
        self.objects = WorldObjects()
        self.ledger = WorldLedger()
        self.bucket = f"orders-{HERE}"
        self.now = NOW
        self.table_is_away = False
        self.applied: KeySet | None = None  # what is in force, where that is not yet known
        self.service = RewrapService(
            key_sets=lambda: (self.key_set,),
            key_sets_anew=self.key_sets_anew,
            keys_for=lambda _key_set: self.keys,
            objects=self.objects,
            ledger=self.ledger,
            region=HERE,
            clock=lambda: self.now,
        )

    def key_sets_anew(self) -> tuple[KeySet, ...]:
        if self.table_is_away:
            raise StateUnavailableError("the state table cannot be read")
        if self.applied is not None:
            self.know(self.applied)
        return (self.key_set,)

    def know(self, key_set: KeySet) -> None:
        """From now on, as after it has been read."""
        self.key_set = self.keys.key_set = key_set

    def put(self, metadata: Mapping[str, str], *, replica: bool = False, size: int = 7) -> None:
        self.objects.put(self.bucket, "k", metadata, replica=replica, size=size)

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.objects.stored[self.bucket, "k"].metadata

    def opens_here(self) -> bool:
        """With nothing but the local key."""
        wrapped = self.metadata.get("x-amz-3") or self.metadata["x-amz-key-v2"]
        down, self.keys.down = self.keys.down, set()
        try:
            return self.keys.open_locally(base64.b64decode(wrapped), CONTEXT) == DATA_KEY
        finally:
            self.keys.down = down
