"""S3 as rewrapping sees it: a copy onto itself that keeps everything but the metadata it is given."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kms_failover.adapters.objects import CARRIED, MAX_COPY_BYTES, REPLICATION_FRESH_SECONDS, S3Objects
from kms_failover.domain.objects.stored_object import StoredObject
from kms_failover.errors import ObjectChangedError, ObjectFormatError

BUCKET, KEY = "orders-eu-west-1", "2026/order 1+1 ü.json"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="eu-west-1")
        location: Any = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location, ObjectLockEnabledForBucket=True)
        yield client


def honour_conditions(s3: Any) -> None:
    """As S3 does and moto does not: a copy only if its conditions hold (facts 5.4)."""

    def check(params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]] | None:
        current = s3.head_object(Bucket=BUCKET, Key=KEY)["ETag"]
        wanted = {params["headers"]["x-amz-copy-source-if-match"], params["headers"]["If-Match"]}
        if wanted == {current}:
            return None
        return FakeResponse(412), {"Error": {"Code": "PreconditionFailed", "Message": ""}, "ResponseMetadata": {}}

    s3.meta.events.register("before-call.s3.CopyObject", check)


class FakeResponse:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def let_moto_copy_locked_objects(s3: Any) -> None:
    """For moto asks a copy for a header of uploads; S3 asks PutObject for it, and a copy has no body to sum."""

    def add_header(params: dict[str, Any], **_: object) -> None:
        params["headers"]["x-amz-sdk-checksum-algorithm"] = "CRC32"

    s3.meta.events.register("before-call.s3.CopyObject", add_header)


def refuse(s3: Any, operation: str, code: str, status: int) -> None:
    answer = FakeResponse(status), {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {}}
    s3.meta.events.register(f"before-call.s3.{operation}", lambda **_: answer)


def stored(objects: S3Objects) -> StoredObject:
    found = objects.head(BUCKET, KEY)
    assert found is not None
    return found


def test_a_copy_keeps_the_body_and_every_setting(s3: Any) -> None:
    let_moto_copy_locked_objects(s3)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    settings = {
        "CacheControl": "no-store",
        "ContentDisposition": "attachment",
        "ContentEncoding": "identity",
        "ContentLanguage": "de",
        "ContentType": "application/json",
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": until,
        "ObjectLockLegalHoldStatus": "ON",
    }
    s3.put_object(
        Bucket=BUCKET, Key=KEY, Body=b"body", Metadata={"mine": "1", "x-amz-3": "old"}, Tagging="a=b", **settings
    )
    objects = S3Objects(s3)

    objects.replace_metadata(stored(objects), {"mine": "1", "x-amz-3": "new"})

    after = s3.get_object(Bucket=BUCKET, Key=KEY)
    assert after["Body"].read() == b"body"
    assert after["Metadata"] == {"mine": "1", "x-amz-3": "new"}
    assert {name: after[name] for name in settings} == settings
    assert s3.get_object_tagging(Bucket=BUCKET, Key=KEY)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_each_carried_setting_is_a_parameter_of_copy_object(s3: Any) -> None:
    model = s3.meta.service_model
    accepted = set(model.operation_model("CopyObject").input_shape.members)
    shown = set(model.operation_model("HeadObject").output_shape.members)

    assert set(CARRIED) <= accepted & shown


def test_whatever_head_shows_and_a_copy_takes_is_carried(s3: Any) -> None:
    """A header that a later botocore adds to both calls must be looked at, not lost."""
    model = s3.meta.service_model
    accepted = set(model.operation_model("CopyObject").input_shape.members)
    shown = set(model.operation_model("HeadObject").output_shape.members)
    handled = {"Metadata", "ObjectLockMode", "ObjectLockRetainUntilDate"}  # the change itself; only while in force
    customer_keys = {"SSECustomerAlgorithm", "SSECustomerKeyMD5"}  # SSE-C objects cannot even be looked at

    assert (accepted & shown) - handled - customer_keys == set(CARRIED)


def test_a_retention_that_is_over_is_not_set_again(s3: Any) -> None:
    over = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": NOW - timedelta(seconds=1)}
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"body")
    objects = S3Objects(s3, now=lambda: NOW)
    before = stored(objects)

    objects.replace_metadata(StoredObject(BUCKET, KEY, 4, False, {}, before.etag, {**before.settings, **over}), {})  # noqa: FBT003  # a field of the value

    assert "ObjectLockMode" not in s3.head_object(Bucket=BUCKET, Key=KEY)


def test_an_object_overwritten_meanwhile_is_left_alone(s3: Any) -> None:
    honour_conditions(s3)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old")
    objects = S3Objects(s3)
    before = stored(objects)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"new")

    with pytest.raises(ObjectChangedError):
        objects.replace_metadata(before, {"x-amz-3": "new"})

    after = s3.get_object(Bucket=BUCKET, Key=KEY)
    assert (after["Body"].read(), after["Metadata"]) == (b"new", {})


def test_the_condition_holds_for_an_object_that_nobody_touched(s3: Any) -> None:
    honour_conditions(s3)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old")
    objects = S3Objects(s3)

    objects.replace_metadata(stored(objects), {"x-amz-3": "new"})

    assert s3.head_object(Bucket=BUCKET, Key=KEY)["Metadata"] == {"x-amz-3": "new"}


@pytest.mark.parametrize(("code", "status"), [("NoSuchKey", 404), ("ConditionalRequestConflict", 409)])
def test_an_object_that_went_away_or_is_being_written_is_tried_again(s3: Any, code: str, status: int) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old")
    objects = S3Objects(s3)
    before = stored(objects)
    refuse(s3, "CopyObject", code, status)

    with pytest.raises(ObjectChangedError):
        objects.replace_metadata(before, {})


def test_an_archived_object_is_refused(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old", StorageClass="GLACIER")
    objects = S3Objects(s3)

    with pytest.raises(ObjectFormatError, match="archived"):
        objects.replace_metadata(stored(objects), {})


def test_a_denied_copy_is_not_taken_for_a_format(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old")
    objects = S3Objects(s3)
    before = stored(objects)
    refuse(s3, "CopyObject", "AccessDenied", 403)

    with pytest.raises(s3.exceptions.ClientError):
        objects.replace_metadata(before, {})


@pytest.mark.parametrize(
    ("size", "settings", "metadata", "reason"),
    [
        (MAX_COPY_BYTES + 1, {}, {}, "5 GB"),
        (1, {"MissingMeta": 1}, {}, "lose"),
        (1, {"ExpiresString": "soon"}, {}, "Expires"),
        (1, {}, {"mine": "ü"}, "ASCII"),
    ],
)
def test_what_a_copy_would_not_keep_whole_is_refused(
    s3: Any, size: int, settings: dict[str, object], metadata: dict[str, str], reason: str
) -> None:
    before = StoredObject(BUCKET, KEY, size, is_replica=False, metadata={}, etag='"e"', settings=settings)

    with pytest.raises(ObjectFormatError, match=reason):
        S3Objects(s3).replace_metadata(before, metadata)


def test_a_missing_object_is_none(s3: Any) -> None:
    assert S3Objects(s3).head(BUCKET, "nothing") is None


def test_a_denied_head_is_not_taken_for_a_missing_object(s3: Any) -> None:
    refuse(s3, "HeadObject", "403", 403)

    with pytest.raises(s3.exceptions.ClientError):
        S3Objects(s3).head(BUCKET, KEY)


def test_an_object_under_a_customers_own_key_is_refused(s3: Any) -> None:
    """S3 answers HeadObject of it with a 400 that has no body."""
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"sealed")
    refuse(s3, "HeadObject", "400", 400)

    with pytest.raises(ObjectFormatError, match="SSE-C"):
        S3Objects(s3).head(BUCKET, KEY)


def test_a_bad_request_that_says_nothing_of_the_object_is_not_taken_for_a_format(s3: Any) -> None:
    """As with credentials that have expired: then the listing is refused as well."""
    refuse(s3, "HeadObject", "400", 400)
    refuse(s3, "ListObjectsV2", "ExpiredToken", 400)

    with pytest.raises(s3.exceptions.ClientError, match="ExpiredToken"):
        S3Objects(s3).head(BUCKET, KEY)


def test_the_version_below_is_shown_as_it_is_now(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{KEY}/another", Body=b"another")
    first = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"old", Metadata={"mine": "1"})["VersionId"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"new")
    s3.put_object_legal_hold(Bucket=BUCKET, Key=KEY, VersionId=first, LegalHold={"Status": "ON"})
    objects = S3Objects(s3)

    below = objects.replaced(stored(objects))

    assert below is not None
    assert (below.version_id, below.metadata) == (first, {"mine": "1"})
    assert below.settings["ObjectLockLegalHoldStatus"] == "ON"
    assert objects.replaced(below) is None


def test_replication_targets_are_those_of_enabled_rules(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rules = [
        {"ID": "1", "Priority": 1, "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::orders-us-east-1"}},
        {"ID": "2", "Priority": 2, "Status": "Disabled", "Destination": {"Bucket": "arn:aws:s3:::archive"}},
    ]
    s3.put_bucket_replication(
        Bucket=BUCKET, ReplicationConfiguration={"Role": "arn:aws:iam::111122223333:role/r", "Rules": rules}
    )

    assert S3Objects(s3).replicates_into(BUCKET) == {"orders-us-east-1"}


def test_the_replication_configuration_is_read_again_after_a_while(s3: Any) -> None:
    seconds = iter([0.0, 0.0, 1.0, REPLICATION_FRESH_SECONDS + 1, REPLICATION_FRESH_SECONDS + 1])
    reads: list[object] = []
    s3.meta.events.register("before-call.s3.GetBucketReplication", lambda **_: reads.append(1))
    objects = S3Objects(s3, clock=lambda: next(seconds))

    assert [objects.replicates_into(BUCKET) for _ in range(3)] == [frozenset()] * 3
    assert len(reads) == 2
