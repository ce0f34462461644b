"""What a traceback says of the exception that ended it."""

import traceback
from collections.abc import Callable

import pytest

from local.cloud.gaps.tracebacks import raised_type, stack_trace


class RefusedHereError(Exception):
    pass


def _plain() -> None:
    raise RefusedHereError("IntentRefused: no")


def _without_message() -> None:
    raise RefusedHereError


def _of_many_lines() -> None:
    raise ValueError("one\nTypeError: two")


def _chained() -> None:
    try:
        _plain()
    except RefusedHereError as error:
        raise KeyError("other") from error


def _group() -> None:
    raise ExceptionGroup("not reimported", [ValueError("not reimported: a"), KeyError("b")])


@pytest.mark.parametrize(
    ("raises", "kind"),
    [
        (_plain, "RefusedHereError"),
        (_without_message, "RefusedHereError"),
        (_of_many_lines, "ValueError"),
        (_chained, "KeyError"),
        (_group, "ExceptionGroup"),
    ],
)
def test_the_type_is_that_of_what_was_raised(raises: Callable[[], None], kind: str) -> None:
    text, message = "", ""
    try:
        raises()
    except Exception as error:  # noqa: BLE001  # whatever it is
        text, message = f"[INFO] a line of the log\n{traceback.format_exc()}", str(error)

    assert raised_type(text, message) == kind
    assert any(f"in {raises.__name__}" in frame for frame in stack_trace(text))


@pytest.mark.parametrize("text", ["", "Task timed out after 3.00 seconds", "ValueError: x"])
def test_a_text_without_a_traceback_says_nothing(text: str) -> None:
    assert raised_type(text, "x") is None
    assert stack_trace(text) == []
