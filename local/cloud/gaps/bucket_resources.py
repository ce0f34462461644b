"""AWS::S3::Bucket and AWS::S3::BucketPolicy, made in the strict S3: sam keeps its artifacts in such a bucket.

A property that is not in `PROPERTIES` fails the stack by its name, so that no bucket lacks what its template says.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from ministack.core import responses
from ministack.services.cloudformation import provisioners

from .objects_within import ObjectsWithin

BUCKET, POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"
HOME = "us-east-1"  # whose buckets are made without a location


class BucketResources:
    def __init__(self, objects: ObjectsWithin, remember_policy: Callable[[str, str | None], None]) -> None:
        self._objects = objects
        self._remember_policy = remember_policy

    def create(self, logical_id: str, properties: Any, stack: str) -> Any:
        _require_known(properties)
        named = properties.get("BucketName")
        name: str = named or provisioners._physical_name(stack, logical_id, lowercase=True, max_len=63)
        region = responses.get_region()
        location = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        lock = {"ObjectLockEnabledForBucket": True} if properties.get("ObjectLockEnabled") else {}
        self._s3().create_bucket(Bucket=name, **location, **lock)
        self._configure(name, properties)
        return name, provisioners._s3_attrs(name)

    def update(self, name: str, old: Any, new: Any, _stack: str) -> Any:
        _require_known(new)
        if gone := sorted(old.keys() - new.keys()):
            raise ValueError(f"{BUCKET}: {', '.join(gone)} of {name} cannot be taken back here")
        if new.get("BucketName", name) != name:
            raise ValueError(f"{BUCKET}: {name} cannot be renamed here")
        self._configure(name, new)
        return name, provisioners._s3_attrs(name)

    def delete(self, name: str, _properties: Any) -> None:
        self._s3().delete_bucket(Bucket=name)
        self._remember_policy(name, None)

    def put_policy(self, _logical_id: str, properties: Any, _stack: str) -> Any:
        bucket, document = properties["Bucket"], json.dumps(properties["PolicyDocument"])
        self._s3().put_bucket_policy(Bucket=bucket, Policy=document)
        self._remember_policy(bucket, document)
        return f"{bucket}-policy", {}

    def update_policy(self, _name: str, _old: Any, new: Any, stack: str) -> Any:
        return self.put_policy("", new, stack)

    def delete_policy(self, _name: str, properties: Any) -> None:
        try:
            self._s3().delete_bucket_policy(Bucket=properties["Bucket"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":  # it went with its policy
                raise
        self._remember_policy(properties["Bucket"], None)

    def _configure(self, name: str, properties: Any) -> None:
        for wanted, value in properties.items():
            PROPERTIES[wanted](self._s3(), name, value)

    def _s3(self) -> Any:
        return self._objects.client(responses.get_region())


def _require_known(properties: Any) -> None:
    if unknown := sorted(properties.keys() - PROPERTIES.keys()):
        raise ValueError(f"{BUCKET}: {', '.join(unknown)} cannot be set here")


def _nothing(_s3: Any, _name: str, _value: Any) -> None:
    """Said when the bucket is made."""


def _encrypt(s3: Any, name: str, value: Any) -> None:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            **({"BucketKeyEnabled": rule["BucketKeyEnabled"] in (True, "true")} if "BucketKeyEnabled" in rule else {}),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})


def _block(s3: Any, name: str, value: Any) -> None:
    chosen = {one: said in (True, "true") for one, said in value.items()}
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=chosen)


def _notify(s3: Any, name: str, value: Any) -> None:
    if set(value) - {"EventBridgeConfiguration"}:
        raise ValueError(f"{BUCKET}: {name} can notify EventBridge only")
    chosen: dict[str, Any] = {"EventBridgeConfiguration": {}} if value else {}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=chosen)


PROPERTIES: dict[str, Callable[[Any, str, Any], None]] = {
    "BucketName": _nothing,
    "ObjectLockEnabled": _nothing,
    "VersioningConfiguration": lambda s3, name, value: s3.put_bucket_versioning(
        Bucket=name, VersioningConfiguration=value
    ),
    "Tags": lambda s3, name, value: s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": value}),
    "OwnershipControls": lambda s3, name, value: s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=value),
    "BucketEncryption": _encrypt,
    "PublicAccessBlockConfiguration": _block,
    "NotificationConfiguration": _notify,
}


def install(resources: BucketResources) -> None:
    handlers = provisioners._RESOURCE_HANDLERS  # ministack's register
    handlers[BUCKET] = {"create": resources.create, "update": resources.update, "delete": resources.delete}
    handlers[POLICY] = {
        "create": resources.put_policy,
        "update": resources.update_policy,
        "delete": resources.delete_policy,
    }
    # its look for a bucket of that name; the strict S3 refuses the creation by itself
    provisioners.s3_bucket_name_conflict = lambda _name: None
