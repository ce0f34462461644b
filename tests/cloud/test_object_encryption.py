"""Server-side encryption asks the strict KMS: when, for which key, under which encryption context."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import LocalCloud

from .conftest import AWAY, HOME, Stores


@pytest.fixture
def bucket(stores: Stores) -> str:
    name = f"b-{uuid.uuid4().hex}"
    stores.s3().create_bucket(Bucket=name)
    return name


@pytest.fixture
def key(stores: Stores) -> str:
    arn: str = stores.kms().create_key()["KeyMetadata"]["Arn"]
    return arn


def refused(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    answer: Any = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def put(stores: Stores, bucket: str, key: str, name: str = "a", **more: Any) -> Any:
    return stores.s3().put_object(
        Bucket=bucket, Key=name, Body=b"hello", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, **more
    )


def calls(stores: Stores, operation: str) -> int:
    found: int = stores.kms_calls().get(HOME, {}).get(operation, {}).get("succeeded", 0)
    return found


def test_a_put_asks_for_a_data_key_and_a_get_opens_it(stores: Stores, bucket: str, key: str) -> None:
    made, opened = calls(stores, "GenerateDataKey"), calls(stores, "Decrypt")
    put(stores, bucket, key)
    assert calls(stores, "GenerateDataKey") == made + 1
    assert stores.s3().get_object(Bucket=bucket, Key="a")["Body"].read() == b"hello"
    assert calls(stores, "Decrypt") == opened + 1


def test_a_head_asks_nothing(stores: Stores, bucket: str, key: str) -> None:
    put(stores, bucket, key)
    stores.kms().disable_key(KeyId=key)
    assert stores.s3().head_object(Bucket=bucket, Key="a")["SSEKMSKeyId"] == key


@pytest.mark.parametrize(
    "read",
    [
        lambda s3, bucket: s3.get_object(Bucket=bucket, Key="a"),
        lambda s3, bucket: s3.get_object(Bucket=bucket, Key="a", Range="bytes=0-0"),
        lambda s3, bucket: s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a"),
    ],
    ids=["GetObject", "GetObject, one byte", "CopyObject"],
)
def test_nothing_is_read_under_a_disabled_key(stores: Stores, bucket: str, key: str, read: Callable[..., Any]) -> None:
    put(stores, bucket, key)
    stores.kms().disable_key(KeyId=key)
    assert refused(lambda: read(stores.s3(), bucket)) == ("KMS.DisabledException", 400)
    stores.kms().enable_key(KeyId=key)
    read(stores.s3(), bucket)


def test_a_refused_write_leaves_the_object_as_it_was(stores: Stores, bucket: str, key: str) -> None:
    stores.s3().put_object(Bucket=bucket, Key="a", Body=b"before")
    stores.kms().disable_key(KeyId=key)
    assert refused(lambda: put(stores, bucket, key)) == ("KMS.DisabledException", 400)
    assert stores.s3().get_object(Bucket=bucket, Key="a")["Body"].read() == b"before"


def test_a_copy_goes_from_one_key_to_the_other(stores: Stores, bucket: str, key: str) -> None:
    other = stores.kms().create_key()["KeyMetadata"]["Arn"]
    put(stores, bucket, key)
    copied = stores.s3().copy_object(
        Bucket=bucket, Key="a", CopySource=f"{bucket}/a", ServerSideEncryption="aws:kms", SSEKMSKeyId=other
    )
    assert copied["SSEKMSKeyId"] == other
    stores.kms().disable_key(KeyId=key)
    assert stores.s3().get_object(Bucket=bucket, Key="a")["Body"].read() == b"hello"


def test_a_multipart_upload_asks_when_it_begins_at_each_part_and_when_it_ends(
    stores: Stores, bucket: str, key: str
) -> None:
    s3, made, opened = stores.s3(), calls(stores, "GenerateDataKey"), calls(stores, "Decrypt")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert (calls(stores, "GenerateDataKey"), calls(stores, "Decrypt")) == (made + 1, opened)
    chosen = {"Bucket": bucket, "Key": "a", "UploadId": upload["UploadId"]}
    part = s3.upload_part(**chosen, PartNumber=1, Body=b"hello")
    assert (calls(stores, "GenerateDataKey"), calls(stores, "Decrypt")) == (made + 1, opened + 1)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    stores.kms().disable_key(KeyId=key)
    assert refused(lambda: s3.complete_multipart_upload(**chosen, MultipartUpload=parts))[0] == "KMS.DisabledException"
    stores.kms().enable_key(KeyId=key)
    s3.complete_multipart_upload(**chosen, MultipartUpload=parts)
    assert calls(stores, "GenerateDataKey") == made + 1
    assert calls(stores, "Decrypt") > opened + 1
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"hello"


def test_a_bucket_key_hides_a_disabled_key_for_a_while(stores: Stores, bucket: str, key: str) -> None:
    put(stores, bucket, key, BucketKeyEnabled=True)
    stores.s3().get_object(Bucket=bucket, Key="a")
    stores.kms().disable_key(KeyId=key)
    put(stores, bucket, key, "b", BucketKeyEnabled=True)
    assert stores.s3().get_object(Bucket=bucket, Key="a")["BucketKeyEnabled"]


def test_a_bucket_key_is_asked_for_again_when_its_time_is_over(stores: Stores, bucket: str, key: str) -> None:
    stores.settings.change(bucket_key_seconds=0)
    put(stores, bucket, key, BucketKeyEnabled=True)
    stores.kms().disable_key(KeyId=key)
    assert refused(lambda: stores.s3().get_object(Bucket=bucket, Key="a")) == ("KMS.DisabledException", 400)


def test_an_update_changes_the_key_and_nothing_else(stores: Stores, bucket: str, key: str) -> None:
    s3, other = stores.s3(), stores.kms().create_key()["KeyMetadata"]["Arn"]
    put(stores, bucket, key, Metadata={"mine": "1"})
    before = s3.head_object(Bucket=bucket, Key="a")
    s3.update_object_encryption(Bucket=bucket, Key="a", ObjectEncryption={"SSEKMS": {"KMSKeyArn": other}})
    after = s3.head_object(Bucket=bucket, Key="a")
    assert after["SSEKMSKeyId"] == other
    unchanged = ("ETag", "LastModified", "Metadata", "ContentType", "ContentLength")
    assert [after[name] for name in unchanged] == [before[name] for name in unchanged]
    stores.kms().disable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"hello"


def test_an_update_needs_the_old_key(stores: Stores, bucket: str, key: str) -> None:
    other = stores.kms().create_key()["KeyMetadata"]["Arn"]
    put(stores, bucket, key)
    stores.kms().disable_key(KeyId=key)
    wanted = {"SSEKMS": {"KMSKeyArn": other}}
    update = lambda: stores.s3().update_object_encryption(Bucket=bucket, Key="a", ObjectEncryption=wanted)  # noqa: E731
    assert refused(update) == ("KMS.DisabledException", 400)
    assert stores.s3().head_object(Bucket=bucket, Key="a")["SSEKMSKeyId"] == key


def test_a_silent_kms_is_a_503_of_s3(cloud: LocalCloud, connect: Callable[..., Any]) -> None:
    s3, name = connect("s3"), f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    key = connect("kms").create_key()["KeyMetadata"]["Arn"]
    chosen = {"Bucket": name, "Key": "a"}
    s3.put_object(**chosen, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    cloud.objects.change(kms_seconds=0.5)
    with cloud.faults.silenced(region=HOME):
        assert refused(lambda: s3.get_object(**chosen)) == ("ServiceUnavailable", 503)
    assert s3.get_object(**chosen)["Body"].read() == b"x"


@pytest.fixture
def as_role(connect: Callable[..., Any]) -> Callable[[dict[str, Any]], dict[str, str]]:
    """The credentials of a new role with one policy."""

    def credentials(*statements: dict[str, Any]) -> dict[str, str]:
        iam, name = connect("iam"), f"r-{uuid.uuid4().hex}"
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
        iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=policy(*statements))
        role = f"arn:aws:iam::000000000000:role/{name}"
        session = connect("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }

    return credentials


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_s3_asks_kms_as_the_role_that_calls_it(connect: Callable[..., Any], as_role: Callable[..., Any]) -> None:
    name, key = f"b-{uuid.uuid4().hex}", connect("kms").create_key()["KeyMetadata"]["Arn"]
    connect("s3").create_bucket(Bucket=name)
    objects = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": f"arn:aws:s3:::{name}/*"}
    through_s3 = {
        "kms:ViaService": f"s3.{HOME}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{name}/a",
    }
    data_keys = {
        "Effect": "Allow",
        "Action": "kms:GenerateDataKey",
        "Resource": key,
        "Condition": {"StringEquals": through_s3},
    }
    credentials = as_role(objects, data_keys)
    s3, kms = connect("s3", **credentials), connect("kms", **credentials)
    chosen = {"Bucket": name, "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Key="a", **chosen)
    assert refused(lambda: s3.put_object(Key="b", **chosen)) == ("AccessDenied", 403)
    assert refused(lambda: s3.get_object(Bucket=name, Key="a")) == ("AccessDenied", 403)
    assert refused(lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"))[0] == "AccessDeniedException"
    assert connect("s3").get_object(Bucket=name, Key="a")["Body"].read() == b"x"


def test_the_key_of_another_region_is_refused(stores: Stores, bucket: str) -> None:
    other = stores.kms(AWAY).create_key()["KeyMetadata"]["Arn"]
    assert refused(lambda: put(stores, bucket, other)) == ("KMS.NotFoundException", 400)


def test_an_update_and_a_copy_ask_as_the_role(connect: Callable[..., Any], as_role: Callable[..., Any]) -> None:
    """ReEncrypt is allowed by two actions, one on each key; a copy decrypts under one and encrypts under the other."""
    s3, kms, name = connect("s3"), connect("kms"), f"b-{uuid.uuid4().hex}"
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="a", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=old)
    objects = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
    away, into = (
        {"Effect": "Allow", "Action": actions, "Resource": key}
        for actions, key in (
            (["kms:ReEncryptFrom", "kms:Decrypt"], old),
            (["kms:ReEncryptTo", "kms:GenerateDataKey"], new),
        )
    )

    def update(client: Any) -> Any:
        wanted = {"SSEKMS": {"KMSKeyArn": new}}
        return client.update_object_encryption(Bucket=name, Key="a", ObjectEncryption=wanted)

    def copy(client: Any) -> Any:
        chosen = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": new}
        return client.copy_object(Bucket=name, Key="b", CopySource=f"{name}/a", **chosen)

    for lacking in ((objects, into), (objects, away)):
        half = connect("s3", **as_role(*lacking))
        assert refused(lambda half=half: copy(half)) == ("AccessDenied", 403)  # type: ignore[misc]
        assert refused(lambda half=half: update(half)) == ("AccessDenied", 403)  # type: ignore[misc]
    whole = connect("s3", **as_role(objects, away, into))
    copy(whole)
    update(whole)
    assert s3.head_object(Bucket=name, Key="a")["SSEKMSKeyId"] == new
