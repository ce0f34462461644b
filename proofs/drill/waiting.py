"""Waiting by looking: again and again, with a deadline and a word on what is awaited."""

import time
from collections.abc import Callable

from proofs.drill.progress import Progress

PAUSE_SECONDS = 1.5  # a look is two invocations and twenty reads: looking more often slows what is looked at


def said(value: object) -> str:
    """`us-east-1: healthy, us-west-2: impaired` for a mapping, and so on: for people, not for programs."""
    match value:
        case dict():
            return ", ".join(
                f"{name} ({said(inner)})" if isinstance(inner, dict) else f"{name}: {said(inner)}"
                for name, inner in value.items()
            )
        case list() | tuple():
            return ", ".join(said(one) for one in value)
        case _:
            return str(value)


def poll[T](
    progress: Progress,
    description: str,
    look: Callable[[], T],
    until: Callable[[T], bool],
    *,
    deadline_seconds: float,
    pause_seconds: float = PAUSE_SECONDS,
) -> T:
    """What was seen last, whether `until` held for it or the deadline passed: a check compares it afterwards.

    An error while looking counts as not yet, until the deadline; then it is raised.
    """
    deadline = time.monotonic() + deadline_seconds
    with progress.task(f"waiting for {description}") as task:
        while True:
            late = time.monotonic() >= deadline
            try:
                seen = look()
            except Exception as error:
                if late:
                    raise
                task.saw(f"{type(error).__name__}: {error}"[:120])
            else:
                task.saw(said(seen)[:120])
                if until(seen) or late:
                    return seen
            time.sleep(pause_seconds)
