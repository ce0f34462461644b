"""Runs an Automation document step by step, as AWS documents it [AWS docs: automation-actions]."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .actions import ACTIONS, CHOSEN, ActionRun, Latitude
from .document import Step
from .execution import AutomationExecution, StepExecution
from .surroundings import ActionCancelledError, ActionFailedError, ActionTimeoutError, Control, Services
from .values import ABSENT, ConversionError, converted, resolved, selected

LONGEST_RUN_STEPS = 1000  # a document may lead back to a step; AWS's own bound is not documented
GUIDE = "Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
ENDS = {"Failed": "fails when it is", "TimedOut": "timed out while step is"}


@dataclass(frozen=True)
class Interpreter:
    services: Services
    control: Control
    latitude: Latitude

    def run(self, execution: AutomationExecution) -> None:
        """To its end: nothing that a step does is raised."""
        step: Step | None = execution.runbook.steps[0]
        status = "Success"
        for _ in itertools.repeat(None, LONGEST_RUN_STEPS):
            if step is None:
                break
            shown = execution.begin(step, self.control.now())
            following = self._run_step(execution, shown)
            status = _status_after(status, shown)
            if shown.status in ENDS and shown.status == status and not execution.failure_message:
                execution.failure_message = shown.failure_message
            step = None if step.is_end else following
        else:
            status, execution.failure_message = "Failed", f"more than {LONGEST_RUN_STEPS} steps were run. {GUIDE}"
        execution.end(status, self.control.now())

    def _run_step(self, execution: AutomationExecution, shown: StepExecution) -> Step | None:
        """The step that follows."""
        step = shown.step
        status, outputs = self._attempts(execution, shown)
        named = outputs.pop(CHOSEN, None)
        execution.end_step(shown, status, self.control.now(), outputs)
        following = execution.runbook.step_after(step)
        if status == "Success":
            return execution.runbook.step_named(named) if named else following
        if status == "Cancelled":
            self.control.accept_cancellation()
        way = step.on_cancel if status == "Cancelled" else step.on_failure
        if way.startswith("step:"):
            return execution.runbook.step_named(way.removeprefix("step:"))
        return following if way == "Continue" else None

    def _attempts(self, execution: AutomationExecution, shown: StepExecution) -> tuple[str, dict[str, Any]]:
        """The step's status and outputs, after as many tries as it may have."""
        for left in reversed(range(shown.step.max_attempts)):
            try:
                return "Success", self._try(execution, shown)
            except ActionCancelledError:
                return "Cancelled", {}
            except ActionFailedError as error:
                if left == 0:
                    status = "TimedOut" if isinstance(error, ActionTimeoutError) else "Failed"
                    shown.failure_message = f"Step {ENDS[status]} {error.phase}. {error}. {GUIDE}"
                    return status, dict(error.outputs)
        raise AssertionError("a step has at least one try")

    def _try(self, execution: AutomationExecution, shown: StepExecution) -> dict[str, Any]:
        if self.control.is_cancelled():
            raise ActionCancelledError
        step = shown.step
        shown.inputs = resolved(step.inputs, execution.outputs, self._absent)
        deadline = self.control.now() + timedelta(seconds=step.timeout_seconds)
        run = ActionRun(self.services, self.control, self.latitude, deadline, execution.wait)
        try:
            made = ACTIONS[step.action](shown.inputs, run)
        except (KeyError, TypeError, ValueError) as error:
            raise ActionFailedError(f"the inputs cannot be used: {error!r}") from error
        custom = self._custom_outputs(step, made)
        return custom if step.action == "aws:executeAwsApi" else made | custom

    def _custom_outputs(self, step: Step, made: Mapping[str, Any]) -> dict[str, Any]:
        """An output that selects nothing is not made, as in AWS's own sample [AWS docs: automation-actions]."""
        outputs = {}
        for output in step.outputs:
            if (value := selected(made, output["Selector"])) is not None:
                try:
                    outputs[output["Name"]] = converted(value, output.get("Type", "String"))
                except ConversionError as error:
                    raise ActionFailedError(f"output {output['Name']}: {error}") from error
            elif self.latitude.absent_output_fails:
                raise ActionFailedError(f"{output['Selector']} selects nothing")
        return outputs

    def _absent(self, name: str) -> Any:
        if self.latitude.absent_output_fails:
            raise ActionFailedError(f"there is no {name}")
        return ABSENT


def _status_after(before: str, shown: StepExecution) -> str:
    """The first step that is critical and does not succeed decides; a cancelled one always does."""
    if before != "Success" or shown.status == "Success":
        return before
    return shown.status if shown.step.is_critical or shown.status == "Cancelled" else before
