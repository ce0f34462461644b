"""Starts the work of the reimport and sweep functions on behalf of a runbook."""

import json
from typing import TYPE_CHECKING, Any, NoReturn

from kms_failover.domain.naming import Place
from kms_failover.errors import KmsFailoverError, WorkFailedError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_stepfunctions import SFNClient

OF_LAMBDA = ("Sandbox.", "Runtime.", "Extension.")  # kinds of errors of a function that ended and did not answer


class LambdaStarter:
    PATIENCE_SECONDS = 110  # the reimport function's own time-out is shorter; the runbook's is longer

    def __init__(self, functions: "LambdaClient", machines: "SFNClient", place: Place) -> None:
        self._functions = functions
        self._machines = machines
        self._place = place

    def reimport(self, key_set: str) -> dict[str, Any]:
        """Import now, whatever the schedule says, and wait for the answer. WorkFailedError where that is an error."""
        return {"Reimport": self._invoke("reimport", {"key_set": key_set, "force": True})}

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, Any]:
        """Queue the debt, and start a backfill of each bucket: it goes on when this has answered.

        WorkFailedError where the debt could not be queued: then no backfill is started.
        """
        debt = self._invoke("sweep", {"key_set": key_set})
        started = [
            self._machines.start_execution(stateMachineArn=self._place.backfill, input=json.dumps({"bucket": bucket}))[
                "executionArn"
            ]
            for bucket in buckets
        ]
        return {"Debt": debt, "Backfills": started}

    def _invoke(self, role: str, payload: dict[str, Any]) -> Any:
        name = self._place.deployment.function(role)
        answer = self._functions.invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        body = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            _fail(name, body if isinstance(body, dict) else {})
        return body


def _fail(name: str, body: dict[str, Any]) -> NoReturn:
    """A function that raised has answered; of one that ran out of time or memory nobody knows what it had done."""
    kind, said = str(body.get("errorType", "")), str(body.get("errorMessage", ""))
    if not kind or kind.startswith(OF_LAMBDA):
        raise KmsFailoverError(f"{name} ended before it answered: {kind or 'no error'}: {said}")
    raise WorkFailedError(f"{name} failed: {kind}: {said}")
