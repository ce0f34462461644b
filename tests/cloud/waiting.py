"""Waiting for what a running cloud does in its own time."""

import time
from collections.abc import Callable

LONGEST_SECONDS = 60.0  # what is awaited comes within a few; a loaded machine needs more
PAUSE_SECONDS = 0.1


def awaited[T](look: Callable[[], T]) -> T:
    """The first thing seen that is true. Fails with what was seen last."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r}"
        time.sleep(PAUSE_SECONDS)
    return seen
