"""The operator's commands: from SSM Automation, ARC Region switch, the CLI or a plain Invoke."""

from typing import Any

from aws_lambda_powertools import Logger
from pydantic import ValidationError

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.operating import CHANGES_INTENT, ActionName, Command, Runbook
from kms_failover.errors import CommandRefusedError, IntentRefusedError, UnknownKeySetError

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A refused command is answered with `Error`, or raised with `FailIfRefused`; what else fails is raised."""
    try:
        command = Command.model_validate(event)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        return _refused(event, "ValidationException", f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
    runbook = bootstrap.runbook(context)
    try:
        answer = runbook.execute(command)
    except UnknownKeySetError as error:
        return _refused(event, "UnknownKeySet", str(error))
    except IntentRefusedError as error:
        return _refused(event, "IntentRefused", str(error))
    if command.Action in CHANGES_INTENT:
        logger.info("intent written", extra=command.model_dump(mode="json"))
        return _status(runbook, command) | answer
    return answer


def _status(runbook: Runbook, order: Command) -> dict[str, Any]:
    """The order is given, whatever else cannot be shown: an outage makes reading slow, or fail."""
    try:
        return runbook.execute(order.model_copy(update={"Action": ActionName.STATUS}))
    except Exception as error:
        logger.exception("the status cannot be shown")
        return {"StatusError": f"{type(error).__name__}: {error}"}


def _refused(event: Any, code: str, message: str) -> dict[str, Any]:
    logger.warning("command refused", code=code, reason=message)
    if isinstance(event, dict) and event.get("FailIfRefused") in {True, "true"}:
        raise CommandRefusedError(f"{code}: {message}")
    return {"Error": {"Code": code, "Message": message}}
