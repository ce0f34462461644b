"""Waking another function: asynchronous, and never an error of the one who wakes it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from kms_failover.adapters.waker import FunctionWaker
from tests.client.kms_world import aws_error, timed_out


class Functions:
    def __init__(self, fails: Callable[[], Exception] | None = None) -> None:
        self.fails = fails
        self.calls: list[dict[str, Any]] = []

    def invoke(self, **request: Any) -> None:
        self.calls.append(request)
        if self.fails:
            raise self.fails()


def waker(functions: Any) -> FunctionWaker:
    return FunctionWaker(functions, "prod-controller")


def test_the_function_is_invoked_as_an_event() -> None:
    functions = Functions()

    waker(functions)()

    assert functions.calls == [{"FunctionName": "prod-controller", "InvocationType": "Event", "Payload": b"{}"}]


def test_it_is_told_what_it_is_woken_for() -> None:
    functions = Functions()

    waker(functions)(key_sets=("orders", "invoices"))

    assert [call["Payload"] for call in functions.calls] == [b'{"key_sets": ["orders", "invoices"]}']


@pytest.mark.parametrize("fails", [timed_out, aws_error("TooManyRequestsException", 429)])
def test_a_wake_up_that_fails_is_logged_and_no_more(
    fails: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    woken = waker(Functions(fails))
    woken()

    assert "prod-controller could not be woken" in caplog.text
    assert not woken.reaches()


@pytest.mark.parametrize("refusal", [("ResourceNotFoundException", 404), ("AccessDeniedException", 403)])
def test_a_function_that_is_not_there_need_not_be_tried_again(refusal: tuple[str, int]) -> None:
    assert waker(Functions()).reaches()
    assert waker(Functions(aws_error(*refusal))).reaches()


def test_a_defect_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        waker(Functions(ZeroDivisionError))()
