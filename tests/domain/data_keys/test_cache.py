"""The cache: never older, never more often, never for more bytes, never more of them than allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.cache import DEGRADED_SECONDS, DataKeyCache
from kms_failover.domain.data_keys.settings import CacheLimits


class World:
    def __init__(self, **limits: int) -> None:
        self.now = 1000.0
        self.cache = DataKeyCache[str](CacheLimits(**{"max_age_seconds": 60} | limits), lambda: self.now)


def test_a_kept_answer_is_given_out_for_its_own_identity_only() -> None:
    world = World()

    world.cache.keep("a", "answer")

    assert world.cache.take("a") == "answer"
    assert world.cache.take("b") is None


@pytest.mark.parametrize(("seconds", "answer"), [(59.9, "answer"), (60.0, None), (-0.1, None)])
def test_an_answer_ages_and_a_clock_that_runs_backwards_ages_it_at_once(seconds: float, answer: str | None) -> None:
    world = World()
    world.cache.keep("a", "answer")

    world.now += seconds

    assert world.cache.take("a") == answer


@pytest.mark.parametrize(("seconds", "answer"), [(DEGRADED_SECONDS - 0.1, "answer"), (DEGRADED_SECONDS, None)])
def test_a_degraded_answer_does_not_outlive_a_breaker(seconds: float, answer: str | None) -> None:
    world = World()
    world.cache.keep("a", "answer", degraded=True)

    world.now += seconds

    assert world.cache.take("a") == answer


def test_the_callers_own_use_counts() -> None:
    world = World(max_uses=3)

    world.cache.keep("a", "answer")

    assert [world.cache.take("a") for _ in range(3)] == ["answer", "answer", None]


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 200))
def test_one_key_never_encrypts_more_bytes_than_allowed(messages: list[int], max_bytes: int) -> None:
    world = World(max_bytes=max_bytes)
    under: dict[str, list[int]] = {}

    for number, message_bytes in enumerate(messages):
        key = world.cache.take("a", message_bytes)
        if key is None:
            key = f"key {number}"
            world.cache.keep("a", key, message_bytes)
        under.setdefault(key, []).append(message_bytes)

    assert all(sum(own) <= max_bytes or len(own) == 1 for own in under.values())


def test_whoever_does_not_say_how_many_bytes_gets_a_key_of_its_own_while_bytes_are_bounded() -> None:
    bounded, unbounded = World(max_bytes=100), World()
    for world in (bounded, unbounded):
        world.cache.keep("a", "answer", None)

    assert unbounded.cache.take("a", None) == "answer"
    bounded.cache.keep("a", "answer", 10)
    assert bounded.cache.take("a", None) is None
    assert bounded.cache.take("a", 10) == "answer"


def test_where_there_are_too_many_the_longest_unused_one_goes() -> None:
    world = World(max_entries=2)
    world.cache.keep("a", "1")
    world.cache.keep("b", "2")
    world.cache.take("a")

    world.cache.keep("c", "3")

    assert [world.cache.take(name) for name in "abc"] == ["1", None, "3"]


def test_nothing_is_left_after_clearing() -> None:
    world = World()
    world.cache.keep("a", "answer")

    world.cache.clear()

    assert world.cache.take("a") is None


def test_an_expired_answer_does_not_lie_there_until_somebody_asks_for_it() -> None:
    world = World()
    world.cache.keep("a", "answer")

    world.now += 61
    world.cache.take("b")

    assert not world.cache._entries
