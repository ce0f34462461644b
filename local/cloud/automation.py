"""Systems Manager Automation, as far as the runbook's document uses it (facts 8.5): two actions, one after the other.

What AWS leaves open is an argument, so that a document can be run either way: whether a function's error fails its
step, and whether the answer's payload is a text or the JSON that stands in it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

REFERENCE = re.compile(r"\{\{ *([A-Za-z0-9_.:]+) *\}\}")
LONGEST_SECONDS = {"aws:invokeLambdaFunction": 300, "aws:executeScript": 600}
RUNTIMES = frozenset({"python3.8", "python3.9", "python3.10", "python3.11"})
STEP_FIELDS = frozenset(
    {"name", "action", "inputs", "outputs", "maxAttempts", "timeoutSeconds", "onFailure", "isEnd", "description"}
)


class Invocation(NamedTuple):
    """What Lambda answers: the payload as it is on the wire, and `Unhandled` where the function raised."""

    payload: str
    function_error: str | None = None


@dataclass
class Execution:
    """How it ended: `Success`, or `Failed` with the step and the reason."""

    status: str = "Success"
    failed_step: str = ""
    reason: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)


class _StepFailedError(Exception):
    pass


@dataclass(frozen=True)
class Automation:
    invoke: Callable[[str, Any], Invocation]
    function_error_fails: bool
    payload_is_text: bool

    def execute(self, document: Mapping[str, Any], parameters: Mapping[str, str]) -> Execution:
        """ValueError for a document, or parameters, that AWS would not accept."""
        known: dict[str, Any] = _given(document["parameters"], parameters)
        execution = Execution(outputs=known)
        for step in document["mainSteps"]:
            if unknown := step.keys() - STEP_FIELDS:
                raise ValueError(f"step fields that nobody knows here: {sorted(unknown)}")
            if step.get("timeoutSeconds", 0) > LONGEST_SECONDS[step["action"]]:
                raise ValueError(f"{step['action']} may not take {step['timeoutSeconds']} s")
            try:
                known |= self._outputs(step, _resolved(step["inputs"], known))
            except _StepFailedError as error:
                execution.status, execution.failed_step, execution.reason = "Failed", step["name"], str(error)
                break
        return execution

    def _outputs(self, step: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        run = {"aws:invokeLambdaFunction": self._invoke, "aws:executeScript": _script}[step["action"]]
        made = run(inputs)
        custom = {one["Name"]: _converted(_selected(made, one["Selector"]), one) for one in step.get("outputs", ())}
        return {f"{step['name']}.{name}": value for name, value in (made | custom).items()}

    def _invoke(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.invoke(inputs["FunctionName"], inputs["InputPayload"])
        if answer.function_error and self.function_error_fails:
            raise _StepFailedError(answer.payload)
        payload = answer.payload if self.payload_is_text else json.loads(answer.payload)
        failed = {"FunctionError": answer.function_error} if answer.function_error else {}
        return {"StatusCode": 200, "Payload": payload} | failed


def _script(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The document's own script, in a namespace of its own. What it raises fails the step."""
    if inputs["Runtime"] not in RUNTIMES:
        raise ValueError(f"no runtime {inputs['Runtime']}")
    namespace: dict[str, Any] = {}
    exec(inputs["Script"], namespace)  # noqa: S102  # the script under test
    try:
        return {"Payload": namespace[inputs["Handler"]](inputs["InputPayload"], {})}
    except Exception as error:  # a script may raise anything
        raise _StepFailedError(f"{type(error).__name__}: {error}") from error


def _given(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    if unknown := given.keys() - declared.keys():
        raise ValueError(f"no such parameters: {sorted(unknown)}")
    values = {}
    for name, wanted in declared.items():
        if name not in given and "default" not in wanted:
            raise ValueError(f"parameter {name} is needed")
        value = given.get(name, wanted.get("default"))
        if "allowedValues" in wanted and value not in wanted["allowedValues"]:
            raise ValueError(f"{name} may not be {value!r}")
        values[name] = value
    return values


def _resolved(value: Any, known: Mapping[str, Any]) -> Any:
    """A text that is one reference becomes the value itself, of whatever type; within a longer text, its text."""
    if isinstance(value, Mapping):
        return {name: _resolved(part, known) for name, part in value.items()}
    if not isinstance(value, str):
        return value
    if whole := REFERENCE.fullmatch(value):
        return _referred(whole, known)
    return REFERENCE.sub(lambda reference: str(_referred(reference, known)), value)


def _referred(reference: re.Match[str], known: Mapping[str, Any]) -> Any:
    """What a reference to an output that was not made becomes is not documented: here it fails the step."""
    if reference[1] not in known:
        raise _StepFailedError(f"there is no {reference[1]}")
    return known[reference[1]]


def _selected(made: Any, selector: str) -> Any:
    for name in selector.removeprefix("$.").split("."):
        if not isinstance(made, Mapping) or name not in made:
            raise _StepFailedError(f"{selector} selects nothing")
        made = made[name]
    return made


def _converted(value: Any, output: Mapping[str, str]) -> Any:
    """Of the documented conversions those to a text; a map becomes none."""
    if output.get("Type", "String") != "String" or isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    raise _StepFailedError(f"{output['Name']} is no String")
