"""A region's tail: slow by its own standard, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.latency import FEWEST, REMEMBERED, Latency


def after(*seconds: float) -> Latency:
    latency = Latency(first_seconds=0.2, min_seconds=0.05, max_seconds=0.5)
    for one in seconds:
        latency.add(one)
    return latency


def test_before_a_tail_is_known_the_first_delay_holds() -> None:
    latency = after(*[0.001] * (FEWEST - 1))

    assert latency.hedge_delay_seconds == 0.2
    assert not latency.is_known


@pytest.mark.parametrize(
    ("usual", "delay"),
    [(0.001, 0.05), (0.03, 0.09), (0.1, 0.3), (0.3, 0.5), (0.6, 0.75)],
    ids=["near", "far", "farther", "slow", "slower"],
)
def test_the_delay_follows_the_regions_own_tail_within_bounds(usual: float, delay: float) -> None:
    assert after(*[usual] * REMEMBERED).hedge_delay_seconds == pytest.approx(delay)


@pytest.mark.parametrize(
    ("usual", "silence"),
    [(0.001, 0.05), (0.03, 0.05), (0.1, 0.125), (0.3, 0.375), (0.6, 0.75)],
    ids=["near", "far", "farther", "slow", "slower"],
)
def test_a_region_is_silent_to_several_calls_soon_after_nearly_every_answer(usual: float, silence: float) -> None:
    assert after(*[usual] * REMEMBERED).silence_seconds == pytest.approx(silence)


@given(st.lists(st.floats(0, 1e6), max_size=300))
def test_silence_to_several_is_never_noticed_later_than_silence_to_one(seconds: list[float]) -> None:
    latency = after(*seconds)

    assert 0.05 <= latency.silence_seconds <= latency.hedge_delay_seconds


def test_a_few_slow_answers_do_not_move_it() -> None:
    assert after(*[0.03] * 96, *[2.0] * 4).hedge_delay_seconds == pytest.approx(0.09)


def test_what_was_long_ago_is_forgotten() -> None:
    assert after(*[2.0] * REMEMBERED, *[0.03] * REMEMBERED).hedge_delay_seconds == pytest.approx(0.09)


@given(st.lists(st.floats(0, 1e6), max_size=300))
def test_it_leaves_its_bounds_only_for_a_region_whose_usual_answers_do(seconds: list[float]) -> None:
    delay = after(*seconds).hedge_delay_seconds

    assert 0.05 <= delay <= max(0.5, 1.25 * max(seconds, default=0.0))
