"""An Automation document: its steps, and what of it AWS, or we, would not run.

[AWS docs: automation-actions, "Properties shared by all actions", and the page of each action]
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from .branch import branch_operations, branch_targets
from .values import is_selector, references

SCHEMA_VERSION = "0.3"
DAY_SECONDS = 86_400
# the time-out of a step that names none, and the longest that it may name
DEFAULT_SECONDS = {
    "aws:invokeLambdaFunction": 300,
    "aws:executeScript": 600,
    "aws:executeAwsApi": 25,
    "aws:waitForAwsResourceProperty": 3600,
    "aws:assertAwsResourceProperty": 25,  # one call, as executeAwsApi: UNCONFIRMED
    "aws:sleep": 7 * DAY_SECONDS,
    "aws:approve": 7 * DAY_SECONDS,
    "aws:pause": 30 * DAY_SECONDS,  # UNCONFIRMED
    "aws:branch": 60,  # UNCONFIRMED, and never needed
}
LONGEST_SECONDS = DEFAULT_SECONDS | {"aws:approve": 30 * DAY_SECONDS, "aws:waitForAwsResourceProperty": 7 * DAY_SECONDS}
RUNTIMES = frozenset({"python3.8", "python3.9", "python3.10", "python3.11"})
OUTPUT_TYPES = frozenset({"String", "Integer", "Boolean", "StringList", "StringMap", "MapList"})
NEEDED_INPUTS = {
    "aws:invokeLambdaFunction": {"FunctionName"},
    "aws:executeScript": {"Runtime", "Handler", "Script"},
    "aws:executeAwsApi": {"Service", "Api"},
    "aws:waitForAwsResourceProperty": {"Service", "Api", "PropertySelector", "DesiredValues"},
    "aws:assertAwsResourceProperty": {"Service", "Api", "PropertySelector", "DesiredValues"},
    "aws:approve": {"Approvers"},
    "aws:branch": {"Choices"},
}
FIELDS = frozenset(
    {
        *("name", "action", "description", "inputs", "outputs", "maxAttempts", "timeoutSeconds"),
        *("onFailure", "onCancel", "isEnd", "isCritical", "nextStep"),
    }
)
FACTS = ("global:ACCOUNT_ID", "global:AWS_PARTITION", "global:DATE", "global:DATE_TIME", "global:REGION")
SYSTEM_VARIABLES = frozenset({*FACTS, "automation:EXECUTION_ID"})  # [AWS docs: automation-variables]


class DocumentError(ValueError):
    """AWS would refuse the document, or the local cloud does not offer what is in it."""


@dataclass(frozen=True)
class Step:
    name: str
    action: str
    inputs: Mapping[str, Any]
    timeout_seconds: int
    outputs: tuple[Mapping[str, str], ...] = ()
    max_attempts: int = 1
    on_failure: str = "Abort"
    on_cancel: str = "Abort"
    is_end: bool = False
    is_critical: bool = True
    next_step: str | None = None


@dataclass(frozen=True)
class Runbook:
    """The document as it can be run."""

    steps: tuple[Step, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    assume_role: str = ""

    def step_named(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def step_after(self, step: Step) -> Step | None:
        if step.next_step:
            return self.step_named(step.next_step)
        following = self.steps.index(step) + 1
        return self.steps[following] if following < len(self.steps) else None


def parse_runbook(document: Mapping[str, Any]) -> Runbook:
    """Raises DocumentError."""
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise DocumentError(f"an Automation document has schemaVersion {SCHEMA_VERSION}")
    steps = tuple(map(_step, document.get("mainSteps") or ()))
    if not steps:
        raise DocumentError("a document has mainSteps")
    runbook = Runbook(
        steps, document.get("parameters") or {}, tuple(document.get("outputs") or ()), document.get("assumeRole") or ""
    )
    _check_names(runbook)
    _check_references(runbook)
    return runbook


def _step(content: Mapping[str, Any]) -> Step:
    name, action, inputs = content.get("name", ""), content.get("action", ""), content.get("inputs") or {}
    if unknown := content.keys() - FIELDS:
        raise DocumentError(f"step {name}: fields that are not known here: {sorted(unknown)}")
    if action not in DEFAULT_SECONDS:
        raise DocumentError(f"step {name}: {action} is not offered here")
    on_failure = content.get("onFailure", "Abort")
    step = Step(
        name,
        action,
        inputs,
        timeout_seconds=int(content.get("timeoutSeconds", DEFAULT_SECONDS[action])),
        outputs=tuple(content.get("outputs") or ()),
        max_attempts=int(content.get("maxAttempts", 1)),
        on_failure=on_failure,
        on_cancel=content.get("onCancel", "Abort"),
        is_end=_boolean(content.get("isEnd", False)),
        is_critical=_boolean(content.get("isCritical", on_failure != "Continue")),
        next_step=content.get("nextStep"),
    )
    if problem := next(_problems(step), None):
        raise DocumentError(f"step {name}: {problem}")
    return step


def _problems(step: Step) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", step.name):  # what else AWS takes was not looked up
        yield "its name is no name of a step"
    if step.timeout_seconds > LONGEST_SECONDS[step.action]:
        yield f"{step.action} may not take {step.timeout_seconds} s"
    if step.max_attempts < 1:
        yield "maxAttempts is at least 1"
    if missing := NEEDED_INPUTS.get(step.action, set()) - step.inputs.keys():
        yield f"{step.action} needs {sorted(missing)}"
    if step.action == "aws:executeScript" and step.inputs["Runtime"] not in RUNTIMES:
        yield f"no runtime {step.inputs['Runtime']}"
    if step.action == "aws:branch":
        yield from branch_operations(step.inputs["Choices"])
    for output in step.outputs:
        if output.get("Type", "String") not in OUTPUT_TYPES or not is_selector(output.get("Selector", "")):
            yield f"output {output.get('Name')}: its type or selector is not offered here"


def _check_names(runbook: Runbook) -> None:
    names = [step.name for step in runbook.steps]
    if len(set(names)) < len(names):
        raise DocumentError("two steps have one name")
    for step in runbook.steps:
        jumps = (one.removeprefix("step:") for one in (step.on_failure, step.on_cancel) if one.startswith("step:"))
        targets = branch_targets(step.inputs) if step.action == "aws:branch" else ()
        named = set(filter(None, chain(jumps, targets, [step.next_step])))
        if unknown := named - set(names):
            raise DocumentError(f"step {step.name} leads to steps that do not exist: {sorted(unknown)}")
        ways = {way for way in (step.on_failure, step.on_cancel) if not way.startswith("step:")}
        if ways - {"Abort", "Continue"}:
            raise DocumentError(f"step {step.name}: onFailure and onCancel are Abort, Continue or step:<name>")


def _check_references(runbook: Runbook) -> None:
    """A reference has to name a parameter, a system variable, or an output of a step of the document."""
    names = {step.name for step in runbook.steps}
    used = references([step.inputs for step in runbook.steps]) | references(runbook.assume_role) | set(runbook.outputs)
    for one in used - SYSTEM_VARIABLES - runbook.parameters.keys():
        if one.rpartition(".")[0] not in names:
            raise DocumentError(f"{one} is neither a parameter nor an output of a step")


def _boolean(value: object) -> bool:
    """AWS's own samples write both `true` and "true"."""
    return str(value).lower() == "true"
