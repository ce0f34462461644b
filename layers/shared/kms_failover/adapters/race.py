"""Ask the first region; ask the next one as well when it fails or stays silent; take the first answer."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.adapters.regional_kms import Call, RegionalKms
from kms_failover.domain.fault import FaultClass
from kms_failover.errors import CommitmentError, RegionUnavailableError

# What one region's refusal says about the next: these may go better elsewhere, all else is the same everywhere.
ELSEWHERE = frozenset({FaultClass.REGION, FaultClass.KEY, FaultClass.CIPHERTEXT})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One region's chance. One that `is_out` is asked only when the others have failed, never because they are slow."""

    kms: RegionalKms
    operation: str
    parameters: dict[str, Any] = field(repr=False)  # it may hold a plaintext
    is_out: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered with what; `silent` were asked before and have not answered, `failed` answered badly."""

    region: str
    response: dict[str, Any] = field(repr=False)  # it may hold a plaintext key
    silent: tuple[str, ...]
    failed: Mapping[str, BaseException]


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one race. `accept` looks at a region's answer and raises what makes it worthless.

    `deadline` is on the monotonic clock; `call_seconds` is how long one call can last by its own time-outs.
    """

    deadline: float
    call_seconds: float
    accept: Callable[[dict[str, Any]], None] = lambda _response: None
    goes_on_after: Callable[[BaseException], bool] = lambda _error: False


def race(attempts: Sequence[Attempt], terms: Terms) -> Answer:
    """The first good answer.

    A fault of a class in `ELSEWHERE` lets the next region try. Any other error of the first region is raised at once,
    as boto3 would; that of a region which was asked beside it counts only when nobody answers well.

    Raises:
        Exception: where nobody answers well, of all errors the one that may pass, else the one that says most.
    """
    return _Race(attempts, terms).run()


class _Race:
    def __init__(self, attempts: Sequence[Attempt], terms: Terms) -> None:
        self._terms = terms
        self._first = attempts[0]
        self._waiting = deque(attempts)
        self._running: dict[Future[dict[str, Any]], tuple[Attempt, Call]] = {}
        self._failed: dict[str, BaseException] = {}
        self._may_hedge = True

    def run(self) -> Answer:
        while self._waiting and self._has_no_rival():
            attempt = self._waiting.popleft()
            answer = self._judge(attempt, lambda a=attempt: a.kms.call(a.operation, a.parameters))  # type: ignore[misc]  # a default binds the loop's attempt
            if answer is not None:
                return answer
        if self._waiting:
            self._begin_next()
        while self._running:
            rival = self._may_hedge and bool(self._waiting) and not self._waiting[0].is_out
            done = self._await_some(self._latest.kms.latency.hedge_delay_seconds if rival else None)
            for future in done:
                attempt, _ = self._running.pop(future)
                answer = self._judge(attempt, future.result)
                if answer is not None:
                    return answer
            if not done and time.monotonic() >= self._terms.deadline:
                break
            if self._waiting and (done or self._latest.kms.hedges.spend()):
                self._begin_next()
            elif not done:
                self._may_hedge = False  # the budget is spent: only a failure lets the next region try
        raise self._verdict()

    def _has_no_rival(self) -> bool:
        """Nobody could overtake the next one, it is known to answer, and its time-outs keep the deadline.

        Time-outs do not bound an answer that comes byte by byte; so a region that is out or not known gets a thread.
        """
        attempt, *rivals = self._waiting
        in_time = time.monotonic() + self._terms.call_seconds <= self._terms.deadline
        answers = attempt.kms.latency.is_known and not attempt.kms.breaker.is_open
        return in_time and answers and all(rival.is_out for rival in rivals)

    def _begin_next(self) -> None:
        self._latest = attempt = self._waiting.popleft()
        call = attempt.kms.submit(attempt.operation, attempt.parameters)
        self._running[call.future] = attempt, call

    def _await_some(self, patience_seconds: float | None) -> set[Future[dict[str, Any]]]:
        remaining = max(0.0, self._terms.deadline - time.monotonic())
        patience = remaining if patience_seconds is None else min(patience_seconds, remaining)
        if len(self._running) > 1:
            return wait(self._running, timeout=patience, return_when=FIRST_COMPLETED).done
        (only,) = self._running  # the common case needs no waiter installed
        with suppress(TimeoutError):
            only.exception(patience)
        return {only} if only.done() else set()

    def _judge(self, attempt: Attempt, result: Callable[[], dict[str, Any]]) -> Answer | None:
        """The answer, if it is a good one; raises the first region's refusal, notes what lets another region try."""
        region = attempt.kms.region
        try:
            response = result()
            self._terms.accept(response)
        except KMS_ERRORS as error:
            goes_on = classify(error) in ELSEWHERE or self._terms.goes_on_after(error)
            if attempt is self._first and not goes_on:
                raise
            self._failed[region] = error
            return None
        for rival, call in self._running.values():
            rival.kms.overtaken(call)
        silent = tuple(rival.kms.region for rival, _ in self._running.values())
        return Answer(region, response, silent, self._failed)

    def _verdict(self) -> BaseException:
        """The error to raise when nobody answered well: what may pass comes first, then what is worst."""
        errors = list(self._failed.values())
        if self._running:
            silent = ", ".join(attempt.kms.region for attempt, _ in self._running.values())
            errors.append(RegionUnavailableError(silent, "no answer within the deadline"))
        verdict = min(errors, key=_rank)
        for other in errors:
            if other is not verdict:
                verdict.add_note(f"another region failed as well: {other}")
        return verdict


def _rank(error: BaseException) -> int:
    """Of equals the first counts. That a blob is another key's says least: that region was asked on the chance."""
    if isinstance(error, CommitmentError):
        return 2
    if code_of(error) == "IncorrectKeyException":
        return 6
    ranks = {FaultClass.REGION: 0, FaultClass.THROTTLE: 1, FaultClass.KEY: 3, FaultClass.CIPHERTEXT: 4}
    return ranks.get(classify(error) or FaultClass.CALLER, 5)
