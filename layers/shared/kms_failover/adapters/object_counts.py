"""How many objects a bucket has, as S3 itself counts them: once a day, for nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

LOOKS_BACK = timedelta(days=3)  # S3's storage metrics are a day apart, and late
A_DAY_SECONDS = 86_400


class S3ObjectCounts:
    def __init__(self, cloudwatch: "CloudWatchClient", clock: Callable[[], datetime]) -> None:
        self._cloudwatch = cloudwatch
        self._clock = clock

    def objects(self, bucket: str) -> int | None:
        """S3's latest count; None where there is none yet, or where it cannot be read: it is not worth a failure."""
        now = self._clock()
        try:
            answer = self._cloudwatch.get_metric_statistics(
                Namespace="AWS/S3",
                MetricName="NumberOfObjects",
                Dimensions=[
                    {"Name": "BucketName", "Value": bucket},
                    {"Name": "StorageType", "Value": "AllStorageTypes"},
                ],
                StartTime=now - LOOKS_BACK,
                EndTime=now,
                Period=A_DAY_SECONDS,
                Statistics=["Average"],
            )
        except (BotoCoreError, ClientError):
            return None
        points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
        return int(points[-1]["Average"]) if points else None
