"""What a case works with: clients, shared buckets, objects, and the words for what it expects."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.conformance.behaviour import NotOfferedError
from tests.conformance.world import PAUSE_SECONDS, code_of, says_not_offered

from .buckets import Buckets


@dataclass(frozen=True)
class Stored:
    """An object that was put. `at` names its key, `there` its version; `source` is for copies."""

    bucket: str
    key: str
    etag: str
    version: str | None = None

    @property
    def at(self) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def there(self) -> dict[str, Any]:
        return self.at if self.version is None else {**self.at, "VersionId": self.version}

    @property
    def source(self) -> dict[str, Any]:
        return {"CopySource": self.there}


class S3World:
    """One for each case. Every object has a key of its own, so that cases may share a bucket."""

    def __init__(self, buckets: Buckets) -> None:
        self.buckets = buckets
        self.target = buckets.target
        self.s3, self.kms = buckets.client("s3"), buckets.client("kms")

    @property
    def plain(self) -> str:
        return self.buckets.plain

    @property
    def versioned(self) -> str:
        return self.buckets.versioned

    @property
    def locked(self) -> str:
        return self.buckets.locked

    def new_key(self) -> str:
        """A name for an object that nobody else uses."""
        return f"object-{uuid.uuid4().hex}"

    def put(self, bucket: str, body: bytes = b"data", key: str | None = None, **options: Any) -> Stored:
        key = key or self.new_key()
        answer = self.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)
        return Stored(bucket, key, answer["ETag"], answer.get("VersionId"))

    def body(self, at: dict[str, Any], **options: Any) -> bytes:
        content: bytes = self.s3.get_object(**at, **options)["Body"].read()
        return content

    def head(self, at: dict[str, Any], **options: Any) -> dict[str, Any]:
        """The members that describe the object; what describes the answer is left out."""
        answer: dict[str, Any] = self.s3.head_object(**at, **options)
        answer.pop("ResponseMetadata")
        return answer

    def tags(self, at: dict[str, Any]) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.s3.get_object_tagging(**at)["TagSet"]}

    def picture(self, at: dict[str, Any]) -> dict[str, Any]:
        """Everything that a refused write must leave as it was."""
        return {"body": self.body(at), "tags": self.tags(at), **self.head(at)}

    def versions(self, bucket: str, key: str) -> list[dict[str, Any]]:
        """The versions of a key in the order of the listing, delete markers not among them."""
        listed = self.s3.list_object_versions(Bucket=bucket, Prefix=key)
        return [one for one in listed.get("Versions", []) if one["Key"] == key]

    def markers(self, bucket: str, key: str) -> list[dict[str, Any]]:
        listed = self.s3.list_object_versions(Bucket=bucket, Prefix=key)
        return [one for one in listed.get("DeleteMarkers", []) if one["Key"] == key]

    def needs_buckets_that_go(self) -> None:
        """For what nobody can remove before its time."""
        if self.target.keeps_buckets:
            raise NotOfferedError("nothing is locked for good where it stays")

    def needs_any_role(self) -> None:
        """For what names a role: in an account it would have to be there, and to be the caller's to pass."""
        if self.target.patience_seconds:
            raise NotOfferedError("needs a role that S3 may assume")

    # --- expectations -------------------------------------------------------------------------------------------

    def refused(self, code: str, status: int, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
        """The call must be refused so, if not at once. Returns the `Error` of the answer."""
        deadline = time.monotonic() + self.target.patience_seconds
        while True:
            error = _error_of(call, arguments)
            if error is not None and (code_of(error), _status(error)) == (code, status):
                return dict(error.response["Error"])
            if error is not None and (reason := says_not_offered(error)) is not None:
                raise NotOfferedError(reason) from error
            if time.monotonic() >= deadline:
                break
            time.sleep(PAUSE_SECONDS)
        got = "accepted" if error is None else f"refused with {code_of(error)} ({_status(error)})"
        raise AssertionError(f"{got}; AWS refuses with {code} ({status})")


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0))


def _error_of(call: Callable[..., Any], arguments: dict[str, Any]) -> ClientError | None:
    try:
        call(**arguments)
    except ClientError as error:
        return error
    return None
