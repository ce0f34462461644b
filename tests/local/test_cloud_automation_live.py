"""An execution in the background: how it ends, how it is stopped, and how many there may be."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.cloud.automation import AutomationExecution, Invocation, Latitude, Signal, parse_runbook
from local.cloud.automation.answers import Order, execution_answer
from local.cloud.automation.live import (
    MAX_KEPT,
    MAX_RUNNING,
    MAX_SIGNALS,
    LiveControl,
    LiveExecution,
    TooManyExecutionsError,
    make_room,
)
from tests.local.automation_runs import STARTED, ServicesStandIn

ORDER = Order("id", "document", "1", "arn:aws:iam::000000000000:user/ana")
SLEEP = {"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT1H"}}
INVOKE = {"name": "call", "action": "aws:invokeLambdaFunction", "inputs": {"FunctionName": "f"}}


def live(step: Mapping[str, Any], at_end: Callable[[], None], services: ServicesStandIn) -> LiveExecution:
    runbook = parse_runbook({"schemaVersion": "0.3", "mainSteps": [step]})
    return LiveExecution(ORDER, AutomationExecution(runbook, STARTED), services, Latitude(), at_end)


def joined(running: LiveExecution) -> Mapping[str, Any]:
    running.join()
    assert running.is_over
    return execution_answer(running.order, running.execution)


def test_a_mistake_of_our_own_ends_it_and_is_no_success() -> None:
    def broken(_inputs: Mapping[str, Any]) -> Invocation:
        raise RuntimeError("our own")

    ends: list[str] = []

    shown = joined(live(INVOKE, lambda: ends.append("over"), ServicesStandIn(invoke_function=broken)))

    assert (shown["AutomationExecutionStatus"], ends) == ("Failed", ["over"])
    assert shown["FailureMessage"].startswith("Internal Server Error.")


def test_a_sleep_is_cut_short_by_a_cancellation() -> None:
    running = live(SLEEP, lambda: None, ServicesStandIn())

    assert running.execution.cancel()
    running.control.cancel()

    assert joined(running)["AutomationExecutionStatus"] == "Cancelled"
    assert not running.execution.cancel()


def test_signals_are_bounded() -> None:
    control = LiveControl()

    for number in range(MAX_SIGNALS + 5):
        control.send(Signal("Resume", str(number)))

    assert [control.signals()[0].sender, len(control.signals())] == ["5", MAX_SIGNALS]


def kept(count: int, *, over: bool) -> dict[str, LiveExecution]:
    return {f"{over}{number}": cast("LiveExecution", SimpleNamespace(is_over=over)) for number in range(count)}


def test_so_many_run_at_once_and_no_more() -> None:
    make_room(kept(MAX_RUNNING - 1, over=False) | kept(5, over=True))

    with pytest.raises(TooManyExecutionsError):
        make_room(kept(MAX_RUNNING, over=False))


def test_those_that_ended_first_are_forgotten_first() -> None:
    executions = kept(2, over=False) | kept(MAX_KEPT, over=True)

    make_room(executions)

    assert len(executions) == MAX_KEPT - 1
    assert list(executions)[:3] == ["False0", "False1", "True3"]
