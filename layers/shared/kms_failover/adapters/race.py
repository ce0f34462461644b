"""Ask the first region; ask the next one as well when it fails or stays silent; take the first answer."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from kms_failover.adapters.classify import classify
from kms_failover.domain.fault import FaultClass
from kms_failover.errors import RegionUnavailableError

HEDGE_DELAY_SECONDS = 0.2  # docs/decisions/0005: a silent region costs a caller this much, until its breaker opens
DEADLINE_SECONDS = 8.0  # more than connect and read time-outs of two regions in a row

# What one region's refusal says about the next: these may go better elsewhere, all else is the same everywhere.
ELSEWHERE = frozenset({FaultClass.REGION, FaultClass.KEY, FaultClass.CIPHERTEXT})


@dataclass(frozen=True)
class Attempt:
    """One region's chance: `start` begins the call and returns at once."""

    region: str
    start: Callable[[], Future[dict[str, Any]]]


@dataclass(frozen=True)
class Answer:
    """Who answered with what; `overtaken` are regions that were asked before and had not answered well by then."""

    region: str
    response: dict[str, Any] = field(repr=False)  # it may hold a plaintext key
    overtaken: tuple[str, ...]


def race(
    attempts: Sequence[Attempt],
    *,
    elsewhere: frozenset[FaultClass] = ELSEWHERE,
    goes_on_after: Callable[[BaseException], bool] = lambda _error: False,
    hedge_delay_seconds: float = HEDGE_DELAY_SECONDS,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Answer:
    """The first good answer.

    A fault of a class in `elsewhere` lets the next region try. Any other error of the first region is raised at once,
    as boto3 would; that of a region which was asked beside it counts only when nobody answers well.

    Raises:
        Exception: where nobody answers well, the first attempt's own error: the caller knows what to do with it.
    """
    waiting = list(attempts)
    running: dict[Future[dict[str, Any]], str] = {}
    errors: list[BaseException] = []
    deadline = time.monotonic() + deadline_seconds
    while waiting or running:
        if waiting:
            attempt = waiting.pop(0)
            running[attempt.start()] = attempt.region
        patience = hedge_delay_seconds if waiting else None
        answer, failed = _await_some(running, patience, deadline)
        if answer is not None:
            for late in running:
                late.cancel()  # what still waits for a thread of a silent region need not be sent any more
            asked = [a.region for a in attempts[: len(attempts) - len(waiting)]]
            return Answer(*answer, tuple(region for region in asked if region != answer[0]))
        for region, error in failed:
            if region == attempts[0].region and classify(error) not in elsewhere and not goes_on_after(error):
                raise error
            errors.append(error)
        if time.monotonic() >= deadline:
            break
    raise _first(errors, list(running.values()))


def _await_some(
    running: dict[Future[dict[str, Any]], str], patience_seconds: float | None, deadline: float
) -> tuple[tuple[str, dict[str, Any]] | None, list[tuple[str, BaseException]]]:
    """Wait for the next thing to happen: the good answer if there is one, and the errors of those that failed."""
    remaining = max(0.0, deadline - time.monotonic())
    patience = remaining if patience_seconds is None else min(patience_seconds, remaining)
    done, _ = wait(running, timeout=patience, return_when=FIRST_COMPLETED)
    failed: list[tuple[str, BaseException]] = []
    answer = None
    for future in done:
        region = running.pop(future)
        error = future.exception()
        if error is not None:
            failed.append((region, error))
        elif answer is None:
            answer = (region, future.result())
    return answer, failed


def _first(errors: list[BaseException], silent: list[str]) -> BaseException:
    """The error to raise when nobody answered well: a region's fault first, for that may pass."""
    if not errors:
        return RegionUnavailableError(", ".join(silent), "no answer within the deadline")
    first = next((error for error in errors if classify(error) is FaultClass.REGION), errors[0])
    for other in errors:
        if other is not first:
            first.add_note(f"another region failed as well: {other}")
    return first
