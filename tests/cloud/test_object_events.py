"""S3's events reach EventBridge's rules as AWS shapes them (facts 5.2), where the bucket has turned them on."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud.policies import queue_policy
from tests.cloud.waiting import awaited


class Delivered:
    """The S3 events that a rule has brought into a queue."""

    def __init__(self, connect: Callable[..., Any]) -> None:
        self._sqs, events = connect("sqs"), connect("events")
        name = f"events-{uuid.uuid4().hex}"
        self.bucket = name
        rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.s3"]}))["RuleArn"]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": queue_policy(queue, **{"aws:SourceArn": rule})}
        )
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue}])

    def next(self) -> dict[str, Any]:
        """Of this bucket. Waits for it."""
        return awaited(self._look)

    def _look(self) -> dict[str, Any]:
        for message in self._sqs.receive_message(QueueUrl=self._url).get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            event: dict[str, Any] = json.loads(message["Body"])
            if event["detail"]["bucket"]["name"] == self.bucket:
                return event
        return {}


@pytest.fixture
def delivered(connect: Callable[..., Any]) -> Delivered:
    found, s3 = Delivered(connect), connect("s3")
    s3.create_bucket(Bucket=found.bucket)
    s3.put_bucket_versioning(Bucket=found.bucket, VersioningConfiguration={"Status": "Enabled"})
    return found


def turn_on(connect: Callable[..., Any], bucket: str) -> None:
    connect("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def test_a_write_a_copy_and_a_deletion_are_told(connect: Callable[..., Any], delivered: Delivered) -> None:
    s3, bucket = connect("s3"), delivered.bucket
    s3.put_object(Bucket=bucket, Key="before", Body=b"x")
    turn_on(connect, bucket)
    version = s3.put_object(Bucket=bucket, Key="a b+c/ü", Body=b"hello")["VersionId"]
    created = delivered.next()
    assert (created["detail-type"], created["detail"]["reason"]) == ("Object Created", "PutObject")
    described = created["detail"]["object"]
    assert described.pop("sequencer")
    etag = s3.head_object(Bucket=bucket, Key="a b+c/ü")["ETag"].strip('"')
    assert described == {"key": "a b+c/ü", "size": 5, "etag": etag, "version-id": version}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b+c/ü"})
    assert delivered.next()["detail"]["reason"] == "CopyObject"
    marker = s3.delete_object(Bucket=bucket, Key="copy")["VersionId"]
    deleted = delivered.next()["detail"]
    assert (deleted["deletion-type"], deleted["object"]["version-id"]) == ("Delete Marker Created", marker)
    s3.delete_object(Bucket=bucket, Key="copy", VersionId=marker)
    assert delivered.next()["detail"]["deletion-type"] == "Permanently Deleted"
