"""Replication takes time, keeps version id and time, and puts versions in the order that was chosen."""

import uuid
from typing import Any

import pytest

from .conftest import AWAY, HOME, Stores
from .waiting import awaited

ROLE = "arn:aws:iam::000000000000:role/replication"
HOURS = 3600


class Pair:
    """A bucket in each region; the first replicates to the second."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.here, self.away = stores.s3(HOME), stores.s3(AWAY)
        self.source, self.target = (f"{name}-{uuid.uuid4().hex}" for name in ("source", "target"))
        self.here.create_bucket(Bucket=self.source)
        self.away.create_bucket(Bucket=self.target, CreateBucketConfiguration={"LocationConstraint": AWAY})
        for s3, bucket in ((self.here, self.source), (self.away, self.target)):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.replicate()

    def replicate(self, **more: Any) -> None:
        self.here.put_bucket_replication(Bucket=self.source, ReplicationConfiguration=rule_to(self.target, **more))

    def replicate_back(self, **more: Any) -> None:
        self.away.put_bucket_replication(Bucket=self.target, ReplicationConfiguration=rule_to(self.source, **more))

    def put(self, key: str = "a", body: bytes = b"one", **more: Any) -> str:
        version: str = self.here.put_object(Bucket=self.source, Key=key, Body=body, **more)["VersionId"]
        return version

    def status(self, version: str, key: str = "a") -> str | None:
        found: str | None = self.here.head_object(Bucket=self.source, Key=key, VersionId=version).get(
            "ReplicationStatus"
        )
        return found

    def until_status(self, version: str, wanted: str, key: str = "a") -> None:
        awaited(lambda: self.status(version, key) == wanted)

    def replicas(self, key: str = "a") -> list[str]:
        """Version ids in the target, the current one first."""
        listed = self.away.list_object_versions(Bucket=self.target, Prefix=key)
        return [one["VersionId"] for one in listed.get("Versions", [])]

    def current(self, key: str = "a") -> bytes:
        body: bytes = self.away.get_object(Bucket=self.target, Key=key)["Body"].read()
        return body


def rule_to(bucket: str, **more: Any) -> dict[str, Any]:
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"},
    }
    return {"Role": ROLE, "Rules": [rule | more]}


@pytest.fixture
def pair(stores: Stores) -> Pair:
    return Pair(stores)


def test_a_replica_is_the_same_version_of_the_same_time(pair: Pair) -> None:
    version = pair.put(Metadata={"mine": "1"}, Tagging="team=a", ContentType="text/plain")
    pair.until_status(version, "COMPLETED")
    written = pair.here.head_object(Bucket=pair.source, Key="a")
    replica = pair.away.head_object(Bucket=pair.target, Key="a")
    assert replica["ReplicationStatus"] == "REPLICA"
    same = ("VersionId", "LastModified", "ETag", "Metadata", "ContentType", "ContentLength")
    assert [replica[name] for name in same] == [written[name] for name in same]
    assert pair.away.get_object_tagging(Bucket=pair.target, Key="a")["TagSet"] == [{"Key": "team", "Value": "a"}]


def test_until_its_time_has_come_a_replica_is_pending(pair: Pair) -> None:
    pair.stores.settings.change(replication_seconds=[HOURS, 2 * HOURS])
    version = pair.put()
    assert pair.status(version) == "PENDING"
    assert pair.replicas() == []


def test_a_region_whose_replication_is_paused_goes_on_later(pair: Pair) -> None:
    pair.stores.settings.change(replication_paused_from=[HOME], replication_retry_seconds=0.05)
    version = pair.put()
    other = pair.here.head_object(Bucket=pair.source, Key="a")["ReplicationStatus"]
    assert (other, pair.replicas()) == ("PENDING", [])
    pair.stores.settings.change(replication_paused_from=[])
    pair.until_status(version, "COMPLETED")


@pytest.mark.parametrize(("order", "current"), [("creation", b"ours"), ("arrival", b"two")])
def test_a_replica_that_is_older_than_our_copy(pair: Pair, order: str, current: bytes) -> None:
    """Written at the source before our copy, and come after it (objects.md 3.10): AWS does not say which is current."""
    pair.stores.settings.change(version_order=order, replication_paused_from=[HOME], replication_retry_seconds=0.05)
    second = pair.put(body=b"two")
    ours = pair.away.put_object(Bucket=pair.target, Key="a", Body=b"ours")["VersionId"]
    pair.stores.settings.change(replication_paused_from=[])
    pair.until_status(second, "COMPLETED")
    assert pair.current() == current
    assert pair.replicas() == ([ours, second] if order == "creation" else [second, ours])


def test_delete_markers_follow_where_the_rule_says_so(pair: Pair) -> None:
    pair.until_status(pair.put(), "COMPLETED")
    pair.here.delete_object(Bucket=pair.source, Key="a")
    pair.until_status(pair.put("b"), "COMPLETED", "b")
    assert pair.current() == b"one"
    pair.replicate(DeleteMarkerReplication={"Status": "Enabled"})
    made = pair.here.delete_object(Bucket=pair.source, Key="a")["VersionId"]
    awaited(lambda: bool(pair.away.list_object_versions(Bucket=pair.target, Prefix="a").get("DeleteMarkers")))
    (marker,) = pair.away.list_object_versions(Bucket=pair.target, Prefix="a")["DeleteMarkers"]
    assert (marker["VersionId"], marker["IsLatest"]) == (made, True)


def test_the_deletion_of_a_version_does_not_follow(pair: Pair) -> None:
    version = pair.put()
    pair.until_status(version, "COMPLETED")
    pair.here.delete_object(Bucket=pair.source, Key="a", VersionId=version)
    pair.until_status(pair.put("b"), "COMPLETED", "b")
    assert pair.replicas() == [version]


def test_later_changes_go_to_the_same_version(pair: Pair) -> None:
    version = pair.put()
    pair.until_status(version, "COMPLETED")
    pair.away.put_object(Bucket=pair.target, Key="a", Body=b"ours")
    pair.here.put_object_tagging(Bucket=pair.source, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    pair.here.put_object_annotation(Bucket=pair.source, Key="a", AnnotationName="n", AnnotationPayload=b"p")
    chosen = {"Bucket": pair.target, "Key": "a", "VersionId": version}
    awaited(lambda: pair.away.get_object_tagging(**chosen)["TagSet"] == [{"Key": "k", "Value": "v"}])
    awaited(lambda: len(pair.away.list_object_annotations(**chosen).get("Annotations", [])) == 1)
    assert pair.away.get_object_tagging(Bucket=pair.target, Key="a")["TagSet"] == []


def test_changes_of_a_replica_go_back_where_the_rule_says_so(pair: Pair) -> None:
    version = pair.put()
    pair.until_status(version, "COMPLETED")
    pair.replicate_back(SourceSelectionCriteria={"ReplicaModifications": {"Status": "Enabled"}})
    tags = [{"Key": "k", "Value": "v"}]
    pair.away.put_object_tagging(Bucket=pair.target, Key="a", Tagging={"TagSet": tags})
    awaited(lambda: pair.here.get_object_tagging(Bucket=pair.source, Key="a")["TagSet"] == tags)


def test_a_replica_is_not_replicated_again(pair: Pair) -> None:
    pair.replicate_back()
    pair.until_status(pair.put(), "COMPLETED")
    ours = pair.away.put_object(Bucket=pair.target, Key="b", Body=b"x")["VersionId"]
    awaited(lambda: bool(pair.here.list_object_versions(Bucket=pair.source, Prefix="b").get("Versions")))
    (back,) = pair.here.list_object_versions(Bucket=pair.source, Prefix="b")["Versions"]
    assert back["VersionId"] == ours
    assert len(pair.here.list_object_versions(Bucket=pair.source, Prefix="a")["Versions"]) == 1


def kms_rule(key: str) -> dict[str, Any]:
    return {
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {"EncryptionConfiguration": {"ReplicaKmsKeyID": key}},
    }


@pytest.fixture
def keys(pair: Pair) -> tuple[str, str]:
    """One in each region; the rule replicates objects under KMS, and to the second."""
    here, away = (pair.stores.kms(region).create_key()["KeyMetadata"]["Arn"] for region in (HOME, AWAY))
    rule = kms_rule(away)
    rule["Destination"]["Bucket"] = f"arn:aws:s3:::{pair.target}"
    pair.replicate(**rule)
    return here, away


def test_objects_under_kms_need_a_word_of_the_rule(pair: Pair) -> None:
    key = pair.stores.kms().create_key()["KeyMetadata"]["Arn"]
    version = pair.put(ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert pair.status(version) is None


def test_a_replica_is_under_the_rules_key(pair: Pair, keys: tuple[str, str]) -> None:
    here, away = keys
    pair.until_status(pair.put(ServerSideEncryption="aws:kms", SSEKMSKeyId=here), "COMPLETED")
    pair.stores.kms().disable_key(KeyId=here)
    replica = pair.away.get_object(Bucket=pair.target, Key="a")
    assert (replica["SSEKMSKeyId"], replica["Body"].read()) == (away, b"one")


def test_a_key_that_refuses_makes_the_replication_fail_for_good(pair: Pair, keys: tuple[str, str]) -> None:
    here, away = keys
    pair.stores.kms(AWAY).disable_key(KeyId=away)
    version = pair.put(ServerSideEncryption="aws:kms", SSEKMSKeyId=here)
    pair.until_status(version, "FAILED")
    pair.stores.kms(AWAY).enable_key(KeyId=away)
    pair.until_status(pair.put("b"), "COMPLETED", "b")
    assert (pair.status(version), pair.replicas()) == ("FAILED", [])


def test_a_filter_chooses_by_prefix_and_tag(pair: Pair) -> None:
    tag = {"Key": "copy", "Value": "yes"}
    pair.replicate(Filter={"And": {"Prefix": "in/", "Tags": [tag]}})
    untagged, elsewhere = pair.put("in/a"), pair.put("out/a", Tagging="copy=yes")
    chosen = pair.put("in/b", Tagging="copy=yes")
    pair.until_status(chosen, "COMPLETED", "in/b")
    assert (pair.status(untagged, "in/a"), pair.status(elsewhere, "out/a")) == (None, None)


def test_a_destination_that_is_gone_makes_the_replication_fail(pair: Pair) -> None:
    pair.away.delete_bucket(Bucket=pair.target)
    pair.until_status(pair.put(), "FAILED")


def test_what_never_went_to_a_bucket_does_not_follow_by_a_change(pair: Pair) -> None:
    """An object older than its rule is not replicated (facts 5.1), and a change of its tags changes nothing of that."""
    pair.here.delete_bucket_replication(Bucket=pair.source)
    older = pair.put("older")
    pair.replicate()
    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    pair.here.put_object_tagging(Bucket=pair.source, Key="older", Tagging=tags)
    pair.until_status(pair.put(), "COMPLETED")
    assert (pair.status(older, "older"), pair.replicas("older")) == (None, [])


@pytest.mark.parametrize(("follow", "expected"), [(True, 1), (False, 0)])
def test_whether_annotations_follow_is_a_switch(pair: Pair, follow: bool, expected: int) -> None:  # noqa: FBT001 - a case
    pair.stores.settings.change(replicates_annotations=follow)
    pair.until_status(pair.put(), "COMPLETED")
    pair.here.put_object_annotation(Bucket=pair.source, Key="a", AnnotationName="n", AnnotationPayload=b"p")
    tags = [{"Key": "k", "Value": "v"}]
    pair.here.put_object_tagging(Bucket=pair.source, Key="a", Tagging={"TagSet": tags})
    awaited(lambda: pair.away.get_object_tagging(Bucket=pair.target, Key="a")["TagSet"] == tags)
    listed = pair.away.list_object_annotations(Bucket=pair.target, Key="a").get("Annotations", [])
    assert len(listed) == expected
