"""The race: the first good answer, the next region after a fault or after silence, and nothing carried elsewhere."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kms_failover.client.call import Call, Wakeup
from kms_failover.domain.data_keys.budget import Budget
from kms_failover.errors import CommitmentError, NotSentError, RegionUnavailableError
from tests.client.course import GOOD, Course
from tests.client.kms_world import AT_ONCE, FOREVER, Later, aws_error, timed_out, unreachable

SEVERAL_SECONDS = 4.0  # a stall of this process for half of it would fail what waits for the other half


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Of the race's deadline."""
    later = Later()
    monkeypatch.setattr("kms_failover.client.race.time", later)
    return later


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


def test_beyond_the_budget_a_silent_region_is_overtaken_by_no_more_than_it_takes_to_know_that_it_is_out() -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE, budget=Budget(0, 0))
    while course.runners["a"]._witnesses.acquire(blocking=False):
        pass

    with pytest.raises(RegionUnavailableError):
        course.run(deadline=AT_ONCE * 5)
    alone = list(course.asked)
    course.runners["a"]._witnesses.release()

    assert alone == ["a"]
    assert course.run().region == "b"


def test_the_next_region_is_asked_without_budget_as_soon_as_anybody_finds_the_latest_out() -> None:
    course = Course(a=None, b=GOOD, budget=Budget(0, 0))
    course.after_submitting("a", course.runners["a"].goes_out)

    answer = course.run()

    assert (answer.region, course.asked) == ("b", ["a", "b"])


def test_a_region_that_was_out_before_it_was_asked_is_given_its_time() -> None:
    course = Course(a=None, b=GOOD, out=("a", "b"))
    course.runners["a"].goes_out()
    began_at = time.monotonic()

    answer = course.run(deadline=SEVERAL_SECONDS)

    assert answer.region == "b"
    assert time.monotonic() - began_at >= SEVERAL_SECONDS / 2


def test_however_far_the_first_region_is_the_next_one_has_half_of_the_time_and_nobody_is_blamed() -> None:
    course = Course(a=None, b=GOOD, hedge=FOREVER)

    answer = course.run(deadline=SEVERAL_SECONDS)

    assert (answer.region, answer.silent) == ("b", ())
    assert not course.runners["a"]._is_late


def test_a_region_that_came_back_meanwhile_is_asked() -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE, out=("b",))
    course.after_submitting("a", lambda: setattr(course, "out", ()))

    assert course.run().region == "b"


# What was not sent, and time that was not the region's


def test_time_in_which_this_process_did_not_run_is_no_regions_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("call", "responsiveness"):
        monkeypatch.setattr(f"kms_failover.client.{module}.AWAKE", SimpleNamespace(now=lambda: 0.0))
    course = Course(a=None, b=GOOD, hedge=AT_ONCE)

    with pytest.raises(RegionUnavailableError):
        course.run(deadline=AT_ONCE * 5)

    assert course.asked == ["a"]


def test_what_still_waits_for_a_thread_at_the_end_is_not_called_any_more() -> None:
    course = Course(a=None, b=GOOD, queued=("a",))

    with pytest.raises(NotSentError):
        course.run(deadline=AT_ONCE)

    assert not course.runners["a"]._under_way


@pytest.mark.parametrize("kept", [{"unsent": ("a",)}, {"queued": ("a",)}], ids=repr)
def test_what_was_not_sent_is_never_overtaken_and_no_region_is_blamed(kept: dict[str, Any]) -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE, **kept)

    with pytest.raises(NotSentError, match="in a was sent within the deadline"):
        course.run(deadline=AT_ONCE * 5)

    assert course.asked == ["a"]


def test_the_time_to_overtake_runs_from_when_it_is_sent() -> None:
    course = Course(a=None, b=GOOD, hedge=AT_ONCE, unsent=("a",))
    sent_later = threading.Timer(AT_ONCE * 5, lambda: next(iter(course.runners["a"]._under_way)).sent())
    course.after_submitting("a", sent_later.start)

    answer = course.run()

    assert (answer.region, answer.silent) == ("b", ("a",))


def test_what_waits_for_a_thread_of_a_region_that_is_late_is_asked_elsewhere_without_budget() -> None:
    course = Course(a=None, b=GOOD, queued=("a",), budget=Budget(0, 0))
    a = course.runners["a"]
    late = a.submit("decrypt", {})
    late.sent()
    course.after_submitting("a", lambda: a.late(late))

    answer = course.run()

    assert (answer.region, answer.silent) == ("b", ("a",))


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


def test_only_without_a_rival_the_callers_own_thread_does_it_for_one_that_is_out_may_come_back() -> None:
    only, first = Course(a=GOOD), Course(a=GOOD, b=GOOD, out=("b",))

    only.run()
    first.run()

    assert (only.alone, first.alone) == (["a"], [])


def test_the_callers_own_thread_never_fetches_credentials() -> None:
    course = Course(a=GOOD)
    course.runners["a"]._credentials = lambda: SimpleNamespace(refresh_needed=lambda: True)

    course.run()

    assert course.alone == []


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


def test_when_all_are_silent_the_deadline_ends_it_and_names_them(clock: Later) -> None:
    course = Course(a=None, b=None, hedge=AT_ONCE)
    course.after_submitting("b", lambda: clock.pass_by(FOREVER))

    with pytest.raises(RegionUnavailableError, match="a, b"):
        course.run()


def test_one_that_fails_and_one_that_is_silent_end_at_the_deadline_with_the_silence_for_that_may_pass(
    clock: Later,
) -> None:
    course = Course(a=None, b=aws_error("InvalidCiphertextException")(), hedge=AT_ONCE)
    course.after_submitting("b", lambda: clock.pass_by(FOREVER))

    with pytest.raises(RegionUnavailableError, match="in a ") as raised:
        course.run()

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

    def answer_both(operation: str, parameters: dict[str, Any], wakeup: Wakeup | None = None) -> Call:
        call = hedge(operation, parameters, wakeup)
        slow.future.set_result(GOOD)
        return call

    course.runners["b"].submit = answer_both  # type: ignore[method-assign]  # the same

    assert course.run().region == "a"
