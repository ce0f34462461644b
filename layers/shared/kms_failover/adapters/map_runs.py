"""What a backfill's execution has come to, as Step Functions counts it (the port `domain.objects.backfill.MapRuns`)."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from kms_failover.domain.objects.backfill import RunCounts
from kms_failover.errors import NotCountedError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsMapRuns:
    def __init__(self, client: "SFNClient") -> None:
        self._client = client

    def counted(self, execution: str) -> RunCounts | None:
        """A failed child counts with all of its items, so of those listed rather too many have failed than too few."""
        runs = self._client.list_map_runs(executionArn=execution)["mapRuns"]
        if not runs:
            return None
        items = self._client.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
        if left := items["pending"] + items["running"]:
            raise NotCountedError(f"{left} objects of {execution} have not ended")
        return RunCounts(items["total"], items["succeeded"])

    def ended_as(self, execution: str) -> str:
        """Step Functions forgets an execution 90 days after its end."""
        try:
            status: str = self._client.describe_execution(executionArn=execution)["status"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return "not known to Step Functions any more"
        return "" if status == "RUNNING" else status
