"""The breaker: region faults in a row open it, any answer closes it, one trial at a time gets through."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.breaker import Breaker


def test_one_fault_does_not_open_it_and_the_second_in_a_row_does() -> None:
    breaker = Breaker(2, 5.0)

    outcomes = [breaker.faulted(0.0), breaker.faulted(1.0)]

    assert outcomes == [False, True]
    assert breaker.is_open


@given(st.lists(st.booleans()))
def test_it_is_open_exactly_after_two_faults_with_no_answer_since(answers: list[bool]) -> None:
    breaker = Breaker(2, 5.0)

    for now, answered in enumerate(answers):
        if answered:
            breaker.succeeded()
        else:
            breaker.faulted(float(now))

    assert breaker.is_open == (len(answers) >= 2 and answers[-2:] == [False, False])


def test_while_open_one_caller_in_five_seconds_may_try() -> None:
    breaker = Breaker(2, 5.0)
    breaker.faulted(0.0)
    breaker.faulted(10.0)

    claims = [breaker.claims_trial(now) for now in (10.0, 14.9, 15.0, 15.0, 19.9, 20.0)]

    assert claims == [False, False, True, False, False, True]


def test_nobody_needs_a_trial_while_it_is_closed() -> None:
    breaker = Breaker(2, 5.0)

    assert not breaker.claims_trial(1e9)


def test_a_failed_trial_keeps_it_open_and_a_good_one_closes_it() -> None:
    breaker = Breaker(2, 5.0)
    breaker.faulted(0.0)
    breaker.faulted(0.0)

    still_out = breaker.faulted(6.0)
    early = breaker.claims_trial(10.9)
    breaker.succeeded()

    assert still_out
    assert not early
    assert not breaker.is_open
    assert not breaker.faulted(12.0)


def test_only_one_of_many_threads_claims_the_trial() -> None:
    breaker = Breaker(2, 5.0)
    breaker.faulted(0.0)
    breaker.faulted(0.0)

    with ThreadPoolExecutor(16) as threads:
        claims = list(threads.map(breaker.claims_trial, [100.0] * 200))

    assert claims.count(True) == 1
