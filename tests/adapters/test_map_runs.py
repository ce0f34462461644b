"""What Step Functions says of a map run; its answers are those of its own model."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from kms_failover.adapters.map_runs import StepFunctionsMapRuns
from kms_failover.domain.objects.backfill import RunCounts
from kms_failover.errors import NotCountedError
from tests.domain.strategies import NOON

EXECUTION = "arn:aws:states:eu-west-1:111122223333:execution:prod-backfill:1"
RUN = "arn:aws:states:eu-west-1:111122223333:mapRun:prod-backfill/EveryObject:1"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client: Any = boto3.client("stepfunctions", region_name="eu-west-1")
    with Stubber(client) as stub:
        yield stub


def answer(stub: Stubber, **counts: int) -> StepFunctionsMapRuns:
    run = {"executionArn": EXECUTION, "mapRunArn": RUN, "stateMachineArn": RUN, "startDate": NOON}
    stub.add_response("list_map_runs", {"mapRuns": [run]}, {"executionArn": EXECUTION})
    none = dict.fromkeys(
        ("pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten"), 0
    )
    described: dict[str, Any] = {
        "mapRunArn": RUN,
        "executionArn": EXECUTION,
        "status": "SUCCEEDED",
        "startDate": NOON,
        "maxConcurrency": 8,
        "toleratedFailurePercentage": 100.0,
        "toleratedFailureCount": 0,
        "itemCounts": none | counts,
        "executionCounts": none,
    }
    stub.add_response("describe_map_run", described, {"mapRunArn": RUN})
    return runs_of(stub)


def runs_of(stub: Stubber) -> StepFunctionsMapRuns:
    client: Any = stub.client
    return StepFunctionsMapRuns(client)


def test_objects_are_counted_whatever_became_of_them(stub: Stubber) -> None:
    runs = answer(stub, total=7, succeeded=4, failed=1, timedOut=1, aborted=1)

    assert runs.counted(EXECUTION) == RunCounts(listed=7, succeeded=4)


@pytest.mark.parametrize("unsettled", ["pending", "running"])
def test_counts_that_may_still_change_are_not_believed(stub: Stubber, unsettled: str) -> None:
    runs = answer(stub, **{"total": 7, "succeeded": 6, unsettled: 1})

    with pytest.raises(NotCountedError):
        runs.counted(EXECUTION)


@pytest.mark.parametrize(
    ("status", "ended"), [("RUNNING", ""), ("PENDING_REDRIVE", "PENDING_REDRIVE"), ("ABORTED", "ABORTED")]
)
def test_an_execution_is_going_on_or_has_ended_somehow(stub: Stubber, status: Any, ended: str) -> None:
    described: Any = {"executionArn": EXECUTION, "stateMachineArn": RUN, "status": status, "startDate": NOON}
    stub.add_response("describe_execution", described, {"executionArn": EXECUTION})

    assert runs_of(stub).ended_as(EXECUTION) == ended


def test_an_execution_that_nobody_knows_any_more_has_ended(stub: Stubber) -> None:
    stub.add_client_error("describe_execution", "ExecutionDoesNotExist")

    assert runs_of(stub).ended_as(EXECUTION) == "not known to Step Functions any more"


def test_an_execution_of_which_step_functions_does_not_tell_is_an_error(stub: Stubber) -> None:
    stub.add_client_error("describe_execution", "ThrottlingException")

    with pytest.raises(ClientError):
        runs_of(stub).ended_as(EXECUTION)


def test_an_execution_that_never_listed_anything_has_no_counts(stub: Stubber) -> None:
    stub.add_response("list_map_runs", {"mapRuns": []}, {"executionArn": EXECUTION})

    assert runs_of(stub).counted(EXECUTION) is None
