"""The bundle: all wraps of one data key, with a key commitment. Laid out byte by byte in docs/bundle-format.md."""

import functools
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kms_failover.domain.data_keys.kms_limits import MAX_BLOB_BYTES
from kms_failover.domain.key_set import KEY_ARN, KEY_SET_NAME, MAX_MEMBER_KEYS, KeySet, MemberKey
from kms_failover.errors import BundleError, CommitmentError

MAGIC = b"KFB\x01"
COMMITMENT_BYTES = 32
NONCE_BYTES = 32
MAX_BUNDLE_BYTES = MAX_MEMBER_KEYS * (MAX_BLOB_BYTES + 512)
MIN_COMMITTED_KEY_BYTES = 16  # below, a public commitment would let a reader try all keys

REMEMBERED_CONTEXTS = 256  # their digests; most callers use few contexts, and a new one costs a few microseconds

_INFO = b"kms-failover bundle v1 commitment\x00"
_SHA256 = SHA256()


class Kind(IntEnum):
    """What the wraps hold."""

    DATA_KEY = 1  # a random key; its commitment may be public
    MESSAGE = 2  # a secret nonce, then a caller's bytes: the nonce keeps the commitment from confirming guesses


@dataclass(frozen=True)
class Wrap:
    """One data key under one member key."""

    key_arn: str
    blob: bytes

    @property
    def region(self) -> str:
        return self.key_arn.split(":")[3]


@dataclass(frozen=True)
class Bundle:
    """Wraps in the order in which they were made; the first one's key made the data key."""

    key_set: str
    kind: Kind
    commitment: bytes
    wraps: tuple[Wrap, ...]

    def __bytes__(self) -> bytes:
        name = self.key_set.encode()
        parts = [MAGIC, bytes([self.kind, len(name)]), name, self.commitment, bytes([len(self.wraps)])]
        for wrap in self.wraps:
            arn = wrap.key_arn.encode()
            parts += [struct.pack(">H", len(arn)), arn, struct.pack(">H", len(wrap.blob)), wrap.blob]
        return b"".join(parts)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """A bundle, or BundleError for any other bytes."""
        if len(data) > MAX_BUNDLE_BYTES:
            raise BundleError(f"a bundle has at most {MAX_BUNDLE_BYTES} bytes, this has {len(data)}")
        reader = _Reader(data)
        if reader.read(len(MAGIC)) != MAGIC:
            raise BundleError("these bytes are no bundle of a known version")
        kind = reader.byte()
        if kind not in set(Kind):
            raise BundleError(f"a bundle of unknown kind {kind}")
        name = reader.text(reader.byte())
        if KEY_SET_NAME.match(name) is None:
            raise BundleError("a bundle that names no key set")
        commitment = reader.read(COMMITMENT_BYTES)
        wraps = tuple(reader.wrap() for _ in range(reader.byte()))
        reader.expect_end()
        if not 1 <= len(wraps) <= MAX_MEMBER_KEYS or len({wrap.key_arn for wrap in wraps}) != len(wraps):
            raise BundleError(f"a bundle has 1 to {MAX_MEMBER_KEYS} wraps, each under a key of its own")
        return cls(name, Kind(kind), commitment, wraps)

    def with_wraps(self, wraps: tuple[Wrap, ...], key_set: KeySet) -> Self:
        """The same data key with more wraps; one that is there already stays as it is.

        Where there is no room for all, those of keys that the key set no longer has go first, oldest first.
        """
        present = {wrap.key_arn for wrap in self.wraps}
        all_wraps = self.wraps + tuple(wrap for wrap in wraps if wrap.key_arn not in present)
        former = [wrap for wrap in all_wraps if not any(member.opens(wrap.key_arn) for member in key_set.members)]
        dropped = former[: max(0, len(all_wraps) - MAX_MEMBER_KEYS)]
        kept = tuple(wrap for wrap in all_wraps if wrap not in dropped)
        return type(self)(self.key_set, self.kind, self.commitment, kept)

    def blobs_by_member(self, key_set: KeySet) -> dict[str, bytes]:
        """By member key ARN, the blob that this member key opens: its own wrap, or a related multi-Region key's."""
        blobs: dict[str, bytes] = {}
        for wrap in self.wraps:
            for member in key_set.members:
                if member.arn == wrap.key_arn:
                    blobs[member.arn] = wrap.blob
                elif member.opens(wrap.key_arn):
                    blobs.setdefault(member.arn, wrap.blob)
        return blobs

    def lacking(self, key_set: KeySet) -> tuple[MemberKey, ...]:
        """Member keys that open none of the wraps: what the bundle is in debt of."""
        blobs = self.blobs_by_member(key_set)
        return tuple(member for member in key_set.members if member.arn not in blobs)

    def verify(self, key: bytes, context: Mapping[str, str]) -> None:
        """Raise CommitmentError unless `key` is the very key this bundle was made for, under this context."""
        if not hmac.compare_digest(self.commitment, bundle_commitment(key, self.key_set, self.kind, context)):
            raise CommitmentError(
                f"a wrap of key set {self.key_set!r} opened to a key that its bundle does not commit to"
            )


def is_bundle(data: bytes) -> bool:
    """Whether these bytes claim to be a bundle, of this or a later version; a KMS blob never starts so."""
    return data[:3] == MAGIC[:3]


def bundle_commitment(key: bytes, key_set: str, kind: Kind, context: Mapping[str, str]) -> bytes:
    """32 bytes that fix the key, its key set and its encryption context, and tell nothing else about the key.

    HKDF-SHA256 (RFC 5869) of the key; the context enters as SHA-256 over its JSON with sorted keys. HKDF's output is
    independent of any other key that is derived from the same bytes under another `info`.
    """
    info = _INFO + bytes([kind]) + key_set.encode() + b"\x00" + _digest(frozenset(context.items()))
    return HKDF(_SHA256, COMMITMENT_BYTES, salt=None, info=info).derive(key)


@functools.lru_cache(maxsize=REMEMBERED_CONTEXTS)
def _digest(context: frozenset[tuple[str, str]]) -> bytes:
    return hashlib.sha256(json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()).digest()


class _Reader:
    """Takes fields off the front; everything that does not fit is one BundleError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise BundleError(f"a bundle that ends at byte {len(self._data)}, before its fields do")
        self._at += size
        return piece

    def byte(self) -> int:
        return self.read(1)[0]

    def text(self, size: int) -> str:
        try:
            return self.read(size).decode("ascii")
        except UnicodeDecodeError as error:
            raise BundleError("a bundle whose names are not ASCII") from error

    def wrap(self) -> Wrap:
        arn = self.text(struct.unpack(">H", self.read(2))[0])
        if KEY_ARN.match(arn) is None:
            raise BundleError("a bundle with a wrap under something that is no KMS key ARN")
        blob = self.read(struct.unpack(">H", self.read(2))[0])
        if not 1 <= len(blob) <= MAX_BLOB_BYTES:
            raise BundleError(f"a wrap has 1 to {MAX_BLOB_BYTES} bytes, this has {len(blob)}")
        return Wrap(arn, blob)

    def expect_end(self) -> None:
        if self._at != len(self._data):
            raise BundleError(f"{len(self._data) - self._at} bytes follow the end of a bundle")
