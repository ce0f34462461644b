"""An account's concurrency bounds its functions in each Region, besides their own reserved concurrency.

A function with reserved concurrency has that much and no more; all others share what the account has left of its own
[AWS docs: lambda-concurrency]. ministack 1.5.33 counts all functions of all Regions together, against a figure that it
takes from the machine's memory: that one stays, for it saves the machine.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, lambda_svc, stepfunctions

from local.cloud.account_limits import REGISTER

ACCOUNT = "account"  # ministack's word for whose limit it was
RETRY_AFTER_SECONDS = 1


def unreserved_concurrency(account_limit: int) -> int:
    """What the functions without reserved concurrency may use together, in the Region of the request."""
    reserved = (lambda_svc._reserved_concurrency(one, {}) for one in lambda_svc._functions.values())
    return account_limit - sum(each or 0 for each in reserved)


def unreserved_in_use() -> int:
    scope = f"{get_account_id()}:{get_region()}:"
    _, in_flight = lambda_svc.executions_in_flight()
    return sum(
        running
        for key, running in in_flight.items()
        if key.startswith(scope) and lambda_svc._reserved_concurrency(_function(key.removeprefix(scope)), {}) is None
    )


def _function(name: str) -> Any:
    return lambda_svc._functions.get(name) or {}


def _throttled(reason_code: str, msg: str, retry_after: int = RETRY_AFTER_SECONDS) -> dict[str, Any]:
    """As ministack's, in AWS's words: the reason is a field, and the header says when to come again.

    [botocore lambda:TooManyRequestsException] UNCONFIRMED: what AWS writes into Retry-After.
    """
    del msg
    body = {
        "__type": "TooManyRequestsException",
        "Type": "User",
        "Reason": reason_code,
        "message": "Rate Exceeded.",
        "retryAfterSeconds": str(retry_after),
    }
    return {"throttle": True, "body": body, "error": True, "log": ""}


def _named_in_states(error: str, cause: str) -> tuple[str, str]:
    """A throttled task of a state machine fails as Lambda.TooManyRequestsException, which `Retry` can name.

    [AWS docs: bp-lambda-serviceexception] ministack calls it Lambda.Unknown.
    """
    if error == "Lambda.Unknown" and cause.startswith("{"):
        content = json.loads(cause)
        if content.get("__type") == "TooManyRequestsException":
            return "Lambda.TooManyRequestsException", content["message"]
    return error, cause


def _emit_once(emit: Callable[..., None]) -> Callable[..., None]:
    """A throttled try counts as that and never as an invocation; an event counts when it is tried, not when it comes.

    [AWS docs: monitoring-metrics-types] ministack counts a throttled call as two invocations with one error, and an
    event as an invocation without one.
    """

    def emit_metrics(name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: FBT001 - ministack's
        if not throttle and duration_ms > 0:
            emit(name, duration_ms, error, throttle)
        elif throttle and not error:
            cloudwatch.record_metric("AWS/Lambda", "Throttles", 1, "Count", {"FunctionName": name})

    return emit_metrics


def install() -> None:
    """Functions are replaced, for ministack has no register: their callers look them up."""
    acquire, call, lock = lambda_svc._acquire_execution_slot, stepfunctions._call_lambda, threading.Lock()

    def acquire_execution_slot(function: Any, config: Any) -> Any:
        with lock:  # a slot that is given back in between only leaves more
            limit = REGISTER.now.concurrent_executions
            is_unreserved = lambda_svc._reserved_concurrency(function, config) is None
            if limit is not None and is_unreserved and unreserved_in_use() >= unreserved_concurrency(limit):
                return None, ACCOUNT
            return acquire(function, config)

    def call_lambda(reference: Any, event: Any) -> Any:
        try:
            return call(reference, event)
        except stepfunctions._ExecutionError as error:
            raise stepfunctions._ExecutionError(*_named_in_states(error.error, error.cause)) from error

    lambda_svc._acquire_execution_slot = acquire_execution_slot
    lambda_svc._throttle_response = _throttled
    lambda_svc._emit_lambda_metrics = _emit_once(lambda_svc._emit_lambda_metrics)
    stepfunctions._call_lambda = call_lambda
