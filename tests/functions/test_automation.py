"""The Automation document of the template, run against the real runbook function, whatever AWS leaves open."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.runbook.handler import lambda_handler
from kms_failover.domain.routing.intent import Mode, in_force
from local.cloud.automation import AutomationExecution, Invocation, Latitude
from tests.domain.strategies import NOON, WEST
from tests.functions.lambdas import Stack, stack
from tests.local.automation_runs import ServicesStandIn, run_document

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
HOLD = {"Action": "hold", "KeySet": "orders", "Reason": 'a "quoted" reason', "Author": "ana"}


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as what they are given."""


Loader.add_multi_constructor(
    "!", lambda loader, _tag, node: loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None
)


def document() -> Any:
    template = yaml.load(TEMPLATE.read_text(), Loader)  # noqa: S506  # a safe loader
    return template["Resources"]["RunbookDocument"]["Properties"]["Content"]


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        yield made


@pytest.fixture(params=[False, True], ids=["step ignores FunctionError", "FunctionError fails the step"])
def function_error_fails(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[False, True], ids=["payload is JSON", "payload is a text"])
def payload_is_text(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def latitude(*, function_error_fails: bool, payload_is_text: bool) -> Latitude:
    return Latitude(function_error_fails, payload_is_text)


@pytest.fixture
def services(prod: Stack) -> ServicesStandIn:
    def invoke(inputs: Mapping[str, Any]) -> Invocation:
        """As Lambda's runtime answers: an error is a payload of its own."""
        try:
            return Invocation(json.dumps(lambda_handler(inputs["InputPayload"], prod.context("runbook"))))
        except Exception as error:  # noqa: BLE001  # the runtime's own boundary
            failed = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return Invocation(json.dumps(failed), "Unhandled")

    return ServicesStandIn(invoke_function=invoke)


def execute(services: ServicesStandIn, latitude: Latitude, **parameters: str) -> AutomationExecution:
    return run_document(document(), {name: [text] for name, text in parameters.items()}, services, latitude)


def test_an_order_that_is_given_shows_success(prod: Stack, services: ServicesStandIn, latitude: Latitude) -> None:
    execution = execute(services, latitude, **HOLD)

    assert (execution.status, execution.failure_message) == ("Success", "")
    assert in_force(prod.state.intents("orders"), NOON).mode is Mode.HOLD
    assert in_force(prod.state.intents("orders"), NOON).reason == HOLD["Reason"]


def test_a_status_shows_success_and_the_answer_is_among_the_outputs(
    services: ServicesStandIn, latitude: Latitude
) -> None:
    execution = execute(services, latitude, Action="status", KeySet="orders")

    payload = execution.outputs["command.Payload"]
    shown = json.loads(payload) if isinstance(payload, str) else payload
    assert (execution.status, shown["KeySet"]) == ("Success", "orders")


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        ({name: text for name, text in HOLD.items() if name != "Author"}, "IntentRefused"),
        (HOLD | {"KeySet": "invoices"}, "UnknownKeySet"),
        (HOLD | {"ExpiresInMinutes": "soon"}, "ValidationException"),
        (HOLD | {"Action": "failover", "Region": WEST}, "IntentRefused"),
        (HOLD | {"Action": "reimport"}, "IntentRefused"),
        (HOLD | {"Action": "sweep"}, "IntentRefused"),
    ],
)
def test_an_order_that_is_refused_shows_failed_with_the_reason(
    prod: Stack, services: ServicesStandIn, latitude: Latitude, refused: dict[str, str], code: str
) -> None:
    execution = execute(services, latitude, **refused)

    assert execution.status == "Failed"
    assert "CommandRefusedError" in execution.failure_message
    assert f"{code}: " in execution.failure_message
    assert prod.state.intents("orders") == ()


@pytest.mark.parametrize(
    "answered",
    [
        '{"Error": {"Code": "IntentRefused", "Message": "no"}}',
        '{"errorMessage": "2026-11-28T12:00:00Z 1-2 Task timed out after 120.00 seconds"}',
        '"text"',
        "null",
        "{}",
        "[]",
    ],
)
def test_whatever_else_is_answered_is_no_success(answered: str, *, payload_is_text: bool) -> None:
    services = ServicesStandIn(invoke_function=lambda _inputs: Invocation(answered))

    execution = execute(services, Latitude(payload_is_text=payload_is_text), **HOLD)

    assert (execution.status, execution.failed_step) == ("Failed", "carriedOut")


def test_an_answer_that_was_cut_short_is_no_success() -> None:
    services = ServicesStandIn(invoke_function=lambda _inputs: Invocation('{"KeySet": "ord'))

    execution = execute(services, Latitude(payload_is_text=True), **HOLD)

    assert execution.status == "Failed"
    assert "look at the status" in execution.failure_message


def test_an_order_is_tried_once_and_in_the_time_that_the_action_has() -> None:
    steps = document()["mainSteps"]

    assert [(step["maxAttempts"], step["onFailure"]) for step in steps] == [(1, "Abort")] * len(steps)
    assert all("outputs" not in step for step in steps)
