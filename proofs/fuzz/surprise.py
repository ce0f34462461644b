"""What no event may cause."""

import json
from typing import Any


class Surprise(AssertionError):  # noqa: N818  # an assertion's own name
    """Something that was promised for every event does not hold for this one."""


def expect(holds: object, promise: str) -> None:
    if not holds:
        raise Surprise(promise)


def expect_sendable(answer: Any) -> None:
    """By Lambda's runtime for Python 3.13, which escapes nothing and writes UTF-8 (awslambdaric, `to_json`)."""
    try:
        json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise Surprise(f"an answer that the runtime cannot send: {type(error).__name__}: {error}") from error


def expect_sendable_error(error: BaseException) -> None:
    """The runtime sends the text of an error as it is."""
    try:
        str(error).encode()
    except UnicodeEncodeError as unsendable:
        raise Surprise(f"an error that the runtime cannot send: {type(error).__name__}") from unsendable
