"""The race: the first good answer, the next region after a fault or after silence, and nothing carried elsewhere."""

import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kms_failover.adapters.race import Answer, Attempt, Terms, race
from kms_failover.adapters.regional_kms import Call
from kms_failover.domain.budget import Budget
from kms_failover.errors import CommitmentError, RegionUnavailableError
from tests.adapters.kms_world import AT_ONCE, FOREVER, aws_error, timed_out, unreachable

GOOD = {"Plaintext": b"key"}


class Runner:
    """One region of a course, in the place of RegionalKms."""

    def __init__(self, course: "Course", region: str, outcome: Any) -> None:
        self.course, self.region, self.outcome = course, region, outcome
        self.latency = SimpleNamespace(hedge_delay_seconds=course.hedge, is_known=course.known)
        self.breaker = SimpleNamespace(is_open=region in course.out)
        self.hedges = course.budget

    def submit(self, operation: str, parameters: dict[str, Any]) -> Call:
        self.course.asked.append(self.region)
        call = Call(self.region)
        call.future = Future()
        if isinstance(self.outcome, Exception):
            call.future.set_exception(self.outcome)
        elif self.outcome is not None:
            call.future.set_result(self.outcome)
        return call

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.course.alone.append(self.region)
        answer: dict[str, Any] = self.submit(operation, parameters).future.result(AT_ONCE)
        return answer

    def overtaken(self, call: Call) -> None:
        self.course.overtaken.append(self.region)


class Course:
    """Regions by name: an answer, an exception, or None for silence. `out` are asked last."""

    def __init__(
        self,
        *,
        hedge: float = FOREVER,
        budget: Budget | None = None,
        out: tuple[str, ...] = (),
        known: bool = True,
        **regions: Any,
    ) -> None:
        self.hedge, self.budget, self.out, self.known = hedge, budget or Budget(9, 0), out, known
        self.regions = regions
        self.asked: list[str] = []
        self.alone: list[str] = []
        self.overtaken: list[str] = []
        self.runners = {region: Runner(self, region, outcome) for region, outcome in regions.items()}

    def run(self, *, deadline: float = FOREVER, **terms: Any) -> Answer:
        runners: dict[str, Any] = self.runners
        attempts = [Attempt(runner, "decrypt", {}, region in self.out) for region, runner in runners.items()]
        return race(attempts, Terms(deadline=time.monotonic() + deadline, call_seconds=4.0, **terms))


def test_a_good_first_region_is_the_only_one_asked() -> None:
    course = Course(a=GOOD, b=GOOD)

    answer = course.run()

    assert (answer.region, answer.response, answer.silent, answer.failed) == ("a", GOOD, (), {})
    assert course.asked == ["a"]


@pytest.mark.parametrize(
    "fault",
    [timed_out(), unreachable(), aws_error("DisabledException")(), aws_error("InvalidCiphertextException")()],
    ids=repr,
)
def test_a_fault_that_may_be_one_regions_own_lets_the_next_one_try(fault: Exception) -> None:
    course = Course(a=fault, b=fault, c=GOOD)

    answer = course.run()

    assert (answer.region, answer.silent, answer.failed) == ("c", (), {"a": fault, "b": fault})


@pytest.mark.parametrize(
    "error", [aws_error("ThrottlingException")(), aws_error("AccessDeniedException")(), TypeError()]
)
def test_what_is_the_same_everywhere_is_raised_at_once(error: Exception) -> None:
    course = Course(a=error, b=GOOD)

    with pytest.raises(type(error)) as raised:
        course.run()

    assert raised.value is error
    assert course.asked == ["a"]


def test_a_caller_may_say_what_else_goes_on() -> None:
    course = Course(a=aws_error("AccessDeniedException")(), b=GOOD)

    answer = course.run(goes_on_after=lambda error: isinstance(error, ClientError))

    assert answer.region == "b"


def test_an_answer_that_the_caller_cannot_accept_lets_the_next_one_try() -> None:
    course = Course(a=GOOD | {"Plaintext": b"another"}, b=GOOD)

    answer = course.run(accept=refuse_another_key)

    assert answer.region == "b"


def refuse_another_key(response: dict[str, Any]) -> None:
    if response != GOOD:
        raise CommitmentError("another key")


def test_a_silent_region_is_overtaken_and_hears_of_it() -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE)

    answer = course.run()

    assert (answer.region, answer.silent) == ("b", ("a",))
    assert course.overtaken == ["a"]


def test_a_silent_region_is_not_overtaken_once_the_budget_is_spent() -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE, budget=Budget(0, 0))

    with pytest.raises(RegionUnavailableError):
        course.run(deadline=AT_ONCE * 5)

    assert course.asked == ["a"]


def test_the_next_region_after_a_fault_costs_nothing_of_the_budget() -> None:
    course = Course(a=unreachable(), b=GOOD, budget=Budget(0, 0))

    assert course.run().region == "b"


def test_a_region_that_is_out_is_not_asked_because_another_is_slow() -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE, out=("b",))

    with pytest.raises(RegionUnavailableError):
        course.run(deadline=AT_ONCE * 5)

    assert course.asked == ["a"]


def test_a_region_that_is_out_is_asked_when_the_others_have_failed() -> None:
    course = Course(a=unreachable(), b=GOOD, out=("b",))

    assert course.run().region == "b"


@pytest.mark.parametrize(("out", "alone"), [((), []), (("b",), ["a"])])
def test_only_without_a_rival_the_callers_own_thread_does_it(out: tuple[str, ...], alone: list[str]) -> None:
    course = Course(a=GOOD, b=GOOD, out=out)

    course.run()

    assert course.alone == alone


def test_a_region_that_is_not_known_yet_gets_a_thread_it_may_answer_byte_by_byte() -> None:
    course = Course(a=GOOD, known=False)

    course.run()

    assert course.alone == []


def test_the_callers_own_thread_never_does_what_could_outlast_the_deadline() -> None:
    course = Course(a=GOOD)

    course.run(deadline=3.9)

    assert course.alone == []


def test_when_all_fail_a_regions_fault_is_raised_before_a_keys_and_tells_of_the_others() -> None:
    course = Course(a=aws_error("DisabledException")(), b=timed_out())

    with pytest.raises(ReadTimeoutError) as raised:
        course.run()

    assert "another region failed as well" in "".join(raised.value.__notes__)


def test_when_nothing_opens_to_the_committed_key_that_is_what_is_said() -> None:
    course = Course(a=aws_error("InvalidCiphertextException")(), b={"Plaintext": b"another"})

    with pytest.raises(CommitmentError):
        course.run(accept=refuse_another_key)


def test_when_all_are_silent_the_deadline_ends_it_and_names_them() -> None:
    course = Course(a=None, b=None, hedge=AT_ONCE)

    with pytest.raises(RegionUnavailableError, match="a, b"):
        course.run(deadline=AT_ONCE * 5)


def test_one_that_fails_and_one_that_is_silent_end_at_the_deadline_with_the_silence_for_that_may_pass() -> None:
    course = Course(a=None, b=aws_error("InvalidCiphertextException")(), hedge=AT_ONCE)

    with pytest.raises(RegionUnavailableError, match="in a ") as raised:
        course.run(deadline=AT_ONCE * 5)

    assert "InvalidCiphertextException" in "".join(raised.value.__notes__)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("DisabledException", "ThrottlingException", "ThrottlingException"),
        ("IncorrectKeyException", "ThrottlingException", "ThrottlingException"),
        ("IncorrectKeyException", "InvalidCiphertextException", "InvalidCiphertextException"),
        ("InvalidCiphertextException", "DisabledException", "DisabledException"),
        ("DisabledException", "NotFoundException", "DisabledException"),
        ("InvalidCiphertextException", "AccessDeniedException", "InvalidCiphertextException"),
        ("ThrottlingException", "KMSInternalException", "KMSInternalException"),
    ],
)
def test_of_several_errors_the_one_that_may_pass_is_raised_then_the_one_that_says_most(
    first: str, second: str, said: str
) -> None:
    course = Course(a=aws_error(first)(), b=aws_error(second)())

    with pytest.raises(ClientError, match=said):
        course.run(goes_on_after=lambda _error: True)


def test_an_answer_does_not_show_its_key() -> None:
    assert "key" not in repr(Course(a=GOOD).run())


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_the_refusal_of_an_overtaking_region_does_not_spoil_the_first_ones_answer(code: str) -> None:
    course = Course(a=None, b=aws_error(code)(), hedge=AT_ONCE)
    slow = course.runners["a"].submit("decrypt", {})
    started: Any = lambda *_arguments: slow  # noqa: E731
    course.runners["a"].submit = started  # type: ignore[method-assign]  # it answers later
    hedge = course.runners["b"].submit

    def answer_both(operation: str, parameters: dict[str, Any]) -> Call:
        call = hedge(operation, parameters)
        slow.future.set_result(GOOD)
        return call

    course.runners["b"].submit = answer_both  # type: ignore[method-assign]  # the same

    assert course.run().region == "a"
