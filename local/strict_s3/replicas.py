"""Making a replica: the same version in another bucket, under the encryption that its rule says (facts 5.1)."""

import copy
from typing import Any

from localstack.services.s3.utils import get_unique_key_id

from .buckets import store_of
from .replication_rules import Rule, replica_key
from .settings import VersionOrder
from .storage import KMS_ALGORITHMS, EncryptedStore, is_object

OWN = ("file", "wrapped_key", "replication", "annotations")  # of an object, not of its replica
CHANGED_LATER = ("acl", "lock_mode", "lock_until", "lock_legal_status")


def make_replica(storage: EncryptedStore, source: Any, version: Any, destination: Any, rule: Rule) -> Any:
    """The replica's bytes are written; it is no version of the destination yet. Raises S3's error where KMS refuses."""
    replica = copy.copy(version)
    if not is_object(version):
        return replica
    for name in OWN:
        replica.__dict__.pop(name, None)
    replica.replication_status = "REPLICA"
    replica.user_metadata, replica.system_metadata = dict(version.user_metadata), dict(version.system_metadata)
    replica.storage_class = rule["Destination"].get("StorageClass") or version.storage_class
    if replica.encryption in KMS_ALGORITHMS:
        replica.kms_key_id = replica_key(rule) or version.kms_key_id
    with storage.open(source.name, version, "r") as written, storage.open(destination.name, replica, "w") as copied:
        copied.write(written)
    # as its source has them, of one part or several
    replica.etag, replica.checksum_value = version.etag, version.checksum_value
    return replica


def copy_settings(source: Any, version: Any, destination: Any, replica: Any, *, with_annotations: bool) -> None:
    """Tags, ACL, retention, hold and annotations, as they are now."""
    for name in CHANGED_LATER:
        setattr(replica, name, getattr(version, name))
    if with_annotations:
        replica.annotations = dict(getattr(version, "annotations", {}))
    own = store_of(source).tags.get_tags(get_unique_key_id(source.name, version.key, version.version_id))
    tags, tagged = store_of(destination).tags, get_unique_key_id(destination.name, replica.key, replica.version_id)
    tags.delete_all_tags(tagged)
    tags.update_tags(tagged, own)


def place(bucket: Any, version: Any, order: VersionOrder) -> None:
    """Among the versions of its key: at the end, or by the time of its creation. A reader sees all or nothing of it."""
    versions = [*versions_of(bucket.objects, version.key).values(), version]
    if order is VersionOrder.CREATION:
        versions.sort(key=lambda one: one.last_modified)
    for one in versions:
        one.is_current = one is versions[-1]
    bucket.objects._store[version.key] = {one.version_id: one for one in versions}  # noqa: SLF001 - as below


def versions_of(objects: Any, key: str) -> dict[str, Any]:
    """LocalStack's own: by version id, the current one last."""
    found: dict[str, Any] = objects._store[key]  # noqa: SLF001 - it has no other way to put one in its place
    return found
