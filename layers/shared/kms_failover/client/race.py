"""Ask the first region; ask the next one as well when it fails or stays silent; take the first answer."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ProxyConnectionError

from kms_failover.adapters.classify import KMS_ERRORS, classify, code_of
from kms_failover.client.call import UNTIL_WOKEN, Call, Wakeup
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.errors import CommitmentError, NotSentError, RegionUnavailableError

# What one region's refusal says about the next: these may go better elsewhere, all else is the same everywhere.
ELSEWHERE = frozenset({FaultClass.REGION, FaultClass.KEY, FaultClass.CIPHERTEXT})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One region's chance. One that `is_out` is asked when the others have failed or are out, not if they are slow."""

    kms: RegionalKms
    operation: str
    parameters: dict[str, Any] = field(repr=False)  # it may hold a plaintext

    @property
    def is_out(self) -> bool:
        """At this moment: a region may come back, or go, while others are waited for."""
        return self.kms.is_out(self.parameters["KeyId"])


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered with what; `silent` let us wait too long and have not answered, `failed` answered badly."""

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
    running = _Race(attempts, terms)
    try:
        return running.run()
    finally:
        running.give_up()


class _Race:
    def __init__(self, attempts: Sequence[Attempt], terms: Terms) -> None:
        self._terms = terms
        self._first = attempts[0]
        self._waiting = list(attempts)
        self._running: dict[Call, Attempt] = {}
        self._failed: dict[str, BaseException] = {}
        self._refused_by_proxy: list[RegionalKms] = []
        self._wakeup = Wakeup()
        self._patience = UNTIL_WOKEN

    def run(self) -> Answer:
        if self._has_no_rival():
            self._waiting.clear()
            first = self._first
            answer = self._judge(first, lambda: first.kms.call(first.operation, first.parameters))
            if answer is not None:
                return answer
        else:
            self._begin_next()
        while self._running:
            left = self._terms.deadline - time.monotonic()
            self._wakeup.wait(min(self._patience, left))
            ended = [call for call in self._running if call.future.done()]
            for call in ended:
                answer = self._judge(self._running.pop(call), call.future.result)
                if answer is not None:
                    return answer
            if not ended and time.monotonic() >= self._terms.deadline:
                break
            if self._waiting and (ended or self._may_overtake()):
                self._begin_next()
        raise self._error_when_all_failed()

    def give_up(self) -> None:
        """What still waits for a thread would be called for nobody."""
        for call, attempt in self._running.items():
            attempt.kms.give_up(call)

    def _has_no_rival(self) -> bool:
        """Nobody could overtake the only one, it is known to answer, and its time-outs keep the deadline.

        A rival that is out may come back while this one is waited for. Time-outs do not bound an answer that comes byte
        by byte, nor how long credentials take; so a region that is out or not known, and one that needs credentials
        first, gets a thread.
        """
        kms = self._first.kms
        in_time = time.monotonic() + self._terms.call_seconds <= self._terms.deadline
        answers = kms.latency.is_known and not kms.breaker.is_open
        return len(self._waiting) == 1 and in_time and answers and kms.has_credentials

    def _next(self) -> Attempt:
        return min(self._waiting, key=lambda attempt: attempt.is_out)

    def _begin_next(self) -> None:
        attempt = self._next()
        self._waiting.remove(attempt)
        call = attempt.kms.submit(attempt.operation, attempt.parameters, self._wakeup)
        self._running[call] = attempt
        self._latest = attempt, call
        self._most_patience = (self._terms.deadline - time.monotonic()) / 2  # the next one needs time to answer, too
        self._first_look = min(attempt.kms.latency.silence_seconds, self._most_patience)
        self._patience = self._first_look if self._waiting else UNTIL_WOKEN

    def _may_overtake(self) -> bool:
        """The next region may be asked beside the latest one; if not yet, how long to wait before the next look."""
        attempt, call = self._latest
        kms = attempt.kms
        if kms.went_out(call):
            return True
        self._patience = self._first_look
        is_out = attempt.is_out
        if self._next().is_out and not is_out:
            return False
        if kms.passes_over(call):
            return True
        at_most = call.patience_left(self._most_patience)  # a region's own tail may be longer than the deadline
        if at_most is None:  # not sent yet
            self._patience = UNTIL_WOKEN
            return False
        until_late = kms.seconds_until_late(call)
        if until_late > 0 and at_most > 0:
            self._patience = min(until_late, at_most)
            return False
        if until_late <= 0:
            kms.late(call)
        return is_out or kms.may_overtake(call)

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
            if isinstance(error, ProxyConnectionError):
                self._refused_by_proxy.append(attempt.kms)
            return None
        for kms in self._refused_by_proxy:
            kms.refused_by_proxy()
        silent = tuple(rival.kms.region for call, rival in self._running.items() if rival.kms.is_silent_to(call))
        for call, rival in self._running.items():
            rival.kms.overtaken(call)
        return Answer(region, response, silent, self._failed)

    def _error_when_all_failed(self) -> BaseException:
        """What the caller sees when no region answered well: what may pass comes first, then what is worst.

        An error of ours reaches the caller as a ClientError: `failover_kms._raises_like_boto3` names its code.
        """
        errors = list(self._failed.values())
        if self._running:
            errors.append(no_answer(self._running))
        first = min(errors, key=_rank)
        for other in errors:
            if other is not first:
                first.add_note(f"another region failed as well: {other}")
        return first


def no_answer(calls: Collection[Call]) -> RegionUnavailableError | NotSentError:
    """What is said at the deadline: a region's silence where a request was sent, else what kept it from being sent."""
    silent = [call.region for call in calls if call.sent_at is not None]
    if silent:
        return RegionUnavailableError(", ".join(silent), "no answer within the deadline")
    return NotSentError(tuple(call.region for call in calls))


def _rank(error: BaseException) -> int:
    """Of equals the first counts. That a blob is another key's says least: that region was asked on the chance."""
    if isinstance(error, CommitmentError):
        return 2
    if code_of(error) == "IncorrectKeyException":
        return 6
    ranks = {FaultClass.REGION: 0, FaultClass.THROTTLE: 1, FaultClass.KEY: 3, FaultClass.CIPHERTEXT: 4}
    return ranks.get(classify(error) or FaultClass.CALLER, 5)
