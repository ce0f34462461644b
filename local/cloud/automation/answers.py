"""What the Automation calls answer, in the shapes of botocore's model: an execution, its metadata and its steps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .execution import AutomationExecution, StepExecution
from .values import ABSENT, as_texts

type Answer = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """What StartAutomationExecution was asked for, and by whom."""

    execution_id: str
    document_name: str
    document_version: str
    executed_by: str
    request: Mapping[str, Any] = field(default_factory=dict)  # as it came

    @property
    def parameters(self) -> dict[str, list[str]]:
        return dict(self.request.get("Parameters", {}))


def execution_answer(order: Order, execution: AutomationExecution) -> Answer:
    with execution.lock:
        shown = _shared(order, execution)
        steps = [step_answer(one) for one in execution.steps]
        return shown | {"StepExecutions": steps, "StepExecutionsTruncated": False, "Parameters": order.parameters}


def metadata_answer(order: Order, execution: AutomationExecution) -> Answer:
    with execution.lock:
        return _shared(order, execution) | {"LogFile": "", "AutomationType": "Local"}


def step_answer(shown: StepExecution) -> Answer:
    """Inputs are JSON, outputs are lists of texts, as in AWS's samples [AWS docs: CLI, get-automation-execution]."""
    step = shown.step
    known = {
        "StepName": step.name,
        "Action": step.action,
        "StepExecutionId": shown.execution_id,
        "StepStatus": shown.status,
        "TimeoutSeconds": step.timeout_seconds,
        "OnFailure": step.on_failure,
        "MaxAttempts": step.max_attempts,
        "IsEnd": step.is_end,
        "IsCritical": step.is_critical,
        "Inputs": {name: json.dumps(value, default=str) for name, value in shown.inputs.items()},
        "Outputs": {name: as_texts(value) for name, value in shown.outputs.items()},
        "OverriddenParameters": {},
    }
    if step.next_step:
        known["NextStep"] = step.next_step
    return known | _times(shown.started, shown.ended) | _failure(shown.failure_message)


def _shared(order: Order, execution: AutomationExecution) -> Answer:
    known = {
        "AutomationExecutionId": order.execution_id,
        "DocumentName": order.document_name,
        "DocumentVersion": order.document_version,
        "AutomationExecutionStatus": execution.status,
        "ExecutedBy": order.executed_by,
        "Mode": "Auto",
        "Outputs": {name: as_texts(execution.outputs.get(name, ABSENT)) for name in execution.runbook.outputs},
        "Targets": [],
        "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
    }
    if execution.current is not None:
        known |= {"CurrentStepName": execution.current.step.name, "CurrentAction": execution.current.step.action}
    return known | _times(execution.started, execution.ended) | _failure(execution.failure_message)


def _times(started: datetime | None, ended: datetime | None) -> Answer:
    times = {"ExecutionStartTime": started, "ExecutionEndTime": ended}
    return {name: time.timestamp() for name, time in times.items() if time is not None}


def _failure(message: str) -> Answer:
    return {"FailureMessage": message} if message else {}
