"""What ministack itself reads from a bucket: templates and code that sam has put there, and the items of a map.

Read from the strict S3 as the account's root. Three functions are replaced: ministack calls them by name.
"""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.services import lambda_svc, s3, stepfunctions

from local.cloud.environment import ACCESS_KEY, HOME_REGION
from local.strict_s3.forwarding import WITHIN

ABSENT = frozenset({"NoSuchBucket", "NoSuchKey", "NoSuchVersion"})
LISTED = "s3:listObjectsV2"
SECONDS = 10.0


class ObjectsWithin:
    def __init__(self, url: str) -> None:
        self._url = url
        self._client = self.client(HOME_REGION)

    def client(self, region: str) -> Any:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self._url,
            region_name=region,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
            config=Config(connect_timeout=SECONDS, read_timeout=SECONDS, s3={"addressing_style": "path"}),
        )
        client.meta.events.register("before-send.s3", _from_within)
        return client

    def read(self, bucket: str, key: str, version_id: str | None = None) -> bytes | None:
        """None where there is no such object."""
        version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        try:
            body: bytes = self._client.get_object(Bucket=bucket, Key=key, **version)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise
        return body

    def get(self, bucket: str, key: str, _headers: Any, _query: Any) -> Any:
        """As ministack's own `_get_object`: status, headers, body."""
        body = self.read(bucket, key)
        return (404, {}, b"") if body is None else (200, {}, body)

    def listed(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        """The items of a map over ListObjectsV2. Raises botocore's ClientError."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [
            {
                "Etag": one["ETag"],
                "Key": one["Key"],
                "LastModified": int(one["LastModified"].timestamp()),
                "Size": one["Size"],
                "StorageClass": one["StorageClass"],
            }
            for page in pages
            for one in page.get("Contents", ())
        ]


def _from_within(request: Any, **_: Any) -> None:
    """The gateway waits for this answer, so S3 must not ask KMS, which lies behind the gateway."""
    request.headers[WITHIN] = "true"


def install(objects: ObjectsWithin) -> None:
    s3._get_object_data = objects.read
    s3._get_object = objects.get
    lambda_svc.s3_code_region_message = lambda *_, **__: None
    read_items = stepfunctions._read_map_items

    def read_map_items(reader: Any, effective: Any, context: Any) -> Any:
        if not reader.get("Resource", "").endswith(LISTED):
            return read_items(reader, effective, context)
        wanted = stepfunctions._resolve_params_obj(reader.get("Parameters") or {}, effective, context)
        try:
            return objects.listed(wanted["Bucket"], wanted.get("Prefix", ""))
        except ClientError as error:
            raise stepfunctions._ExecutionError("States.ItemReaderFailed", str(error)) from error

    stepfunctions._read_map_items = read_map_items
