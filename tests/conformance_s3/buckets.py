"""The buckets and KMS keys of one module's cases, and their removal."""

import uuid
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.conformance.world import SHORTEST_WINDOW_DAYS, TAG, code_of, id_of

from .targets import S3Target

PREFIX = "kms-failover-conformance"
PAGE = 1000
PAGES = 100


class Buckets:
    """Those that cases share are made when first asked for. A case that changes settings makes one of its own."""

    def __init__(self, target: S3Target, run: str) -> None:
        self.target = target
        self._run = run
        self._made: list[tuple[str, str]] = []
        self._with_lock: set[str] = set()
        self._keys: list[tuple[str, str]] = []

    def client(self, service: str, region: str | None = None) -> Any:
        return self.target.client(service, region or self.target.home)

    def new(self, region: str | None = None, *, versioned: bool = False, lock: bool = False, **options: Any) -> str:
        """Its name. Its tag says of which run it is, should a run break off."""
        region, name = region or self.target.home, f"{PREFIX}-{uuid.uuid4().hex[:16]}"
        s3 = self.client("s3", region)
        if region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": region}
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock, **options)
        self._made.append((region, name))
        if lock:
            self._with_lock.add(name)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": TAG, "Value": self._run}]})
        if versioned:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    @cached_property
    def plain(self) -> str:
        return self.new()

    @cached_property
    def versioned(self) -> str:
        return self.new(versioned=True)

    @cached_property
    def locked(self) -> str:
        """With Object Lock, so versioned as well, and no default retention."""
        return self.new(lock=True)

    def new_key(self, region: str | None = None) -> str:
        """The ARN of a KMS key."""
        region = region or self.target.home
        tags = [{"TagKey": TAG, "TagValue": self._run}]
        made = self.client("kms", region).create_key(Tags=tags, Description="conformance")
        arn: str = made["KeyMetadata"]["Arn"]
        self._keys.append((region, arn))
        return arn

    @cached_property
    def kms_key(self) -> str:
        return self.new_key()

    @cached_property
    def other_kms_key(self) -> str:
        return self.new_key()

    # --- the end ------------------------------------------------------------------------------------------------

    def clean_up(self) -> list[str]:
        """Removes everything where it would stay. Returns what could not be removed."""
        problems: list[str] = []
        if self.target.keeps_buckets:
            for region, name in self._made:
                problems += self._tried(f"bucket {name}", self._remove, self.client("s3", region), name)
            for region, arn in self._keys:
                problems += self._tried(arn, self._schedule_deletion, self.client("kms", region), arn)
        return problems

    def _tried(self, what: str, remove: Any, client: Any, name: str) -> list[str]:
        try:
            remove(client, name)
        except (ClientError, BotoCoreError) as error:
            return [f"{what} stays: {error}"]
        return []

    def _remove(self, s3: Any, bucket: str) -> None:
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        for _ in range(PAGES):
            page = s3.list_object_versions(Bucket=bucket, MaxKeys=PAGE)
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                version = {"Bucket": bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
                if bucket in self._with_lock:
                    _delete_locked(s3, version)
                else:
                    s3.delete_object(**version)
            if not page["IsTruncated"]:
                break
        s3.delete_bucket(Bucket=bucket)

    def _schedule_deletion(self, kms: Any, arn: str) -> None:
        if kms.describe_key(KeyId=id_of(arn))["KeyMetadata"]["KeyState"] != "PendingDeletion":
            kms.schedule_key_deletion(KeyId=id_of(arn), PendingWindowInDays=SHORTEST_WINDOW_DAYS)


def _delete_locked(s3: Any, version: dict[str, str]) -> None:
    """Past a legal hold and governance mode; no case uses compliance mode where buckets stay."""
    try:
        s3.delete_object(**version, BypassGovernanceRetention=True)
    except ClientError as error:
        if code_of(error) != "AccessDenied":
            raise
        s3.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
        s3.delete_object(**version, BypassGovernanceRetention=True)
