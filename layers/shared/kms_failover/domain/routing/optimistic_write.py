"""Optimistic writes: whoever finds that somebody else has written meanwhile reads again, and starts from that."""

from collections.abc import Callable
from typing import TypeVar

from kms_failover.errors import WriteConflictError

S = TypeVar("S")
R = TypeVar("R")

MAX_CONFLICTS = 4  # of one write; controllers and commands write an item a few times a minute


def write_over_conflicts(start: S, write: Callable[[S], R], read_again: Callable[[], S]) -> R:
    """What `write` returns, given `start` or, after each conflict, what `read_again` returns.

    Raises:
        WriteConflictError: one time more than MAX_CONFLICTS in succession.
    """
    state = start
    for _ in range(MAX_CONFLICTS):
        try:
            return write(state)
        except WriteConflictError:
            state = read_again()
    return write(state)
