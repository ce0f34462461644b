"""The command in an event of the runbook function: of the command line, Automation, ARC Region switch, or by hand."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from kms_failover.domain.event_fields import json_object, problem_in
from kms_failover.domain.runbook.commands import Command
from kms_failover.errors import EventFormatError

REGION_SWITCH = frozenset({"PlanArn", "ExecutionId", "StepName"})  # with InvokedBy: added to every payload (facts 8.6)
REGION_SWITCH_NEEDS = (
    "give the plan's step, for each of its two functions, a payload such as "
    '{"Action": "failover", "KeySet": "orders", "Region": "us-west-2"}'
)


def runbook_request(event: object) -> Command:
    """The command; a Region switch's plan and execution are its author and reason, unless the step names others.

    Raises:
        EventFormatError: there is none; the message names the field.
    """
    given = json_object(event, "a command")
    of_plan = given.keys() >= REGION_SWITCH
    try:
        return Command.model_validate((_evidence(given) if of_plan else {}) | dict(given))
    except ValidationError as error:
        needed = f"; {REGION_SWITCH_NEEDS}" if of_plan else ""
        raise EventFormatError(f"{problem_in(error)}{needed}") from error


def _evidence(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Author": given["PlanArn"],
        "Reason": f"execution {given['ExecutionId']}, step {given['StepName']}",
    }


def wants_refusals_answered(event: object) -> bool:
    """Whether the caller has said that it looks for `Error` in the answer. All others look at success alone."""
    said = event.get("FailIfRefused") if isinstance(event, Mapping) else None
    return said is False or said == "false"
