"""Step 8: the stack's Automation document gives orders for whoever may invoke the runbook, and for nobody else."""

import json
import uuid
from typing import Any

from proofs.drill.checks import naming
from proofs.drill.context import Drill
from proofs.drill.places import DEPLOYMENT, KEY_SET, OTHER, REGIONS
from proofs.drill.waiting import poll

DOCUMENT = f"{DEPLOYMENT}-runbook"
ENDED_SECONDS = 60.0
SHOWN_SECONDS = 60.0  # the order is an item of the global table
TO_START = ("ssm:StartAutomationExecution", "ssm:GetAutomationExecution")
OVER = ("Success", "Failed", "TimedOut", "Cancelled")
EVIDENCE = {"Reason": ["drill: an order by Systems Manager"], "Author": ["drill"]}


def run(drill: Drill) -> None:
    _without_permission(drill)
    operator = _user(drill, *TO_START, "lambda:InvokeFunction")
    unknown = _execute(drill, operator, Action=["hold"], KeySet=["nobodys"])
    drill.checks.add("a refused order shows as", expected="Failed", observed=unknown["AutomationExecutionStatus"])
    drill.checks.add(
        "the refusal says why", expected=naming("UnknownKeySet", "nobodys"), observed=unknown.get("FailureMessage")
    )
    for action, mode in (("hold", "hold"), ("release", "automatic")):
        given = _execute(drill, operator, Action=[action], KeySet=[KEY_SET])
        drill.checks.add(
            f"{action} by start-automation-execution", expected="Success", observed=given["AutomationExecutionStatus"]
        )
        _shown_in_both_regions(drill, action, mode)


def _without_permission(drill: Drill) -> None:
    """The document has no role of its own: it may do what the one may who starts it."""
    stranger = _user(drill, *TO_START)
    refused = _execute(drill, stranger, Action=["hold"], KeySet=[KEY_SET])
    drill.checks.add(
        "a user who may not invoke the runbook orders nothing",
        expected="Failed",
        observed=refused["AutomationExecutionStatus"],
    )
    drill.checks.add(
        "the execution says what is not permitted",
        expected=naming("not authorized to perform: lambda:InvokeFunction"),
        observed=refused.get("FailureMessage"),
    )


def _user(drill: Drill, *actions: str) -> Any:
    """A client of Systems Manager with the key of a new user who may do so much."""
    iam, name = drill.aws.client("iam", OTHER), f"drill-{uuid.uuid4().hex[:8]}"
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="drill",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return drill.aws.user_client("ssm", OTHER, iam.create_access_key(UserName=name)["AccessKey"])


def _execute(drill: Drill, ssm: Any, **parameters: list[str]) -> dict[str, Any]:
    """As an operator types it: start-automation-execution, then get-automation-execution until it has ended."""
    started = ssm.start_automation_execution(DocumentName=DOCUMENT, Parameters=parameters | EVIDENCE)
    execution_id = started["AutomationExecutionId"]

    def execution() -> dict[str, Any]:
        found: dict[str, Any] = ssm.get_automation_execution(AutomationExecutionId=execution_id)["AutomationExecution"]
        return found

    poll(
        drill.progress,
        "the execution to end",
        lambda: str(execution()["AutomationExecutionStatus"]),
        lambda status: status in OVER,
        deadline_seconds=ENDED_SECONDS,
    )
    return execution()


def _shown_in_both_regions(drill: Drill, action: str, mode: str) -> None:
    expected = dict.fromkeys(REGIONS, mode)
    seen = poll(
        drill.progress,
        f"both regions to show the {action}",
        lambda: {region: drill.aws.runbook("status", region)["Intent"]["mode"] for region in REGIONS},
        lambda modes: modes == expected,
        deadline_seconds=SHOWN_SECONDS,
    )
    drill.checks.add(f"both regions show the {action}", expected=expected, observed=seen)
