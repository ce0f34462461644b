"""What is fuzzed: where its events come from, the world that takes them, and how it may end."""

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import pytest

from kms_failover import bootstrap
from kms_failover.domain.naming import EVENT_SOURCE
from proofs.fuzz.surprise import Surprise
from tests import aws_environment
from tests.key_watch import KeyWatch

ACCOUNT = "111122223333"


class Take(Protocol):
    def __call__(self, event: Any, /) -> object:
        """What became of it, for the tally; Surprise where a promise is broken."""


@dataclass(frozen=True)
class Target:
    """`allowed` are the errors that it may end with: whatever else it raises is a surprise.

    `share` is how many of the events that were asked for it gets: fewer where one takes long.
    """

    name: str
    event: Callable[[Random], Any]
    world: Callable[[], AbstractContextManager[Take]]
    allowed: tuple[type[Exception], ...] = ()
    share: float = 1.0

    def allows(self, error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):
            return all(map(self.allows, error.exceptions))
        return isinstance(error, self.allowed)


@dataclass
class Context:
    """As much of Lambda's context as is read, by us and by Powertools."""

    invoked_function_arn: str
    function_name: str = "prod"
    memory_limit_in_mb: int = 256
    aws_request_id: str = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 100_000


def context(region: str, role: str) -> Any:
    return Context(f"arn:aws:lambda:{region}:{ACCOUNT}:function:prod-{role}")


@contextmanager
def instead(**built: Any) -> Iterator[pytest.MonkeyPatch]:
    """The environment of the tests, with these in bootstrap's place whatever context they are asked for."""
    with pytest.MonkeyPatch.context() as patch:
        aws_environment.empty(patch)
        for name, service in built.items():
            patch.setattr(bootstrap, name, lambda *_args, _service=service, **_named: _service)
        yield patch


@contextmanager
def watched_lines() -> Iterator[None]:
    """Every line that is logged can be written, and none shows a key. What is printed goes nowhere."""
    watch, sink = KeyWatch(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    with watch.watching(), contextlib.redirect_stdout(sink), pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.Handler, "handleError", _unwritable)
        for handler in logging.getLogger(EVENT_SOURCE).handlers:
            if isinstance(handler, logging.StreamHandler):
                patch.setattr(handler, "stream", sink)
        yield
        if leaks := watch.leaks():
            raise Surprise(f"a key is in the log: {leaks[0][:80]}…")


def _unwritable(_handler: logging.Handler, record: logging.LogRecord) -> None:
    raise Surprise(f"a line that cannot be written, {record.msg!r}: {type(sys.exception()).__name__}")
