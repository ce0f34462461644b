"""What a runbook starts: the right function with the right payload, and its failure told as it was."""

import io
import json
from typing import Any

import pytest

from kms_failover.adapters.starter import LambdaStarter
from kms_failover.domain.naming import Place
from kms_failover.errors import KmsFailoverError

PLACE = Place.of_function("arn:aws:lambda:us-west-2:111122223333:function:prod-runbook")


class Cloud:
    """Lambda and Step Functions in one."""

    def __init__(self, answer: Any = None, error: str | None = None) -> None:
        self.answer = answer
        self.error = error
        self.invoked: list[tuple[str, Any]] = []
        self.started: list[tuple[str, Any]] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.invoked.append((request["FunctionName"], json.loads(request["Payload"])))
        failure = {"FunctionError": self.error} if self.error else {}
        payload = b"" if self.answer is None else json.dumps(self.answer).encode()
        return {"Payload": io.BytesIO(payload)} | failure

    def start_execution(self, **request: Any) -> dict[str, Any]:
        self.started.append((request["stateMachineArn"], json.loads(request["input"])))
        return {"executionArn": f"execution-{len(self.started)}"}


def starter(cloud: Any) -> LambdaStarter:
    return LambdaStarter(cloud, cloud, PLACE)


def test_a_reimport_is_forced_and_answered() -> None:
    cloud = Cloud([{"action": "renew"}])

    answer = starter(cloud).reimport("orders")

    assert cloud.invoked == [("prod-reimport", {"key_set": "orders", "force": True})]
    assert answer == {"Reimport": [{"action": "renew"}]}


def test_a_sweep_queues_the_debt_and_starts_a_backfill_of_each_bucket() -> None:
    cloud = Cloud({"queued": 3})

    answer = starter(cloud).sweep("orders", ("one", "two"))

    assert cloud.invoked == [("prod-sweep", {"key_set": "orders"})]
    machine = "arn:aws:states:us-west-2:111122223333:stateMachine:prod-backfill"
    assert cloud.started == [(machine, {"bucket": "one"}), (machine, {"bucket": "two"})]
    assert answer == {"Debt": {"queued": 3}, "Backfills": ["execution-1", "execution-2"]}


def test_without_buckets_no_backfill_is_started() -> None:
    cloud = Cloud()

    answer = starter(cloud).sweep("orders", ())

    assert (cloud.started, answer["Backfills"]) == ([], [])


def test_a_function_that_fails_is_named_with_its_error() -> None:
    failed = Cloud({"errorType": "SentinelError", "errorMessage": "it did not open"}, error="Unhandled")

    with pytest.raises(KmsFailoverError, match="prod-reimport failed: SentinelError: it did not open"):
        starter(failed).reimport("orders")
