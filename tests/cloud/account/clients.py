"""Clients of a local cloud, and the resources that several tests make there."""

import time
import uuid
from typing import Any

import boto3
from botocore.config import Config

from local.cloud import LocalCloud
from local.cloud.environment import ACCESS_KEY, HOME_REGION

WAIT_SECONDS = 30.0
PAUSE_SECONDS = 0.05


class Account:
    """`client` has the keys of the account's root and never retries: what AWS would refuse is seen."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._client(service)
        return self._clients[service]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def _client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the service is an argument
            service,
            region_name=HOME_REGION,
            endpoint_url=self.cloud.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def queue(self, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=a_name(), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def messages(self, url: str, seconds: int = 0) -> list[Any]:
        """Those that arrive in so many seconds, or as soon as one is there."""
        received = self.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=seconds, MessageAttributeNames=["All"]
        )
        found: list[Any] = received.get("Messages", [])
        return found

    def count(self, namespace: str, metric: str, **dimensions: str) -> float:
        """The sum of a metric over the last hour."""
        now = time.time()
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - 3600,
            EndTime=now + 60,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(float(point["Sum"]) for point in points)


def a_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"
