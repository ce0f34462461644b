"""S3's events as EventBridge delivers them (facts 5.2), for buckets that have turned them on."""

import itertools
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from .storage import is_object

type Event = dict[str, Any]

CREATED = {
    "PutObject": "PutObject",
    "PostObject": "POST Object",
    "CopyObject": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
DELETED = frozenset({"DeleteObject", "DeleteObjects"})
OTHER = {
    "PutObjectTagging": "Object Tags Added",
    "DeleteObjectTagging": "Object Tags Deleted",
    "PutObjectAcl": "Object ACL Updated",
}
RESTORED = {"Post": "Object Restore Initiated", "Completed": "Object Restore Completed"}


class ObjectEvents:
    def __init__(self, sink: Callable[[Event], None]) -> None:
        self._sink = sink
        self._sequence = itertools.count(1)

    def publish(self, context: Any, bucket: Any, version: Any, *, made_marker: bool = False) -> None:
        """After a client's change. `version` is an S3Object or a delete marker of LocalStack."""
        operation = context.operation.name
        if operation in CREATED:
            kind, more = "Object Created", {"reason": CREATED[operation]}
        elif operation in DELETED:
            deletion = "Delete Marker Created" if made_marker else "Permanently Deleted"
            kind, more = "Object Deleted", {"reason": "DeleteObject", "deletion-type": deletion}
        elif operation in OTHER:
            kind, more = OTHER[operation], {}
        else:
            return
        self.send(bucket, version, kind, more, request_id=context.request_id)

    def send(self, bucket: Any, version: Any, kind: str, more: Mapping[str, Any], *, request_id: str = "") -> None:
        if "EventBridgeConfiguration" not in (bucket.notification_configuration or {}):
            return
        described: dict[str, Any] = {"key": version.key, "sequencer": f"{next(self._sequence):018X}"}
        if is_object(version) and kind != "Object Deleted":
            described |= {"size": version.size, "etag": version.etag.strip('"')}
        if version.version_id and version.version_id != "null":
            described["version-id"] = version.version_id
        self._sink(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": kind,
                "source": "aws.s3",
                "account": bucket.bucket_account_id,
                "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": bucket.bucket_region,
                "resources": [f"arn:aws:s3:::{bucket.name}"],
                "detail": {
                    "version": "0",
                    "bucket": {"name": bucket.name},
                    "object": described,
                    "request-id": request_id or uuid.uuid4().hex[:16].upper(),
                    "requester": bucket.bucket_account_id,
                    "source-ip-address": "127.0.0.1",
                    **more,
                },
            }
        )
