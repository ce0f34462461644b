"""S3 UpdateObjectEncryption, which ministack 1.5.33 takes for a PutObject and so destroys the object.

The object's bytes are not encrypted here, so only its attributes change. The KMS keys are not asked.
"""

from typing import Any

from ministack import app
from ministack.core import iam_actions
from ministack.services import s3

from .encryption_rules import RefusedError, updated_encryption


def update_object_encryption(bucket_name: str, key: str, version_id: str, body: bytes) -> Any:
    """Changes the attributes of that version, of the current one when no version is named. Nothing else changes."""
    try:
        region = _bucket_region(bucket_name)
        records = _records(bucket_name, key, version_id)
        lock = (bucket_name, key, records[0].get("version_id"))
        is_locked = bool(s3._object_retention.get(lock) or s3._object_legal_hold.get(lock))
        changed = updated_encryption(records[0]["preserved_headers"], body, region=region, is_locked=is_locked)
    except RefusedError as refusal:
        return s3._error(refusal.code, str(refusal), refusal.status, f"/{bucket_name}/{key}")
    for record in records:
        record["preserved_headers"] = dict(changed)
    return 200, {}, b""


def _bucket_region(bucket_name: str) -> str:
    if (bucket := s3._buckets.get(bucket_name)) is None:
        raise RefusedError("NoSuchBucket", "The specified bucket does not exist", 404)
    region: str = bucket.get("region") or "us-east-1"
    return region


def _records(bucket_name: str, key: str, version_id: str) -> list[Any]:
    """The version's record, and the current object's, which ministack keeps apart; both are changed."""
    current = s3._buckets[bucket_name]["objects"].get(key)
    wanted = version_id or (current or {}).get("version_id") or "null"
    versions = [one for one in s3._object_versions.get((bucket_name, key), []) if one["version_id"] == wanted]
    if any(one.get("is_delete_marker") for one in versions):
        raise RefusedError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    if current is not None and (current.get("version_id") or "null") == wanted:
        versions.append(current)
    if not versions:
        raise RefusedError("NoSuchVersion" if version_id else "NoSuchKey", "The specified key does not exist.", 404)
    return versions


def install() -> None:
    actions = iam_actions._S3_OBJECT_QUERY_ACTIONS  # ministack's register of actions
    actions["encryption"] = {"PUT": "UpdateObjectEncryption"}
    handle = app.SERVICE_HANDLERS["s3"]

    async def with_update(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        if method == "PUT" and "encryption" in query:
            bucket_name, key = s3._parse_bucket_key(path, headers)
            if key:
                version_id = (query.get("versionId") or [""])[0]
                return update_object_encryption(bucket_name, key, version_id, body)
        return await handle(method, path, headers, body, query)

    app.SERVICE_HANDLERS["s3"] = with_update
