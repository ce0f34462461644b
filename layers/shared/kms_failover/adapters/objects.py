"""S3 objects as rewrapping sees them (the port `domain.objects.stored_object.ObjectStore`)."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from kms_failover.adapters.classify import code_of
from kms_failover.domain.objects.stored_object import StoredObject
from kms_failover.errors import ObjectChangedError, ObjectFormatError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_COPY_BYTES = 5 * 1024**3  # facts 5.4: one CopyObject; larger objects would need a multipart copy
REPLICATION_FRESH_SECONDS = 300.0  # a new replication rule takes S3 minutes to apply as well

# What MetadataDirective=REPLACE and a copy drop unless it is resent (facts 5.4); named alike in both calls.
CARRIED = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "WebsiteRedirectLocation",
    "StorageClass",
    "ServerSideEncryption",
    "SSEKMSKeyId",
    "BucketKeyEnabled",
    "ObjectLockLegalHoldStatus",
    "ObjectLockEventHold",
    "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears",
)
RETENTION = ("ObjectLockMode", "ObjectLockRetainUntilDate")
SETTINGS = (*CARRIED, *RETENTION, "MissingMeta", "ExpiresString")  # of what HeadObject shows
VERSIONS_LISTED = 10  # newest first: ours is among them, unless somebody overwrites the object all the time

_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_BAD_REQUEST = "400"  # HeadObject's answers have no body, so the status is the code
_UNVERSIONED = {"", "null"}
_CHANGED = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}) | _GONE
_NEVER = {
    "ObjectNotInActiveTierError": "it is archived: restore it, then overwrite it or ask again",
    "InvalidObjectState": "it is archived: restore it, then overwrite it or ask again",
    "MetadataTooLarge": "its metadata would be more than S3 takes",
}


class S3Objects:
    """`now` tells whether a retention is over: S3 refuses to set one that lies in the past."""

    def __init__(
        self,
        client: "S3Client",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client: Any = client  # newer parameters than its type stubs know are passed
        self._now = now
        self._clock = clock
        self._replication: dict[str, tuple[float, frozenset[str]]] = {}

    def head(self, bucket: str, key: str) -> StoredObject | None:
        return self._head(bucket, key)

    def replaced(self, written: StoredObject) -> StoredObject | None:
        if written.version_id in _UNVERSIONED:
            return None
        listed = self._client.list_object_versions(Bucket=written.bucket, Prefix=written.key, MaxKeys=VERSIONS_LISTED)
        versions = [one["VersionId"] for one in listed.get("Versions", []) if one["Key"] == written.key]
        if written.version_id not in versions:
            raise ObjectChangedError(f"s3://{written.bucket}/{written.key} was overwritten after it was rewrapped")
        below = versions[versions.index(written.version_id) + 1 :]
        return self._head(written.bucket, written.key, VersionId=below[0]) if below else None

    def _head(self, bucket: str, key: str, **version: str) -> StoredObject | None:
        try:
            answer = self._client.head_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            if code_of(error) == _BAD_REQUEST and self._is_listed(bucket, key):
                raise ObjectFormatError("it is encrypted with a customer's own key (SSE-C)") from error
            raise
        return StoredObject(
            bucket=bucket,
            key=key,
            size=answer["ContentLength"],
            is_replica=answer.get("ReplicationStatus") == "REPLICA",
            metadata=answer.get("Metadata", {}),
            etag=answer["ETag"],
            settings={name: answer[name] for name in SETTINGS if name in answer},
            version_id=answer.get("VersionId", ""),
        )

    def _is_listed(self, bucket: str, key: str) -> bool:
        """A listing answers with a code where HeadObject has no body for one: bad credentials are a 400 as well."""
        listed = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        return any(one["Key"] == key for one in listed)

    def replace_metadata(self, stored: StoredObject, metadata: Mapping[str, str]) -> None:
        """One CopyObject onto itself; tags and annotations stay (S3's defaults say COPY), ACLs do not (facts 5.4)."""
        _expect_copyable(stored, metadata)
        try:
            self._client.copy_object(
                Bucket=stored.bucket,
                Key=stored.key,
                # no version id: it must be the current version that still has this ETag
                CopySource={"Bucket": stored.bucket, "Key": stored.key},
                CopySourceIfMatch=stored.etag,
                IfMatch=stored.etag,
                MetadataDirective="REPLACE",
                TaggingDirective="COPY",
                Metadata=dict(metadata),
                **self._carried(stored.settings),
            )
        except ClientError as error:
            if code_of(error) in _CHANGED:
                message = f"s3://{stored.bucket}/{stored.key} was overwritten while it was being rewrapped"
                raise ObjectChangedError(message) from error
            if reason := _NEVER.get(code_of(error)):
                raise ObjectFormatError(reason) from error
            raise

    def replicates_into(self, bucket: str) -> frozenset[str]:
        """By enabled rules, whatever their filters: taking one for broader than it is refuses, it does not loop."""
        read_at, targets = self._replication.get(bucket, (float("-inf"), frozenset()))
        if self._clock() - read_at > REPLICATION_FRESH_SECONDS:
            targets = self._read_replication(bucket)
            self._replication[bucket] = (self._clock(), targets)
        return targets

    def _carried(self, settings: Mapping[str, object]) -> dict[str, object]:
        kept = {name: settings[name] for name in CARRIED if settings.get(name) is not None}
        until = settings.get("ObjectLockRetainUntilDate")
        if isinstance(until, datetime) and until > self._now():
            kept |= {name: settings[name] for name in RETENTION}
        return kept

    def _read_replication(self, bucket: str) -> frozenset[str]:
        try:
            rules = self._client.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
        except ClientError as error:
            if code_of(error) == "ReplicationConfigurationNotFoundError":
                return frozenset()
            raise
        return frozenset(
            rule["Destination"]["Bucket"].rsplit(":", 1)[-1] for rule in rules if rule["Status"] == "Enabled"
        )


def _expect_copyable(stored: StoredObject, metadata: Mapping[str, str]) -> None:
    """ObjectFormatError for an object that a copy onto itself would not keep whole."""
    if stored.size > MAX_COPY_BYTES:
        raise ObjectFormatError("it is larger than 5 GB: a single CopyObject does not take it")
    if stored.settings.get("MissingMeta"):
        raise ObjectFormatError("S3 cannot show some of its metadata, so a copy would lose it")
    if stored.settings.get("ExpiresString") and not stored.settings.get("Expires"):
        raise ObjectFormatError("its Expires header is no date, so a copy would lose it")
    if not all(text.isascii() for item in metadata.items() for text in item):
        raise ObjectFormatError("its metadata is not ASCII, so botocore would not send it")
