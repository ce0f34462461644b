"""The budget: extra calls never exceed their share of the ordinary ones, beyond what it held at first."""

from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.budget import Budget


@given(st.lists(st.booleans(), max_size=400), st.integers(0, 10), st.sampled_from([0.0, 0.05, 0.2, 1.0]))
def test_extra_calls_stay_within_their_share(asks: list[bool], capacity: int, share: float) -> None:
    budget = Budget(capacity, share)
    ordinary = extra = 0

    for asked in asks:
        if asked:
            extra += budget.spend()
        else:
            budget.earn()
            ordinary += 1

    assert extra <= capacity + share * ordinary


def test_what_is_earned_can_be_spent() -> None:
    budget = Budget(1, 0.5)

    spent = [budget.spend(), budget.spend()]
    budget.earn()
    after_one = budget.spend()
    budget.earn()
    budget.earn()

    assert (spent, after_one, budget.spend()) == ([True, False], False, True)


def test_no_more_is_saved_than_it_holds() -> None:
    budget = Budget(2, 1.0)

    for _ in range(100):
        budget.earn()

    assert [budget.spend() for _ in range(3)] == [True, True, False]
