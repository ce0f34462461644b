"""Wrap debt: an object that lacks a wrap it should have; recorded, aged, repaid."""

import hashlib

from pydantic import AwareDatetime

from kms_failover.domain.key_set import Model


class Debt(Model):
    """`owed_to` is the region whose key cannot open the object yet; one item an object and region."""

    key_set: str
    owed_to: str
    bucket: str
    key: str
    since: AwareDatetime
    code: str = ""

    @property
    def id(self) -> str:
        return f"{self.owed_to}#{_digest(self.bucket, self.key)}"


class Refusal(Model):
    """An object that the service will not touch, and why; shown to people until the object is overwritten."""

    key_set: str
    bucket: str
    key: str
    since: AwareDatetime
    reason: str

    @property
    def id(self) -> str:
        return _digest(self.bucket, self.key)


def _digest(bucket: str, key: str) -> str:
    """An S3 key alone may have as many bytes as DynamoDB's sort key, 1024; a bucket's name has no slash."""
    return hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()
