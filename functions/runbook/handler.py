"""The operator's commands: from SSM Automation, ARC Region switch, the CLI or a plain Invoke.

Who may order a failover: whoever IAM lets invoke this function. The stack itself allows nobody.
"""

from typing import Any

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.runbook.commands import CHANGES_INTENT, ActionName, Command, Runbook
from kms_failover.domain.runbook.request import runbook_request, wants_refusals_answered
from kms_failover.errors import (
    CommandRefusedError,
    EventFormatError,
    IntentRefusedError,
    UnknownKeySetError,
    UnreadableItemError,
)

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """A refused command is raised, or with `FailIfRefused: false` answered with `Error`; what else fails is raised."""
    try:
        command = runbook_request(event)
    except EventFormatError as error:
        return _refused(event, "ValidationException", str(error))
    runbook = bootstrap.runbook(context)
    try:
        answer = runbook.execute(command)
    except UnknownKeySetError as error:
        return _refused(event, "UnknownKeySet", str(error))
    except UnreadableItemError as error:
        return _refused(event, "ItemUnreadable", str(error))
    except IntentRefusedError as error:
        return _refused(event, "IntentRefused", str(error))
    if command.action in CHANGES_INTENT:
        logger.info("intent written", extra=command.model_dump(mode="json", by_alias=True))
        if warning := answer.get("Warning"):
            logger.warning(warning)
        return _status(runbook, command) | answer
    return answer


def _status(runbook: Runbook, order: Command) -> dict[str, Any]:
    """The order is given, whatever else cannot be shown: an outage makes reading slow, or fail."""
    try:
        return runbook.execute(order.but(action=ActionName.STATUS))
    except Exception as error:
        logger.exception("the status cannot be shown")
        return {"StatusError": f"{type(error).__name__}: {error}"}


def _refused(event: object, code: str, message: str) -> dict[str, Any]:
    logger.warning("command refused", code=code, reason=message)
    if wants_refusals_answered(event):
        return {"Error": {"Code": code, "Message": message}}
    raise CommandRefusedError(f"{code}: {message}")
