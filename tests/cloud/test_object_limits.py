"""The limits and switches of the strict S3: each is seen to bite, and its absence is seen as well."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import AWAY, HOME, Stores


@pytest.fixture
def bucket(stores: Stores) -> str:
    name = f"b-{uuid.uuid4().hex}"
    stores.s3().create_bucket(Bucket=name)
    return name


def refusal(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    answer: Any = caught.value.response
    return {**answer["Error"], "status": answer["ResponseMetadata"]["HTTPStatusCode"]}


def test_a_small_limit_makes_a_large_object(stores: Stores, bucket: str) -> None:
    """6 bytes stand for 6 GB: too large to be put or copied at once, and copied in parts."""
    s3 = stores.s3()
    s3.put_object(Bucket=bucket, Key="a", Body=b"123456")
    stores.settings.change(largest_put_bytes=5, largest_copy_bytes=5, smallest_part_bytes=1)
    put = refusal(lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"123456"))
    assert (put["Code"], put["status"]) == ("EntityTooLarge", 400)
    copy = refusal(lambda: s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a"))
    assert (copy["Code"], copy["status"]) == ("InvalidRequest", 400)
    assert "larger than the maximum allowable size for a copy source: 5" in copy["Message"]
    assert copied_in_parts(s3, bucket, "a", "b", ("bytes=0-2", "bytes=3-5")) == b"123456"


def copied_in_parts(s3: Any, bucket: str, source: str, target: str, ranges: tuple[str, ...]) -> bytes:
    chosen = {"Bucket": bucket, "Key": target}
    chosen["UploadId"] = s3.create_multipart_upload(**chosen)["UploadId"]
    parts = []
    for number, wanted in enumerate(ranges, 1):
        copied = s3.upload_part_copy(
            **chosen, PartNumber=number, CopySource=f"{bucket}/{source}", CopySourceRange=wanted
        )
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**chosen, MultipartUpload={"Parts": parts})
    body: bytes = s3.get_object(Bucket=bucket, Key=target)["Body"].read()
    return body


def test_parts_have_a_least_size(stores: Stores, bucket: str) -> None:
    s3 = stores.s3()
    s3.put_object(Bucket=bucket, Key="a", Body=b"123456")
    refused = refusal(lambda: copied_in_parts(s3, bucket, "a", "b", ("bytes=0-2", "bytes=3-5")))
    assert refused["Code"] == "EntityTooSmall"


@pytest.mark.parametrize(
    ("setting", "call"),
    [
        ("reads_per_second", lambda s3, bucket: s3.get_object(Bucket=bucket, Key="a/a")),
        ("writes_per_second", lambda s3, bucket: s3.put_object(Bucket=bucket, Key="a/b", Body=b"x")),
    ],
)
def test_a_prefix_is_throttled(stores: Stores, bucket: str, setting: str, call: Callable[..., Any]) -> None:
    s3 = stores.s3()
    for name in ("a/a", "b/a"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    stores.settings.change(**{setting: 0})
    refused = refusal(lambda: call(s3, bucket))
    assert (refused["Code"], refused["status"]) == ("SlowDown", 503)
    stores.settings.change(**{setting: None})
    call(s3, bucket)


def test_two_prefixes_are_throttled_apart(stores: Stores, bucket: str) -> None:
    s3 = stores.s3()
    stores.settings.change(writes_per_second=1)
    s3.put_object(Bucket=bucket, Key="a/1", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b/1", Body=b"x")


def test_an_answer_of_200_may_hold_an_error(stores: Stores, bucket: str) -> None:
    """A client takes it for a 500, and tries again where it may; here it may not [botocore handlers.py]."""
    s3 = stores.s3()
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    stores.settings.change(errors_inside_200={"CopyObject": 1})
    refused = refusal(lambda: s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a"))
    assert refused["Code"] == "InternalError"
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")


def test_metadata_has_2_kb(stores: Stores, bucket: str) -> None:
    s3 = stores.s3()
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Metadata={"k": "v" * 2047})
    refused = refusal(lambda: s3.put_object(Bucket=bucket, Key="a", Body=b"x", Metadata={"k": "v" * 2048}))
    assert (refused["Code"], refused["status"]) == ("MetadataTooLarge", 400)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"no_such": 1}, "no_such"),
        ({"replication_seconds": [2, 1]}, "the shortest time comes first"),
        ({"errors_inside_200": {"PutObject": 1}}, "PutObject"),
        ({"largest_put_bytes": 0}, "largest_put_bytes"),
        ({"replication_paused_from": ["mars"]}, "replication_paused_from"),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(stores: Stores, change: dict[str, Any], reason: str) -> None:
    before = stores.settings.settings()
    with pytest.raises(ValueError, match=reason):
        stores.settings.change(bucket_key_seconds=7, **change)
    assert stores.settings.settings() == before


@pytest.mark.parametrize("call", ["get_object", "head_object"])
def test_a_bucket_is_asked_in_its_own_region(stores: Stores, bucket: str, call: str) -> None:
    """The client follows the redirect; that there was one is seen from where S3 was asked."""
    stores.s3().put_object(Bucket=bucket, Key="a", Body=b"x")
    away = stores.s3(AWAY)
    regions: list[str] = []
    away.meta.events.register("before-send.s3", lambda request, **_: regions.append(_region_of(request)))
    answer = getattr(away, call)(Bucket=bucket, Key="a")
    assert answer["ContentLength"] == 1
    assert (regions[0], regions[-1]) == (AWAY, HOME)


def _region_of(request: Any) -> str:
    region: str = request.headers["Authorization"].decode().split("/")[2]
    return region
