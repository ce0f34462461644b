"""What an Automation document's steps do: order, failures, time-outs, cancellation, and each action."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from local.cloud.automation import (
    ActionFailedError,
    ActionTimeoutError,
    AutomationExecution,
    Invocation,
    Latitude,
    Signal,
)
from tests.local.automation_runs import STARTED, ServicesStandIn, VirtualControl, run_document

GUIDE = "Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
FAILS = {"Service": "sqs", "Api": "GetQueueUrl", "QueueName": "none"}
SLEEPS = {"Duration": "PT10M"}
ANA, BEN = "arn:aws:iam::000000000000:user/ana", "arn:aws:sts::000000000000:assumed-role/Lead/ben"


def step(name: str, action: str = "aws:sleep", inputs: Mapping[str, Any] = SLEEPS, **more: Any) -> dict[str, Any]:
    return {"name": name, "action": action, "inputs": dict(inputs), **more}


def failing(name: str, **more: Any) -> dict[str, Any]:
    return step(name, "aws:executeAwsApi", FAILS, **more)


def script(name: str, source: str, **more: Any) -> dict[str, Any]:
    inputs = {"Runtime": "python3.11", "Handler": "run", "Script": source, "InputPayload": more.pop("payload", {})}
    return step(name, "aws:executeScript", inputs, **more)


def document(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schemaVersion": "0.3", "mainSteps": list(steps), **more}


def refusing(service: str, operation: str, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    raise ActionFailedError(f"An error occurred (NonExistentQueue) when calling the {operation} operation: {service}")


def run(*steps: dict[str, Any], control: VirtualControl | None = None, **more: Any) -> AutomationExecution:
    services = ServicesStandIn(call_service=more.pop("call", refusing))
    return run_document(document(*steps), services=services, control=control, **more)


def statuses(execution: AutomationExecution) -> list[str]:
    return [shown.status for shown in execution.steps]


def test_steps_run_in_the_documents_order_and_each_has_its_times() -> None:
    execution = run(step("one"), step("two"))

    assert (execution.status, statuses(execution)) == ("Success", ["Success", "Success"])
    assert [shown.started for shown in execution.steps] == [STARTED, STARTED + timedelta(minutes=10)]
    assert execution.ended == STARTED + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("more", "status", "shown"),
    [
        ({}, "Failed", ["Failed", "Pending", "Pending"]),
        ({"onFailure": "Abort"}, "Failed", ["Failed", "Pending", "Pending"]),
        ({"onFailure": "Continue"}, "Success", ["Failed", "Success", "Success"]),
        ({"onFailure": "Continue", "isCritical": True}, "Failed", ["Failed", "Success", "Success"]),
        ({"onFailure": "step:three"}, "Failed", ["Failed", "Pending", "Success"]),
        ({"onFailure": "step:three", "isCritical": "false"}, "Success", ["Failed", "Pending", "Success"]),
        ({"onFailure": "Continue", "isEnd": True}, "Success", ["Failed", "Pending", "Pending"]),
    ],
)
def test_a_step_that_fails_does_what_the_document_says(more: dict[str, Any], status: str, shown: list[str]) -> None:
    execution = run(failing("one", **more), step("two"), step("three"))

    assert (execution.status, statuses(execution)) == (status, shown)


def test_a_failure_says_what_aws_says() -> None:
    """The frame of the text as recorded for executeAwsApi (2024) and in AWS's troubleshooting page."""
    execution = run(failing("one"))

    error = "An error occurred (NonExistentQueue) when calling the GetQueueUrl operation: sqs"
    assert execution.failure_message == f"Step fails when it is Execute/Cancelling action. {error}. {GUIDE}"
    assert execution.steps[0].failure_message == execution.failure_message


def test_a_step_that_is_not_critical_leaves_no_failure_message() -> None:
    assert run(failing("one", onFailure="Continue"), step("two")).failure_message == ""


def test_next_step_and_is_end_choose_the_way() -> None:
    execution = run(step("one", nextStep="three"), step("two"), step("three", isEnd=True), step("four"))

    assert statuses(execution) == ["Success", "Pending", "Success", "Pending"]


def test_a_document_that_leads_back_for_ever_fails() -> None:
    execution = run(step("one", nextStep="one"))

    assert execution.status == "Failed"
    assert "1000 steps" in execution.failure_message


@pytest.mark.parametrize(("attempts", "status"), [(1, "Failed"), (2, "Failed"), (3, "Success")])
def test_a_step_is_tried_as_often_as_it_may_be(attempts: int, status: str) -> None:
    calls: list[str] = []

    def third_time(_service: str, operation: str, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        calls.append(operation)
        if len(calls) < 3:
            raise ActionFailedError("not yet")
        return {}

    execution = run(failing("one", maxAttempts=attempts), call=third_time)

    assert (execution.status, len(calls)) == (status, attempts)


def test_a_time_out_is_shown_as_one() -> None:
    def silent(_service: str, _operation: str, _parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ActionTimeoutError("no answer")

    execution = run(failing("one"), call=silent)

    assert (execution.status, statuses(execution)) == ("TimedOut", ["TimedOut"])
    assert execution.failure_message.startswith("Step timed out while step is ")


def test_a_script_raises_and_the_step_fails_with_its_traceback() -> None:
    """As recorded in 2021: aws-solutions, test_check_ssm_execution.py."""
    execution = run(script("parse", "def run(events, context):\n    return events['absent']\n"))

    assert execution.status == "Failed"
    assert execution.failure_message.startswith(
        "Step fails when it is Poll action status for completion. Traceback (most recent call last):\n"
    )
    assert execution.failure_message.endswith(f"line 2, in run\n\nKeyError - 'absent'. {GUIDE}")


def test_a_script_that_runs_too_long_times_out() -> None:
    source = "import time\ndef run(events, context):\n    time.sleep(60)\n"

    execution = run(script("slow", source, timeoutSeconds=1))

    assert execution.status == "TimedOut"


def test_what_a_script_prints_is_no_part_of_its_answer() -> None:
    execution = run(script("loud", "def run(events, context):\n    print('x')\n    return {'a': [1]}\n"))

    assert execution.steps[0].outputs == {"Payload": {"a": [1]}}


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        ({"Variable": "{{ one.Size }}", "NumericGreater": 4}, True),
        ({"Variable": "{{ one.Size }}", "NumericLesserOrEquals": 4}, False),
        ({"Variable": "{{ one.Name }}", "StartsWith": "ord"}, True),
        ({"Variable": "{{ one.Name }}", "EqualsIgnoreCase": "ORDERS"}, True),
        ({"Not": {"Variable": "{{ one.Name }}", "Contains": "der"}}, False),
        ({"And": [{"Variable": "a", "StringEquals": "a"}, {"Variable": "b", "EndsWith": "c"}]}, False),
        (
            {"Or": [{"Variable": "a", "StringEquals": "b"}, {"Variable": "{{ one.Well }}", "BooleanEquals": "true"}]},
            True,
        ),
    ],
)
def test_a_branch_takes_the_first_choice_that_holds(choice: dict[str, Any], taken: bool) -> None:  # noqa: FBT001
    seen = step("one", "aws:executeAwsApi", FAILS, outputs=[
        {"Name": "Size", "Selector": "$.Size", "Type": "Integer"},
        {"Name": "Name", "Selector": "$.Names[0]"},
        {"Name": "Well", "Selector": "$.Well", "Type": "Boolean"},
    ])  # fmt: skip
    branch = step("choose", "aws:branch", {"Choices": [{"NextStep": "yes", **choice}], "Default": "no"})

    execution = run(seen, branch, step("yes", isEnd=True), step("no"), call=lambda *_: {
        "Size": 5, "Names": ["orders"], "Well": True,
    })  # fmt: skip

    assert statuses(execution)[2:] == (["Success", "Pending"] if taken else ["Pending", "Success"])


def test_a_branch_without_default_goes_on_with_the_step_that_follows() -> None:
    choices = [{"NextStep": "three", "Variable": "a", "StringEquals": "b"}]

    execution = run(step("one", "aws:branch", {"Choices": choices}), step("two", isEnd=True), step("three"))

    assert statuses(execution) == ["Success", "Success", "Pending"]


@pytest.mark.parametrize("fails", [False, True])
def test_an_output_that_selects_nothing_is_left_open(fails: bool) -> None:  # noqa: FBT001
    """AWS's own sample branches on one that is absent (AWS docs: automation-actions)."""
    seen = step("one", "aws:executeAwsApi", FAILS, outputs=[{"Name": "None", "Selector": "$.Nothing.here"}])
    branch = step("two", "aws:branch", {"Choices": [{"NextStep": "four", "Not": {
        "Variable": "{{ one.None }}", "StringEquals": "NoSnapshotFound"}}]})  # fmt: skip

    execution = run(
        seen, branch, step("three"), step("four"), call=lambda *_: {}, latitude=Latitude(absent_output_fails=fails)
    )

    assert statuses(execution)[3] == ("Pending" if fails else "Success")
    assert execution.status == ("Failed" if fails else "Success")


@pytest.mark.parametrize(("fails", "shown"), [(False, ["Success", "Success"]), (True, ["Failed", "Pending"])])
def test_a_selector_of_nothing_fails_its_own_step_where_it_does(fails: bool, shown: list[str]) -> None:  # noqa: FBT001
    seen = step("one", "aws:executeAwsApi", FAILS, outputs=[{"Name": "Gone", "Selector": "$.Gone"}])

    execution = run(seen, step("two"), call=lambda *_: {}, latitude=Latitude(absent_output_fails=fails))

    assert statuses(execution) == shown


@pytest.mark.parametrize(("fails", "shown"), [(False, "Success"), (True, "Failed")])
def test_a_reference_to_an_output_not_made_fails_its_own_step_where_it_does(fails: bool, shown: str) -> None:  # noqa: FBT001
    echo = script("echo", "def run(events, context):\n    return events\n", payload={"Seen": "{{ later.Payload }}"})
    later = script("later", "def run(events, context):\n    return 1\n")

    execution = run(echo, later, latitude=Latitude(absent_output_fails=fails))

    assert statuses(execution)[0] == shown
    assert ("there is no later.Payload" in execution.failure_message) == fails


def test_an_api_call_shows_only_the_outputs_that_are_selected() -> None:
    seen = step("one", "aws:executeAwsApi", FAILS, outputs=[{"Name": "Url", "Selector": "$.QueueUrl"}])

    execution = run(seen, call=lambda *_: {"QueueUrl": "u", "Secret": "s"})

    assert execution.steps[0].outputs == {"Url": "u"}


WAITED = {"Service": "sqs", "Api": "GetQueueUrl", "PropertySelector": "$.State", "DesiredValues": ["ready", "done"]}


@pytest.mark.parametrize(("ready_after", "status"), [(3, "Success"), (100, "TimedOut")])
def test_a_wait_for_a_property_ends_with_it_or_with_its_time(ready_after: int, status: str) -> None:
    looks: list[Mapping[str, Any]] = []

    def state(_service: str, _operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        looks.append(parameters)
        return {"State": "done" if len(looks) == ready_after else "busy"}

    wait = step("wait", "aws:waitForAwsResourceProperty", {**WAITED, "QueueName": "q"}, timeoutSeconds=60)
    execution = run(wait, call=state)

    assert (execution.status, looks[0]) == (status, {"QueueName": "q"})


@pytest.mark.parametrize(("seen", "status"), [("ready", "Success"), ("busy", "Failed"), (None, "Failed")])
def test_an_assertion_looks_once(seen: str | None, status: str) -> None:
    execution = run(step("assert", "aws:assertAwsResourceProperty", WAITED), call=lambda *_: {"State": seen})

    assert execution.status == status


@pytest.mark.parametrize(
    ("inputs", "minutes"),
    [
        ({"Duration": "PT90S"}, 1.5),
        ({"Duration": "P1DT1H"}, 25 * 60),
        ({"Timestamp": "2026-11-29T12:30:00Z"}, 30),
        ({"Timestamp": "2020-01-01T01:00:00Z"}, 0),
    ],
)
def test_a_sleep_lasts_as_long_as_it_says(inputs: dict[str, str], minutes: float) -> None:
    assert run(step("nap", inputs=inputs)).ended == STARTED + timedelta(minutes=minutes)


@pytest.mark.parametrize("inputs", [{"Duration": "P8D"}, {"Duration": "-PT1M"}, {"Duration": "10"}, {}])
def test_a_sleep_that_aws_does_not_document_fails(inputs: dict[str, str]) -> None:
    assert run(step("nap", inputs=inputs)).status == "Failed"


def signals(*sent: tuple[int, str, str]) -> VirtualControl:
    return VirtualControl(due=[(STARTED + timedelta(minutes=at), Signal(kind, who)) for at, kind, who in sent])


@pytest.mark.parametrize(
    ("control", "status", "shown"),
    [
        (signals((1, "Approve", ANA), (2, "Approve", BEN)), "Success", "Approved"),
        (signals((1, "Approve", ANA), (2, "Reject", BEN)), "Failed", "Rejected"),
        (signals((1, "Approve", ANA), (2, "Approve", ANA)), "TimedOut", None),
        (signals((1, "Approve", ANA), (2, "Approve", f"{ANA}s")), "TimedOut", None),
    ],
)
def test_an_approval_needs_as_many_approvers_as_it_says(
    control: VirtualControl, status: str, shown: str | None
) -> None:
    approvers = ["ana", "arn:aws:iam::000000000000:role/Lead"]
    inputs = {"Approvers": approvers, "MinRequiredApprovals": 2}

    execution = run(step("ask", "aws:approve", inputs, timeoutSeconds=600), control=control)

    assert (execution.status, execution.steps[0].outputs.get("ApprovalStatus")) == (status, shown)


def test_an_approval_is_asked_for_at_the_topic_that_it_names() -> None:
    sent: list[Any] = []
    inputs = {
        "Approvers": ["ana"],
        "NotificationArn": "arn:aws:sns:us-east-1:000000000000:Automation",
        "Message": "go?",
    }

    def publish(service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        sent.append((service, operation, parameters))
        return {}

    run(step("ask", "aws:approve", inputs), control=signals((1, "Approve", ANA)), call=publish)

    asked = {"TopicArn": "arn:aws:sns:us-east-1:000000000000:Automation", "Message": "go?"}
    assert sent == [("sns", "Publish", asked)]


def test_a_pause_ends_when_it_is_resumed() -> None:
    execution = run(step("hold", "aws:pause", {}), control=signals((7, "Resume", ANA)))

    assert execution.status == "Success"
    assert execution.ended == STARTED + timedelta(minutes=7)


@pytest.mark.parametrize(
    ("on_cancel", "shown"),
    [
        ("Abort", ["Cancelled", "Pending", "Pending"]),
        ("Continue", ["Cancelled", "Success", "Success"]),
        ("step:three", ["Cancelled", "Pending", "Success"]),
    ],
)
def test_a_cancelled_execution_does_what_the_document_says(on_cancel: str, shown: list[str]) -> None:
    control = VirtualControl(cancel_at=STARTED + timedelta(minutes=1))

    execution = run(step("one", onCancel=on_cancel), step("two"), step("three"), control=control)

    assert (execution.status, statuses(execution)) == ("Cancelled", shown)


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_what_a_failed_function_does_to_its_step_is_left_open(fails: bool, is_text: bool) -> None:  # noqa: FBT001
    services = ServicesStandIn(invoke_function=lambda _inputs: Invocation('{"errorType": "E"}', "Unhandled"))
    invoke = step("call", "aws:invokeLambdaFunction", {"FunctionName": "f"})

    execution = run_document(document(invoke), services=services, latitude=Latitude(fails, is_text))

    payload = '{"errorType": "E"}' if is_text else {"errorType": "E"}
    shown = {} if fails else {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}
    assert (execution.status, execution.steps[0].outputs) == ("Failed" if fails else "Success", shown)
