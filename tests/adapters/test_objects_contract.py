"""What rewrapping relies on, over S3 and over the in-memory store that its domain tests stand on."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from kms_failover.adapters.objects import S3Objects
from kms_failover.domain.objects.stored_object import ObjectStore
from kms_failover.errors import ObjectChangedError
from tests.adapters.test_objects import BUCKET, KEY, honour_conditions
from tests.domain.objects.rewrap_world import WorldObjects


class Shelf:
    """A store, and the hand of somebody else who writes to it."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def put(self, metadata: Mapping[str, str], size: int) -> None:
        assert isinstance(self.store, WorldObjects)
        self.store.put(BUCKET, KEY, metadata, size=size)

    def delete(self) -> None:
        assert isinstance(self.store, WorldObjects)
        self.store.stored.clear()


class S3Shelf(Shelf):
    def __init__(self) -> None:
        self.s3: Any = boto3.client("s3", region_name="eu-west-1")
        location: Any = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        honour_conditions(self.s3)
        super().__init__(S3Objects(self.s3))

    def put(self, metadata: Mapping[str, str], size: int) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x" * size, Metadata=dict(metadata))

    def delete(self) -> None:
        self.s3.delete_object(Bucket=BUCKET, Key=KEY)


@pytest.fixture(params=["memory", "s3"])
def shelf(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield Shelf(WorldObjects()) if request.param == "memory" else S3Shelf()


def test_what_is_not_there_is_none(shelf: Shelf) -> None:
    assert shelf.store.head(BUCKET, KEY) is None


def test_metadata_is_replaced_and_the_rest_is_kept(shelf: Shelf) -> None:
    shelf.put({"mine": "1", "x-amz-3": "old"}, 7)
    stored = shelf.store.head(BUCKET, KEY)
    assert stored is not None

    shelf.store.replace_metadata(stored, {"mine": "1", "x-amz-3": "new"})

    after = shelf.store.head(BUCKET, KEY)
    assert after is not None
    assert (after.metadata, after.size, after.is_replica) == ({"mine": "1", "x-amz-3": "new"}, 7, False)


def test_an_overwritten_object_is_not_written_over(shelf: Shelf) -> None:
    shelf.put({"mine": "1"}, 7)
    stored = shelf.store.head(BUCKET, KEY)
    assert stored is not None
    shelf.put({"mine": "2"}, 8)

    with pytest.raises(ObjectChangedError):
        shelf.store.replace_metadata(stored, {"mine": "3"})

    after = shelf.store.head(BUCKET, KEY)
    assert after is not None
    assert (after.metadata, after.size) == ({"mine": "2"}, 8)


def test_a_bucket_without_replication_replicates_nowhere(shelf: Shelf) -> None:
    assert shelf.store.replicates_into(BUCKET) == frozenset()


def test_deleting_is_seen(shelf: Shelf) -> None:
    shelf.put({"mine": "1"}, 7)
    shelf.delete()

    assert shelf.store.head(BUCKET, KEY) is None
