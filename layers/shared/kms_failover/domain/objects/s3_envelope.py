"""The Amazon S3 Encryption Client's envelope in object metadata: read it, swap its wrapped key, check its commitment.

Source of every rule: the Amazon S3 Encryption Client specification, `data-format/content-metadata.md`,
`data-format/metadata-strategy.md`, `key-derivation.md` and `decryption.md` (facts 6.1). The body is not bound to the
wrapped key, so swapping that alone keeps the object readable.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kms_failover.domain.data_keys.bundle import is_bundle
from kms_failover.errors import CommitmentError, ObjectFormatError

DATA_KEY_BYTES = 32  # AES-256 in every algorithm suite of the specification
COMMITTED_BYTES = 28  # commitment and message id alike (suite 0x0073)
SUITE = b"\x00\x73"  # ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY, "115" in the metadata
MAX_METADATA_BYTES = 2048  # S3's limit: UTF-8 bytes of all user metadata names and values (facts 6.1)

V1_KEY, V2_KEY, V3_KEY = "x-amz-key", "x-amz-key-v2", "x-amz-3"
V3_CONTENT = ("x-amz-c", "x-amz-d", "x-amz-i")  # stay in the metadata even where the rest is in an instruction file
INSTRUCTION_FILE = "x-amz-crypto-instr-file"
MADE_BY_THE_CLIENT = "aws:x-amz-cek-alg"  # in each `kms+context` context (facts 6.1); the role is bound to it


class Version(IntEnum):
    V2 = 2
    V3 = 3


@dataclass(frozen=True)
class Envelope:
    """`wrapped_key` is a KMS ciphertext blob or a bundle. `commitment` and `message_id` are empty in V2."""

    version: Version
    wrapped_key: bytes
    context: Mapping[str, str]
    commitment: bytes = b""
    message_id: bytes = b""

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Self:
        """From the names and values that HeadObject shows; ObjectFormatError, saying why, for all but V2 and V3."""
        present = [name for name in (V1_KEY, V2_KEY, V3_KEY) if name in metadata]
        if len(present) > 1 or (present and present != [V3_KEY] and any(name in metadata for name in V3_CONTENT)):
            raise ObjectFormatError("its metadata mixes versions of the S3 Encryption Client: it may be tampered with")
        if INSTRUCTION_FILE in metadata:
            raise ObjectFormatError("it is an instruction file of the S3 Encryption Client")
        if present == [V3_KEY]:
            return cls._read_v3(metadata)
        if present == [V2_KEY]:
            return cls._read_v2(metadata)
        if present == [V1_KEY]:
            raise ObjectFormatError("V1 of the S3 Encryption Client is not supported")
        if any(name in metadata for name in V3_CONTENT):
            raise ObjectFormatError("the S3 Encryption Client keeps its wrapped key in an instruction file")
        raise ObjectFormatError("no known format: its metadata has no client-side envelope")

    @classmethod
    def _read_v3(cls, metadata: Mapping[str, str]) -> Self:
        _expect(metadata, "x-amz-c", "115")
        _expect(metadata, "x-amz-w", "12")  # kms+context; the others are wrapped without KMS
        return cls(
            Version.V3,
            _bytes(metadata, V3_KEY),
            _context(metadata, "x-amz-t"),
            _bytes(metadata, "x-amz-d", COMMITTED_BYTES),
            _bytes(metadata, "x-amz-i", COMMITTED_BYTES),
        )

    @classmethod
    def _read_v2(cls, metadata: Mapping[str, str]) -> Self:
        _expect(metadata, "x-amz-wrap-alg", "kms+context")  # legacy `kms` has its key's id in the context
        _expect(metadata, "x-amz-cek-alg", "AES/GCM/NoPadding")
        return cls(Version.V2, _bytes(metadata, V2_KEY), _context(metadata, "x-amz-matdesc"))

    @property
    def holds_bundle(self) -> bool:
        return is_bundle(self.wrapped_key)

    def with_wrapped_key(self, wrapped_key: bytes) -> Self:
        return replace(self, wrapped_key=wrapped_key)

    def applied_to(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """The metadata with this envelope's wrapped key and nothing else changed.

        Raises:
            ObjectFormatError: it would exceed what S3 takes; a bundle of five regions or more does.
        """
        name = V3_KEY if self.version is Version.V3 else V2_KEY
        changed = dict(metadata) | {name: base64.b64encode(self.wrapped_key).decode()}
        size = sum(len(text.encode()) for item in changed.items() for text in item)
        if size > MAX_METADATA_BYTES:
            raise ObjectFormatError(f"its metadata would have {size} bytes, S3 takes {MAX_METADATA_BYTES}")
        return changed

    def verify(self, data_key: bytes) -> None:
        """Raise CommitmentError unless this is the data key that the body was encrypted with.

        V2 has no commitment: there only the length is checked, and that the wrap opened is all there is to know.
        """
        # as key-derivation.md says under #hkdf-operation, the keying material's length MUST be the suite's
        if len(data_key) != DATA_KEY_BYTES:
            raise CommitmentError(f"the wrapped key opened to {len(data_key)} bytes, not to {DATA_KEY_BYTES}")
        # as decryption.md says under #decrypting-with-commitment, in constant time
        if self.version is Version.V3 and not hmac.compare_digest(
            self.commitment, envelope_commitment(data_key, self.message_id)
        ):
            raise CommitmentError("the wrapped key opened to a key that the object does not commit to")


def envelope_commitment(data_key: bytes, message_id: bytes) -> bytes:
    """The V3 commitment value: HKDF-SHA512, salt = message id, info = suite id + `COMMITKEY`, 28 bytes.

    S3EC specification, key-derivation.md#hkdf-operation; the test vector was written by the stock Python client 4.0.0.
    """
    return HKDF(SHA512(), COMMITTED_BYTES, salt=message_id, info=SUITE + b"COMMITKEY").derive(data_key)


def _expect(metadata: Mapping[str, str], name: str, value: str) -> None:
    if (found := metadata.get(name)) != value:
        raise ObjectFormatError(f"{name} is {found!r}, only {value!r} is supported")


def _bytes(metadata: Mapping[str, str], name: str, size: int | None = None) -> bytes:
    try:
        value = base64.b64decode(metadata[name], validate=True)
    except KeyError as error:
        raise ObjectFormatError(f"{name} is missing") from error
    except (binascii.Error, ValueError) as error:
        raise ObjectFormatError(f"{name} is not base64") from error
    if not value or (size is not None and len(value) != size):
        raise ObjectFormatError(f"{name} has {len(value)} bytes")
    return value


def _context(metadata: Mapping[str, str], name: str) -> dict[str, str]:
    """The KMS encryption context, which the specification stores as JSON.

    Whoever may write an object chooses what is opened for it: only what the S3 Encryption Client made for S3 is.
    """
    try:
        context = json.loads(metadata.get(name, "{}"))
    except (ValueError, RecursionError) as error:  # the last: brackets in brackets in brackets
        raise ObjectFormatError(f"{name} is not JSON") from error
    if not isinstance(context, dict) or not all(isinstance(value, str) for value in context.values()):
        raise ObjectFormatError(f"{name} is no encryption context")
    if MADE_BY_THE_CLIENT not in context:
        raise ObjectFormatError(f"{name} lacks {MADE_BY_THE_CLIENT}: the S3 Encryption Client did not make this wrap")
    return context
