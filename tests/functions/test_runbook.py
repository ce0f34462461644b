"""The runbook function: commands carried out, refused with a code, or raised."""

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from functions.runbook.handler import lambda_handler
from kms_failover.adapters.starter import LambdaStarter
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.naming import Place
from kms_failover.domain.routing.intent import Mode, in_force
from kms_failover.domain.runbook import commands as operating
from kms_failover.errors import CommandRefusedError, KmsFailoverError, WorkFailedError, WriteConflictError
from tests.domain.strategies import EAST, NOON, WEST
from tests.functions.lambdas import Stack, event, stack

WHO = {"KeySet": "orders", "Reason": "drill", "Author": "ana"}


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        yield made


def sendable(answer: Any) -> bool:
    """By Lambda's runtime for Python 3.13, which escapes nothing (awslambdaric, `to_json`)."""
    return bool(json.dumps(answer, ensure_ascii=False, allow_nan=False).encode())


def run(prod: Stack, **command: Any) -> dict[str, Any]:
    return lambda_handler(WHO | command, prod.context("runbook"))


def test_a_failover_is_written_with_its_evidence_and_answered_with_the_status(prod: Stack) -> None:
    answer = run(prod, Action="failover", Region=WEST, Insist=True)

    intent = in_force(prod.state.intents("orders"), NOON)
    assert (intent.mode, intent.region, intent.author) == (Mode.FORCE, WEST, "ana")
    assert answer["KeySet"] == "orders"
    assert json.loads(json.dumps(answer)) == answer


def test_an_order_is_in_force_before_the_status_is_read_and_whatever_becomes_of_that(
    prod: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: Any) -> Any:
        assert in_force(prod.state.intents("orders"), NOON).mode is Mode.HOLD
        raise ConnectionError("the table does not answer")

    monkeypatch.setattr(operating, "view", unreadable)
    answer = run(prod, Action="hold")

    assert answer["KeySet"] == "orders"
    assert answer["Intent"]["mode"] == "hold"
    assert answer["StatusError"] == "ConnectionError: the table does not answer"


def test_automations_empty_parameters_mean_nothing(prod: Stack) -> None:
    answer = run(prod, Action="status", Region="", Reason="", Author="", ExpiresInMinutes="")

    assert answer["Route"]["Regions"] == [EAST, WEST]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"Action": "explode"}, "ValidationException"),
    ({}, "ValidationException"),
    ({"Action": "failover", "Region": WEST, "Insist": "yes please"}, "ValidationException"),
    ({"Action": "hold", "ExpiresInMinutes": float("nan")}, "ValidationException"),
    ({"Action": "failover", "Region": "\ud800"}, "ValidationException"),
    ({"Action": "status", "\ud800": [{"\ud800": 1}]}, "ValidationException"),
    ({"Action": "status", "KeySet": "invoices"}, "UnknownKeySet"),
    ({"Action": "hold", "Author": ""}, "IntentRefused"),
    ({"Action": "failover", "Region": "eu-west-1"}, "IntentRefused"),
    ({"Action": "failback"}, "IntentRefused"),
]


@pytest.mark.parametrize(("command", "code"), REFUSED)
@pytest.mark.parametrize("looks", [False, "false"])
def test_a_refused_command_says_why_and_writes_nothing(
    prod: Stack, command: dict[str, Any], code: str, looks: Any
) -> None:
    answer = run(prod, **command, FailIfRefused=looks)

    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"]
    assert sendable(answer)
    assert prod.state.intents("orders") == ()


@pytest.mark.parametrize(("command", "code"), REFUSED)
@pytest.mark.parametrize("said", [{}, {"FailIfRefused": True}, {"FailIfRefused": "true"}, {"FailIfRefused": 0}])
def test_a_refusal_is_raised_to_who_has_not_said_that_he_looks_at_the_answer(
    prod: Stack, command: dict[str, Any], code: str, said: dict[str, Any]
) -> None:
    with pytest.raises(CommandRefusedError, match=f"^{code}: ") as refused:
        run(prod, **command, **said)

    assert sendable(str(refused.value))
    assert prod.state.intents("orders") == ()


@pytest.mark.parametrize("wrong", [[], {}, "maybe", None, 7])
def test_what_is_no_yes_or_no_is_refused_as_such_and_raised(prod: Stack, wrong: Any) -> None:
    with pytest.raises(CommandRefusedError, match="ValidationException: FailIfRefused: "):
        run(prod, Action="hold", FailIfRefused=wrong)

    assert prod.state.intents("orders") == ()


@pytest.mark.parametrize("wrong", [None, [], "status", 5, True])
def test_an_event_that_is_no_object_is_a_refused_command(prod: Stack, wrong: Any) -> None:
    with pytest.raises(CommandRefusedError, match="ValidationException: a command that is no JSON object"):
        lambda_handler(wrong, prod.context("runbook"))


# What ARC Region switch adds to a step's payload, or sends alone where the step has none (facts 8.6)
STEP = event("arc-region-switch-step")
REGION_SWITCH = {name: STEP[name] for name in ("InvokedBy", "PlanArn", "ExecutionId", "StepName")}


def test_a_region_switch_step_without_a_payload_fails_and_is_told_what_it_needs(prod: Stack) -> None:
    with pytest.raises(CommandRefusedError, match=r'Action: it is missing: add it.*payload.*"Action": "failover"'):
        lambda_handler(REGION_SWITCH, prod.context("runbook"))

    assert prod.state.intents("orders") == ()


def test_a_region_switch_step_gives_the_order_of_its_payload_with_plan_and_execution_as_evidence(prod: Stack) -> None:
    lambda_handler(STEP | {"Insist": True}, prod.context("runbook"))

    intent = in_force(prod.state.intents("orders"), NOON)
    assert (intent.mode, intent.region, intent.author) == (Mode.FORCE, WEST, REGION_SWITCH["PlanArn"])
    assert intent.reason == f"execution {REGION_SWITCH['ExecutionId']}, step {REGION_SWITCH['StepName']}"


def test_a_region_switch_steps_own_author_and_reason_stay(prod: Stack) -> None:
    lambda_handler(WHO | {"Action": "hold"} | REGION_SWITCH, prod.context("runbook"))

    intent = in_force(prod.state.intents("orders"), NOON)
    assert (intent.author, intent.reason) == ("ana", "drill")


def test_an_order_that_a_decision_by_older_ones_may_follow_says_so(
    prod: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: object) -> None:
        raise WriteConflictError("orders")

    monkeypatch.setattr(StateTable, "put_judgement", overtaken)
    answer = run(prod, Action="hold")

    assert answer["Warning"].startswith("the order is given; one more decision by older ones may follow: ")
    assert in_force(prod.state.intents("orders"), NOON).mode is Mode.HOLD


@pytest.mark.parametrize("kind", [{"errorType": "Sandbox.Timedout"}, {"errorType": "Runtime.ExitError"}, {}])
def test_of_a_function_that_ended_without_an_answer_nobody_says_what_it_had_done(
    prod: Stack, kind: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KmsFailoverError, match="prod-reimport ended before it answered") as raised:
        starter(monkeypatch, kind | {"errorMessage": "time is up"})

    assert not isinstance(raised.value, WorkFailedError)


def test_a_function_that_raised_has_answered(prod: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkFailedError, match="prod-reimport failed: ExceptionGroup: not reimported"):
        starter(monkeypatch, {"errorType": "ExceptionGroup", "errorMessage": "not reimported: orders"})


def starter(monkeypatch: pytest.MonkeyPatch, error: dict[str, Any]) -> Any:
    """What becomes of a reimport whose function has this error."""
    functions = boto3.client("lambda", region_name=WEST)
    answer = {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
    monkeypatch.setattr(functions, "invoke", lambda **_: answer)
    place = Place.of_function(f"arn:aws:lambda:{WEST}:123456789012:function:prod-runbook")
    return LambdaStarter(functions, boto3.client("stepfunctions", region_name=WEST), place).reimport("orders")
