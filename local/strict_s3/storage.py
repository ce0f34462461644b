"""Where the bytes lie. Whoever opens an object for reading or writing asks KMS first, as S3 does.

LocalStack's provider takes its storage as an argument, and opens an object here whenever it reads or writes one; a
HeadObject does neither. The bytes themselves are not encrypted: what is proved is that KMS would open their key.

An object keeps its own file. LocalStack 2026.3.0 keeps one for each key and version, so that in a bucket without
versions a write that is refused has already overwritten the object.
"""

import secrets
from pathlib import Path
from typing import Any

from localstack.services.s3.models import S3Object
from localstack.services.s3.storage.ephemeral import (
    S3_MAX_FILE_SIZE_BYTES,
    EphemeralS3ObjectStore,
    EphemeralS3StoredObject,
    LockedSpooledTemporaryFile,
)

from .buckets import bucket_named
from .caller import current_caller
from .kms_keys import CONTEXT_KEY, KmsKeys, WrappedKey

KMS_ALGORITHMS = frozenset({"aws:kms", "aws:kms:dsse"})


class SealedObject(EphemeralS3StoredObject):  # type: ignore[misc]  # its base is untyped
    """Under a key of KMS or of the customer an ETag is not the MD5 of the body, and never the same twice.

    Recorded 2026-02-21, test_s3_sse_bucket_key_default and test_copy_object_with_sse_c.
    """

    def write(self, stream: Any) -> int:
        written: int = super().write(stream)
        if self.s3_object.encryption in KMS_ALGORITHMS or self.s3_object.sse_key_hash:
            self.s3_object.etag = secrets.token_hex(16)
        return written

    def take_new_etag(self) -> None:
        """After a copy LocalStack asks here; after a PUT it compares Content-MD5 with the MD5 that is here."""
        self._etag = self.s3_object.etag


class EncryptedStore(EphemeralS3ObjectStore):  # type: ignore[misc]  # its base is untyped
    def __init__(self, root_directory: str, keys: KmsKeys) -> None:
        super().__init__(root_directory)
        self._keys = keys

    def open(self, bucket: str, s3_object: Any, mode: str = "r") -> Any:
        """Raises S3's error where KMS refuses or is silent; then nothing was read or written."""
        self._ask_kms(bucket, s3_object, mode)
        if not hasattr(s3_object, "file"):
            folder = Path(self.root_directory, bucket)
            s3_object.file = LockedSpooledTemporaryFile(dir=folder, max_size=S3_MAX_FILE_SIZE_BYTES)
        return SealedObject(s3_object=s3_object, file=s3_object.file, mode=mode)

    def copy(self, src_bucket: str, src_object: Any, dest_bucket: str, dest_object: Any) -> Any:
        with self.open(src_bucket, src_object, "r") as source:
            copied = self.open(dest_bucket, dest_object, "w")
            copied.write(source)
        copied.take_new_etag()
        return copied

    def remove(self, _bucket: str, s3_object: Any) -> None:
        for one in s3_object if isinstance(s3_object, list) else [s3_object]:
            if (file := one.__dict__.pop("file", None)) is not None:
                file.close()

    def open_key(self, bucket: str, s3_object: Any) -> bool:
        """Whether there was one to open. Raises S3's error where KMS refuses or is silent."""
        wrapped = wrapped_key(s3_object)
        if wrapped is not None:
            self._keys.open(bucket_named(bucket).bucket_region, wrapped)
        return wrapped is not None

    def _ask_kms(self, bucket: str, s3_object: Any, mode: str) -> None:
        if not self.open_key(bucket, s3_object) and mode == "w" and s3_object.encryption in KMS_ALGORITHMS:
            self.wrap_new_key(bucket, s3_object)

    def wrap_new_key(self, bucket: str, s3_object: Any) -> None:
        """Sets the object's wrapped key, and its key's ARN as KMS says it."""
        bucket_key = bool(s3_object.bucket_key_enabled)
        wrapped = self._keys.generate(
            bucket_named(bucket).bucket_region,
            s3_object.kms_key_id,
            encryption_context(bucket, s3_object.key, bucket_key=bucket_key),
            bucket_key=bucket_key,
        )
        s3_object.wrapped_key, s3_object.kms_key_id = wrapped, wrapped.kms_key_arn


def wrapped_key(s3_object: Any) -> WrappedKey | None:
    """None where KMS is not asked: SSE-S3 and SSE-C."""
    found: WrappedKey | None = getattr(s3_object, "wrapped_key", None)
    return found


def encryption_context(bucket: str, key: str, *, bucket_key: bool) -> dict[str, str]:
    """The ARN of the object, or of its bucket under a bucket key, and what the caller adds (facts 5.1)."""
    arn = f"arn:aws:s3:::{bucket}" if bucket_key else f"arn:aws:s3:::{bucket}/{key}"
    return {**current_caller().encryption_context, CONTEXT_KEY: arn}


def is_object(version: Any) -> bool:
    """Not a delete marker."""
    return isinstance(version, S3Object)
