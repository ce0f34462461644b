"""The runbook function: commands carried out, refused with a code, or raised."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.runbook.handler import lambda_handler
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain import operating
from kms_failover.domain.route import Mode, in_force
from kms_failover.errors import EpochConflictError
from tests.domain.strategies import EAST, NOON, WEST
from tests.functions.lambdas import Stack, stack

WHO = {"KeySet": "orders", "Reason": "drill", "Author": "ana"}


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(monkeypatch) as made:
        yield made


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


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"Action": "explode"}, "ValidationException"),
        ({}, "ValidationException"),
        ({"Action": "status", "KeySet": "invoices"}, "UnknownKeySet"),
        ({"Action": "hold", "Author": ""}, "IntentRefused"),
        ({"Action": "failover", "Region": "eu-west-1"}, "IntentRefused"),
        ({"Action": "failback"}, "IntentRefused"),
    ],
)
def test_a_refused_command_says_why_and_writes_nothing(prod: Stack, command: dict[str, Any], code: str) -> None:
    answer = run(prod, **command)

    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"]
    assert prod.state.intents("orders") == ()


def test_an_order_that_a_decision_by_older_ones_may_follow_says_so(
    prod: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: object) -> None:
        raise EpochConflictError("orders")

    monkeypatch.setattr(StateTable, "put_judgement", overtaken)
    answer = run(prod, Action="hold")

    assert answer["Warning"] == "the order is given; one more decision by older ones may follow"
    assert in_force(prod.state.intents("orders"), NOON).mode is Mode.HOLD
