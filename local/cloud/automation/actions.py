"""The actions that are offered, each with the outputs that AWS documents [AWS docs: automation-action-*]."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .approval import approval
from .branch import chosen_step
from .script import run_script
from .surroundings import ActionFailedError, ActionTimeoutError, Control, Services
from .values import as_text, selected

POLL_SECONDS = 2.0  # between two looks of waitForAwsResourceProperty; AWS does not say its own
LONGEST_SLEEP = timedelta(days=7)  # [AWS docs: automation-action-sleep]
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
CHOSEN = "the step that aws:branch chose"
PROPERTY_INPUTS = frozenset({"Service", "Api", "PropertySelector", "DesiredValues"})

type Outputs = dict[str, Any]


@dataclass(frozen=True)
class Latitude:
    """What AWS leaves open, so that a document can be run either way (facts 8.5)."""

    function_error_fails: bool = False
    payload_is_text: bool = False
    absent_output_fails: bool = False


@dataclass(frozen=True)
class ActionRun:
    """One try of one step. `deadline` is on the clock of `control`."""

    services: Services
    control: Control
    latitude: Latitude
    deadline: datetime
    wait: Callable[[], None]  # shows the step, and the execution, as Waiting

    @property
    def seconds_left(self) -> float:
        return (self.deadline - self.control.now()).total_seconds()

    def pause(self, seconds: float) -> None:
        """ActionTimeoutError where the step's time ends first."""
        if seconds >= self.seconds_left:
            self.control.pause(max(self.seconds_left, 0.0))
            raise ActionTimeoutError("the time is over")
        self.control.pause(seconds)


def invoke_function(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    answer = run.services.invoke(inputs, run.seconds_left)
    if answer.function_error and run.latitude.function_error_fails:
        raise ActionFailedError(answer.payload)
    made: Outputs = {"StatusCode": answer.status_code}
    if answer.function_error:
        made["FunctionError"] = answer.function_error
    if answer.log_result:
        made["LogResult"] = answer.log_result
    if inputs.get("InvocationType", "RequestResponse") == "RequestResponse":
        made["Payload"] = answer.payload if run.latitude.payload_is_text else _json(answer.payload)
    return made


def execute_script(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    return run_script(inputs, run.services.script_environment, run.control, run.seconds_left)


def execute_aws_api(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    """The whole answer: of it the step's own `outputs` select what is shown."""
    parameters = {name: value for name, value in inputs.items() if name not in PROPERTY_INPUTS}
    return dict(run.services.call(inputs["Service"], inputs["Api"], parameters, run.seconds_left))


def assert_property(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    seen = _property(inputs, run)
    if seen not in _desired(inputs):
        raise ActionFailedError(f"{inputs['PropertySelector']} is {seen}, not one of {_desired(inputs)}")
    return {}


def wait_for_property(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    while _property(inputs, run) not in _desired(inputs):
        run.pause(POLL_SECONDS)
    return {}


def sleep(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    if "Duration" in inputs:
        length = _duration(inputs["Duration"])
    else:
        length = max(datetime.fromisoformat(inputs["Timestamp"]) - run.control.now(), timedelta())
    if length > LONGEST_SLEEP:
        raise ActionFailedError(f"a sleep lasts at most {LONGEST_SLEEP}")
    run.pause(length.total_seconds())
    return {}


def pause(_inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    """Until somebody sends the signal Resume."""
    run.wait()
    while not any(signal.kind == "Resume" for signal in run.control.signals()):
        run.pause(POLL_SECONDS)
    return {}


def approve(inputs: Mapping[str, Any], run: ActionRun) -> Outputs:
    """Until enough of the approvers approve; the first who rejects fails the step (its status then: UNCONFIRMED)."""
    if topic := inputs.get("NotificationArn"):
        message = {"TopicArn": topic, "Message": inputs.get("Message", "An Automation step waits for approval.")}
        run.services.call("sns", "Publish", message, run.seconds_left)
    run.wait()
    while True:
        outputs = approval(inputs, run.control.signals())
        match outputs["ApprovalStatus"]:
            case "Approved":
                return outputs
            case "Rejected":
                raise ActionFailedError("the step was rejected", outputs=outputs)
        run.pause(POLL_SECONDS)


def branch(inputs: Mapping[str, Any], _run: ActionRun) -> Outputs:
    """Names the next step; that is no output of the step."""
    named = chosen_step(inputs)
    return {CHOSEN: named} if named else {}


ACTIONS: dict[str, Callable[[Mapping[str, Any], ActionRun], Outputs]] = {
    "aws:invokeLambdaFunction": invoke_function,
    "aws:executeScript": execute_script,
    "aws:executeAwsApi": execute_aws_api,
    "aws:assertAwsResourceProperty": assert_property,
    "aws:waitForAwsResourceProperty": wait_for_property,
    "aws:sleep": sleep,
    "aws:pause": pause,
    "aws:approve": approve,
    "aws:branch": branch,
}


def _json(payload: str) -> Any:
    """A payload that is no JSON stays a text: what AWS makes of it is not documented."""
    try:
        return json.loads(payload or "null")
    except ValueError:
        return payload


def _property(inputs: Mapping[str, Any], run: ActionRun) -> str:
    return as_text(selected(execute_aws_api(inputs, run), inputs["PropertySelector"]))


def _desired(inputs: Mapping[str, Any]) -> list[str]:
    return [as_text(one) for one in inputs["DesiredValues"]]


def _duration(text: str) -> timedelta:
    """ISO 8601, from days to seconds."""
    found = DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ActionFailedError(f"{text} is no ISO 8601 duration of days, hours, minutes and seconds")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
