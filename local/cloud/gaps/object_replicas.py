"""S3 replicas as S3 makes them (facts 5.1).

ministack 1.5.33 gives a replica another version id than its source, leaves the source's key on it, copies objects under
KMS without being told to, and tells nobody that the replica has arrived.
"""

from typing import Any

from ministack.services import s3

from .encryption_rules import is_replicated, replica_encryption

JUST_REPLICATED = "_just_replicated"  # on an object between its replication and its own version


def install() -> None:
    """Two functions are replaced: every write path of ministack calls them, and there is no register."""
    replicate = s3._maybe_replicate
    record = s3._record_object_version

    def maybe_replicate(bucket_name: str, key: str, obj: Any, data: Any, tags: Any = None) -> None:
        rule, _ = s3._replication_rule_for(bucket_name, key, tags)
        if rule is None or not is_replicated(obj["preserved_headers"], rule):
            return
        replicate(bucket_name, key, obj, data, tags)
        if obj.get("_replica"):
            obj[JUST_REPLICATED] = obj["_replica"][1]
            _finish(key, obj, rule.get("Destination") or {})

    def record_object_version(bucket_name: str, key: str, prior: Any, obj: Any, data: Any) -> Any:
        """The replica is made first, so it is the source that takes over the replica's version id."""
        shared = obj.pop(JUST_REPLICATED, None)
        version_id = record(bucket_name, key, prior, obj, data)
        if shared is None or version_id is None:
            return version_id
        s3._object_versions[bucket_name, key][-1]["version_id"] = obj["version_id"] = shared
        return shared

    s3._maybe_replicate = maybe_replicate
    s3._record_object_version = record_object_version


def _finish(key: str, source: Any, destination: Any) -> None:
    """Sets the replica's key on the object and on its entry among the versions, and announces it."""
    bucket_name, version_id, account = source["_replica"]
    with s3._in_account(account):
        replica = s3._buckets[bucket_name]["objects"][key]
        versions = s3._object_versions.get((bucket_name, key), [])
        for record in (replica, *(one for one in versions if one["version_id"] == version_id)):
            record["preserved_headers"] = replica_encryption(record["preserved_headers"], destination)
        # community reports say that a replica's arrival is announced as a Put (facts 5.2, unconfirmed)
        s3._fire_s3_event_async(
            bucket_name,
            key,
            "s3:ObjectCreated:Put",
            size=replica["size"],
            etag=replica["etag"],
            version_id=version_id,
        )
