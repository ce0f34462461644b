"""The runbook's commands: each asks one region's runbook function, and says what is certain if no answer comes."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.aws_config import aws_config
from kms_failover.adapters.sent_requests import SentRequests
from kms_failover.domain.naming import Deployment
from kms_failover.domain.runbook.commands import CHANGES_INTENT, ActionName
from kms_failover.errors import CommandRefusedError, NotBegunError, WorkFailedError
from kms_failover_command.outcome import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    CommandError,
    explained,
    local_author,
)
from kms_failover_command.terminal import notice

CONNECT_SECONDS = 10  # from wherever the operator is
RUNBOOK_SECONDS = 130  # longer than the function's own time-out
READS = frozenset({ActionName.STATUS})
NOT_BEGUN = frozenset(  # errors of the function after which nothing can have been done: ours, and those of Lambda's
    {  # runtime for Python before it calls the handler (awslambdaric, FaultException)
        NotBegunError.__name__,
        "Runtime.BuiltInModuleConflict",
        "Runtime.HandlerNotFound",
        "Runtime.ImportModuleError",
        "Runtime.LambdaContextUnmarshalError",
        "Runtime.MalformedHandlerName",
        "Runtime.UnmarshalError",
        "Runtime.UserCodeSyntaxError",
    }
)


@dataclass(frozen=True)
class Order:
    """What an operator asks of one region's runbook function."""

    action: ActionName
    key_set: str
    region: str
    deployment: str
    reason: str = ""
    author: str | None = None  # the local user
    minutes: int | None = None
    to: str | None = None
    insist: bool = False


def order(given: Order) -> dict[str, Any]:
    """The function's answer.

    Raises:
        CommandError: refused, not sent, failed, or nobody knows what became of it.
    """
    payload = json.dumps(payload_of(given)).encode()
    sent = SentRequests()
    name = Deployment(given.deployment).function("runbook")
    try:
        functions = _client(given.region)
        sent.watch(functions, "Invoke")
        with notice(f"waiting for {name} in {given.region}, {RUNBOOK_SECONDS} s at most; Ctrl-C gives up"):
            answer = functions.invoke(FunctionName=name, Payload=payload)
            body = answer["Payload"].read()
    except KeyboardInterrupt as error:
        raise CommandError("Interrupted", _interrupted(given, sent, error), EXIT_INTERRUPTED) from error
    except (ClientError, BotoCoreError, ValueError) as error:  # ValueError: an endpoint URL that is none
        raise CommandError(type(error).__name__, _failed(given, sent, error), EXIT_FAILED) from error
    return _body(given, body, failed="FunctionError" in answer)


def payload_of(given: Order) -> dict[str, Any]:
    """What the runbook function is invoked with."""
    payload = {"Action": given.action, "KeySet": given.key_set, "FailIfRefused": False}
    if given.action in CHANGES_INTENT:
        payload |= {"Reason": given.reason, "Author": given.author or local_author()}
    if given.action in CHANGES_INTENT - {ActionName.RELEASE}:
        payload |= {"ExpiresInMinutes": given.minutes}
    if given.action == ActionName.FAILOVER:
        payload |= {"Region": given.to}
    if given.action in {ActionName.FAILOVER, ActionName.FAILBACK}:
        payload |= {"Insist": given.insist}
    return payload


def _client(region: str) -> Any:
    once = aws_config(CONNECT_SECONDS, attempts=1, read_seconds=RUNBOOK_SECONDS)  # an order is given once
    return boto3.client("lambda", region_name=region, config=once)


def _body(given: Order, raw: bytes, *, failed: bool) -> dict[str, Any]:
    name = Deployment(given.deployment).function("runbook")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):  # the last: brackets in brackets in brackets
        body = None
    if not isinstance(body, dict):
        raise CommandError("NoAnswer", f"{name} answered no JSON object: {_unknown(given)}", EXIT_FAILED)
    if failed:
        raise _function_error(given, name, body)
    if given.action in CHANGES_INTENT and not body.keys() & {"Intent", "Error"}:
        raise CommandError("NoAnswer", f"{name} did not say what became of it: {_unknown(given)}", EXIT_FAILED)
    return body


def _function_error(given: Order, name: str, body: dict[str, Any]) -> CommandError:
    """By the kind of the error. Out of time or of memory, the function may have done it before it ended."""
    kind, said = str(body.get("errorType", "")), str(body.get("errorMessage", ""))
    if kind == CommandRefusedError.__name__:
        return CommandError(kind, said, EXIT_REFUSED)
    if kind == WorkFailedError.__name__:
        return CommandError(kind, said, EXIT_FAILED)
    why = ": ".join(filter(None, (kind, said)))
    if kind in NOT_BEGUN:
        return CommandError("FunctionError", f"{name} failed ({why}): {_nothing(given)}", EXIT_FAILED)
    return CommandError("FunctionError", f"{name} failed before it answered ({why}): {_unknown(given)}", EXIT_FAILED)


def _failed(given: Order, sent: SentRequests, error: Exception) -> str:
    """Why it failed, and what became of the order."""
    why = explained(error, given.deployment, given.region)
    if given.action in READS:
        return f"{why}. Ask again, or another region" if sent.may_have_arrived(error) else why
    if sent.may_have_arrived(error):
        return f"{why}. It was sent and not answered: {_unknown(given)}"
    became = "AWS refused it" if isinstance(error, ClientError) else "Nothing was sent"
    return f"{why}. {became}: {_nothing(given)}"


def _interrupted(given: Order, sent: SentRequests, error: BaseException) -> str:
    if given.action in READS:
        return "interrupted"
    if sent.may_have_arrived(error):
        return f"interrupted. It was sent and not answered: {_unknown(given)}"
    return f"interrupted before anything was sent: {_nothing(given)}"


def _nothing(given: Order) -> str:
    if given.action in READS:
        return "ask again"
    return "no order was given" if given.action in CHANGES_INTENT else "nothing has begun"


def _unknown(given: Order) -> str:
    if given.action in CHANGES_INTENT:
        return (
            "the order may have been given, or not: look at the status, in another region if this one does not answer"
        )
    return "ask again" if given.action in READS else "it may have begun, and then it goes on"
