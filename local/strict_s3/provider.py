"""LocalStack's S3 provider, with what it lacks or does otherwise than S3."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from localstack.aws.api import CommonServiceException, handler
from localstack.aws.api.s3 import PreconditionFailed
from localstack.services.s3 import provider as base
from localstack.services.s3.models import S3Object, VersionedKeyStore
from localstack.services.s3.utils import extract_bucket_key_version_id_from_copy_source

from . import annotations, encryption
from .buckets import bucket_named
from .events import RESTORED, ObjectEvents
from .kms_keys import KmsKeys
from .limits import Limits
from .replicas import versions_of
from .replication import Replication
from .settings import LiveSettings, VersionOrder
from .storage import KMS_ALGORITHMS, EncryptedStore, is_object

OTHER_TARGETS = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")


class StrictS3(base.S3Provider):  # type: ignore[misc]  # its base is untyped
    """`_notify` is called by LocalStack after each change of an object."""

    def __init__(self, storage: EncryptedStore, keys: KmsKeys, settings: LiveSettings, events: ObjectEvents) -> None:
        super().__init__(storage)
        encryption.install(keys)
        self._keys = keys
        self._settings = settings
        self._events = events
        self._replication = Replication(storage, settings, events, self._preconditions_locks)
        self.limits = Limits(settings)

    def _notify(self, context: Any, s3_bucket: Any, s3_object: Any = None, s3_notif_ctx: Any = None) -> None:
        version = s3_object or self._version(
            s3_bucket.name, unquote(s3_notif_ctx.key_name), s3_notif_ctx.key_version_id
        )
        operation = context.operation.name
        if operation == "RestoreObject":
            self._events.send(s3_bucket, version, RESTORED[s3_notif_ctx.event_type.rpartition(":")[2]], {})
            return
        made_marker = s3_notif_ctx is not None
        self._events.publish(context, s3_bucket, version, made_marker=made_marker)
        if s3_bucket.replication is None:
            return
        if operation.startswith("Delete") and operation != "DeleteObjectTagging":
            if made_marker:
                self._replication.write(s3_bucket, version)
        elif operation in {"PutObjectTagging", "DeleteObjectTagging", "PutObjectAcl"}:
            self._replication.change(s3_bucket, version)
        else:
            self._replication.write(s3_bucket, version)

    @handler("GetObject", expand=False)
    def get_object(self, context: Any, request: Any) -> Any:
        request = _match_goes_first(request, "IfMatch", "IfUnmodifiedSince")
        return self._with_status(request, super().get_object(context, request))

    @handler("HeadObject", expand=False)
    def head_object(self, context: Any, request: Any) -> Any:
        request = _match_goes_first(request, "IfMatch", "IfUnmodifiedSince")
        return self._with_status(request, super().head_object(context, request))

    def _with_status(self, request: Any, response: Any) -> Any:
        version = self._version(request["Bucket"], request["Key"], response.get("VersionId"))
        if (status := getattr(version, "replication_status", None)) is not None:
            response["ReplicationStatus"] = status
        return response

    def _version(self, bucket_name: str, key: str, version_id: str | None) -> Any:
        objects = bucket_named(bucket_name).objects
        return objects.get(key, version_id) if isinstance(objects, VersionedKeyStore) else objects.get(key)

    @handler("CopyObject", expand=False)
    def copy_object(self, context: Any, request: Any) -> Any:
        """An old version copied onto its key comes back [AWS docs: RestoringPreviousVersions].

        LocalStack takes that for a copy onto itself that changes nothing, unless a storage class is named. A copy has
        its source's annotations unless it is told otherwise [botocore s3:CopyObject].
        """
        bucket, key, version_id = extract_bucket_key_version_id_from_copy_source(request["CopySource"])
        source = self._version(bucket, key, version_id)
        if (bucket, key) == (request["Bucket"], request["Key"]) and version_id is not None:
            current = bucket_named(bucket).objects.get(key)
            if current is not None and current.version_id != version_id:
                request = {**request, "StorageClass": request.get("StorageClass") or "STANDARD"}
        request = _match_goes_first(request, "CopySourceIfMatch", "CopySourceIfUnmodifiedSince")
        answer = super().copy_object(context, request)
        if request.get("AnnotationDirective") != "EXCLUDE":
            copy = self._version(request["Bucket"], request["Key"], answer.get("VersionId"))
            copy.annotations = dict(annotations.annotations_of(source))
            self._replicate_change(context, {**request, "VersionId": answer.get("VersionId")})
        return answer

    @handler("CreateMultipartUpload", expand=False)
    def create_multipart_upload(self, context: Any, request: Any) -> Any:
        """Its key must be usable at once: recorded 2026-02-21, test_s3_sse_validate_kms_key."""
        _, bucket = self._get_cross_account_bucket(context, request["Bucket"])
        chosen = encryption.encryption_of(request, bucket, self._keys)
        if chosen.encryption not in KMS_ALGORITHMS:
            return super().create_multipart_upload(context, request)
        key = S3Object(request["Key"], kms_key_id=chosen.kms_key_id, bucket_key_enabled=chosen.bucket_key_enabled)
        self._storage_backend.wrap_new_key(bucket.name, key)
        answer = super().create_multipart_upload(context, request)
        upload = bucket.multiparts[answer["UploadId"]].object
        upload.wrapped_key, upload.kms_key_id = key.wrapped_key, key.kms_key_id
        return answer

    @handler("UploadPart", expand=False)
    def upload_part(self, context: Any, request: Any) -> Any:
        self._open_key_of_upload(request)
        return super().upload_part(context, request)

    @handler("UploadPartCopy", expand=False)
    def upload_part_copy(self, context: Any, request: Any) -> Any:
        self._open_key_of_upload(request)
        return super().upload_part_copy(context, request)

    def _open_key_of_upload(self, request: Any) -> None:
        """A part is encrypted under the upload's key, so that is opened [AWS docs: mpuoverview, permissions]."""
        upload = bucket_named(request["Bucket"]).multiparts.get(request["UploadId"])
        if upload is not None:
            self._storage_backend.open_key(request["Bucket"], upload.object)

    @handler("DeleteObject")
    def delete_object(self, context: Any, bucket: Any, key: Any, if_match: Any = None, **rest: Any) -> Any:
        """Recorded 2026-02-21, test_delete_object_if_match_non_express; LocalStack lacks the condition.

        The other two conditions are for directory buckets, and refused by LocalStack as recorded.
        """
        if if_match and not rest.get("if_match_size") and rest.get("if_match_last_modified_time") is None:
            _, s3_bucket = self._get_cross_account_bucket(context, bucket)
            _require_match(s3_bucket.objects.get(key), if_match)
            if_match = None
        return super().delete_object(context, bucket, key, if_match=if_match, **rest)

    @handler("UpdateObjectEncryption", expand=False)
    def update_object_encryption(self, context: Any, request: Any) -> Any:
        encryption.update(self._keys, request["Bucket"], self._named(context, request), request["ObjectEncryption"])
        return {}

    @handler("PutObjectRetention")
    def put_object_retention(self, context: Any, bucket: Any, key: Any, **rest: Any) -> Any:
        return self._then_replicate(super().put_object_retention, context, bucket, key, rest)

    @handler("PutObjectLegalHold")
    def put_object_legal_hold(self, context: Any, bucket: Any, key: Any, **rest: Any) -> Any:
        return self._then_replicate(super().put_object_legal_hold, context, bucket, key, rest)

    def _then_replicate(self, change: Callable[..., Any], context: Any, bucket: Any, key: Any, rest: Any) -> Any:
        answer = change(context, bucket, key, **rest)
        self._replicate_change(context, {"Bucket": bucket, "Key": key, "VersionId": rest.get("version_id")})
        return answer

    def _replicate_change(self, context: Any, request: Any) -> None:
        _, bucket = self._get_cross_account_bucket(context, request["Bucket"])
        if bucket.replication is not None:
            self._replication.change(bucket, self._named(context, request))

    @handler("PutBucketNotificationConfiguration")
    def put_bucket_notification_configuration(self, *positional: Any, **named: Any) -> Any:
        wanted = named.get("notification_configuration") or positional[2]
        if refused := [name for name in OTHER_TARGETS if wanted.get(name)]:
            message = f"This S3 sends events to EventBridge only, not to {', '.join(refused)}."
            raise CommonServiceException("NotImplemented", message, 501)
        return super().put_bucket_notification_configuration(*positional, **named)

    @handler("ListObjectVersions")
    def list_object_versions(self, context: Any, bucket: Any, **rest: Any) -> Any:
        """LocalStack sorts by time; by arrival the versions of a key are sorted anew within the page."""
        answer = super().list_object_versions(context, bucket, **rest)
        if self._settings.now.version_order is VersionOrder.ARRIVAL:
            versions = bucket_named(bucket).objects
            for name in ("Versions", "DeleteMarkers"):
                answer.get(name, []).sort(key=lambda one: _arrived(versions, unquote(one["Key"]), one["VersionId"]))
        return answer

    def _named(self, context: Any, request: Any) -> Any:
        """The object that a request names. Raises S3's error where there is none, or a delete marker."""
        _, bucket = self._get_cross_account_bucket(context, request["Bucket"])
        return bucket.get_object(key=request["Key"], version_id=request.get("VersionId"), http_method="PUT")

    @handler("PutObjectAnnotation", expand=False)
    def put_object_annotation(self, context: Any, request: Any) -> Any:
        s3_object = self._named(context, request)
        payload = request["AnnotationPayload"].read() if request.get("AnnotationPayload") else b""
        made = annotations.put(s3_object, request["AnnotationName"], payload, request.get("ObjectIfMatch"))
        self._replicate_change(context, request)
        return {"Key": request["Key"], "AnnotationName": made.name, "ETag": made.etag, **_version_of(s3_object)}

    @handler("GetObjectAnnotation", expand=False)
    def get_object_annotation(self, context: Any, request: Any) -> Any:
        s3_object = self._named(context, request)
        found = annotations.get(s3_object, request["AnnotationName"])
        described = {"LastModified": found.last_modified, "ContentLength": len(found.payload), "ETag": found.etag}
        return {"AnnotationPayload": found.payload, **described, **_version_of(s3_object)}

    @handler("DeleteObjectAnnotation", expand=False)
    def delete_object_annotation(self, context: Any, request: Any) -> Any:
        s3_object = self._named(context, request)
        annotations.delete(s3_object, request["AnnotationName"], request.get("ObjectIfMatch"))
        self._replicate_change(context, request)
        return _version_of(s3_object)

    @handler("ListObjectAnnotations", expand=False)
    def list_object_annotations(self, context: Any, request: Any) -> Any:
        s3_object = self._named(context, request)
        prefix, most = request.get("AnnotationPrefix") or "", request.get("MaxAnnotationResults") or annotations.MOST
        page, more = annotations.listed(s3_object, prefix, request.get("ContinuationToken") or "", most)
        entries = [
            {"AnnotationName": one.name, "LastModified": one.last_modified, "ETag": one.etag, "Size": len(one.payload)}
            for one in page
        ]
        answer = {"Bucket": request["Bucket"], "Key": request["Key"], "AnnotationCount": len(entries)}
        return {
            **answer,
            "Annotations": entries,
            **_version_of(s3_object),
            **({"NextContinuationToken": more} if more else {}),
        }


def _match_goes_first(request: Any, match: str, unmodified: str) -> Any:
    """An ETag that matches makes the time not matter [botocore s3:GetObject, s3:CopyObject]; LocalStack asks both."""
    return {**request, unmodified: None} if request.get(match) else request


def _require_match(version: Any, wanted: str) -> None:
    """`wanted` is an ETag, or * for any object; a delete marker is none."""
    if version is None or not is_object(version) or wanted.strip('"') not in {"*", version.etag}:
        message = "At least one of the pre-conditions you specified did not hold"
        raise PreconditionFailed(message, Condition="If-Match")


def _version_of(s3_object: Any) -> dict[str, str]:
    return {"ObjectVersionId": s3_object.version_id} if s3_object.version_id else {}


def _arrived(versions: Any, key: str, version_id: str) -> tuple[str, int]:
    """Sorts by key, and within a key the last arrival first."""
    return key, -list(versions_of(versions, key)).index(version_id)
