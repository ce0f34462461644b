"""The race: the first good answer, the next region after a fault or after silence, and nothing carried elsewhere."""

from concurrent.futures import Future
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kms_failover.adapters.race import Answer, Attempt, race
from kms_failover.errors import RegionUnavailableError
from tests.adapters.kms_world import AT_ONCE, FOREVER, aws_error, timed_out, unreachable

GOOD = {"Plaintext": b"key"}


class Course:
    """Regions by name: an answer, an exception, or None for silence."""

    def __init__(self, **regions: Any) -> None:
        self.regions = regions
        self.asked: list[str] = []

    def _start(self, region: str) -> Future[dict[str, Any]]:
        self.asked.append(region)
        future: Future[dict[str, Any]] = Future()
        outcome = self.regions[region]
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        elif outcome is not None:
            future.set_result(outcome)
        return future

    def run(self, *, hedge: float = FOREVER, deadline: float = FOREVER, **options: Any) -> Answer:
        attempts = [Attempt(region, lambda r=region: self._start(r)) for region in self.regions]  # type: ignore[misc]  # a default binds the loop's region
        return race(attempts, hedge_delay_seconds=hedge, deadline_seconds=deadline, **options)


def test_a_good_first_region_is_the_only_one_asked() -> None:
    course = Course(a=GOOD, b=GOOD)

    answer = course.run()

    assert (answer.region, answer.response, answer.overtaken) == ("a", GOOD, ())
    assert course.asked == ["a"]


@pytest.mark.parametrize(
    "fault",
    [timed_out(), unreachable(), aws_error("DisabledException")(), aws_error("InvalidCiphertextException")()],
    ids=repr,
)
def test_a_fault_that_may_be_one_regions_own_lets_the_next_one_try(fault: Exception) -> None:
    course = Course(a=fault, b=fault, c=GOOD)

    answer = course.run()

    assert (answer.region, answer.overtaken) == ("c", ("a", "b"))


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


def test_a_silent_region_is_overtaken() -> None:
    course = Course(a=None, b=GOOD)

    answer = course.run(hedge=AT_ONCE)

    assert (answer.region, answer.overtaken) == ("b", ("a",))


def test_when_all_fail_a_regions_fault_is_raised_before_a_keys_and_tells_of_the_others() -> None:
    course = Course(a=aws_error("DisabledException")(), b=timed_out())

    with pytest.raises(ReadTimeoutError) as raised:
        course.run()

    assert "another region failed as well" in "".join(raised.value.__notes__)


def test_when_all_are_silent_the_deadline_ends_it_and_names_them() -> None:
    course = Course(a=None, b=None)

    with pytest.raises(RegionUnavailableError, match="a, b"):
        course.run(hedge=AT_ONCE, deadline=AT_ONCE * 5)


def test_one_that_fails_and_one_that_is_silent_end_at_the_deadline_with_the_failure() -> None:
    course = Course(a=None, b=aws_error("InvalidCiphertextException")())

    with pytest.raises(ClientError, match="InvalidCiphertextException"):
        course.run(hedge=AT_ONCE, deadline=AT_ONCE * 5)


def test_an_answer_does_not_show_its_key() -> None:
    assert "key" not in repr(Course(a=GOOD).run())


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_the_refusal_of_an_overtaking_region_does_not_spoil_the_first_ones_answer(code: str) -> None:
    course = Course(a=None, b=aws_error(code)())
    slow: Future[dict[str, Any]] = Future()

    def start_b() -> Future[dict[str, Any]]:
        refused = course._start("b")
        slow.set_result(GOOD)
        return refused

    answer = race([Attempt("a", lambda: slow), Attempt("b", start_b)], hedge_delay_seconds=AT_ONCE)

    assert answer.region == "a"
