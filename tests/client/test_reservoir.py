"""The reservoir: each key once, never too old, never of a route that has changed, never more than allowed."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from kms_failover.client.reservoir import Reservoir
from kms_failover.domain.data_keys.cache import DEGRADED_SECONDS
from kms_failover.domain.data_keys.settings import ReservoirLimits
from tests.client.kms_world import FOREVER, timed_out


class World:
    def __init__(self, **limits: int) -> None:
        self.now = 1000.0
        self.numbers = itertools.count()
        self.degraded = False
        self.fails = False
        self.reservoir = Reservoir(ReservoirLimits(**{"keys": 4} | limits), lambda: self.now)

    def make(self) -> dict[str, Any]:
        if self.fails:
            raise timed_out()
        return {"Plaintext": next(self.numbers), "KmsFailover": {"Degraded": self.degraded}}

    def take(self, identity: str = "a", epoch: int = 0) -> int | None:
        """And let what was begun be finished."""
        key = self.reservoir.take(identity, epoch, self.make)
        self.settle()
        return None if key is None else key["Plaintext"]

    def settle(self) -> None:
        list(self.reservoir._makers.map(lambda _: None, range(64), timeout=FOREVER))


@contextmanager
def closing(world: World) -> Iterator[World]:
    yield world
    world.reservoir.close()


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World(makers=1)) as made:
        yield made


def test_from_the_second_request_on_keys_are_made_ahead(world: World) -> None:
    assert [world.take() for _ in range(4)] == [None, None, 0, 1]


def test_what_is_asked_for_once_is_not_stocked() -> None:
    with closing(World(keys=16, max_entries=4, makers=2)) as world:
        for number in range(20):
            world.take(str(number))

        assert next(world.numbers) == 0


def test_what_is_no_longer_in_use_is_no_longer_made() -> None:
    with closing(World(keys=50, max_entries=1, makers=1)) as world:
        begun, go_on = Event(), Event()

        def slowly() -> dict[str, Any]:
            begun.set()
            go_on.wait(FOREVER)
            return world.make()

        for _ in range(2):
            world.reservoir.take("a", 0, slowly)
        begun.wait(FOREVER)
        world.reservoir.take("b", 0, world.make)
        go_on.set()
        world.settle()

        assert next(world.numbers) == 1


def test_expired_keys_do_not_lie_there_until_somebody_asks_for_them(world: World) -> None:
    stocked(world)

    world.now += 61
    world.take("another")

    assert not world.reservoir._shelves["a"].keys


def stocked(world: World) -> World:
    for _ in range(2):
        world.take()
    return world


def test_no_key_is_given_out_twice(world: World) -> None:
    with closing(World(makers=8)) as busy, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: busy.reservoir.take("a", 0, busy.make), range(500)))

    keys = [answer["Plaintext"] for answer in answers if answer is not None]
    assert keys
    assert len(set(keys)) == len(keys)


def test_never_more_keys_lie_there_than_allowed(world: World) -> None:
    for _ in range(4):
        world.take()

    assert len(world.reservoir._shelves["a"].keys) == 4


def test_a_changed_route_drains_what_was_made_for_the_old_one(world: World) -> None:
    stocked(world)

    first = world.take(epoch=1)
    second = world.take(epoch=1)

    assert first is None
    assert second == 4


@pytest.mark.parametrize(("seconds", "key"), [(59.9, 0), (60.0, None), (-0.1, None)])
def test_a_key_ages_and_a_clock_that_runs_backwards_ages_it_at_once(
    world: World, seconds: float, key: int | None
) -> None:
    stocked(world)

    world.now += seconds

    assert world.take() == key


@pytest.mark.parametrize(("seconds", "key"), [(DEGRADED_SECONDS - 0.1, 0), (DEGRADED_SECONDS, None)])
def test_a_degraded_key_does_not_outlive_a_breaker(world: World, seconds: float, key: int | None) -> None:
    world.degraded = True
    stocked(world)

    world.now += seconds

    assert world.take() == key


def test_a_failure_is_not_stored_and_the_next_caller_tries_again(world: World) -> None:
    world.fails = True
    empty = [world.take(), world.take()]
    world.fails = False

    assert empty == [None, None]
    assert [world.take(), world.take()] == [None, 0]


def test_a_defect_is_logged_and_leaves_room_for_the_next_try(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> dict[str, Any]:
        raise ZeroDivisionError

    for _ in range(2):
        world.reservoir.take("a", 0, broken)
        world.settle()

    assert "defect" in caplog.text
    assert [world.take(), world.take()] == [None, 0]


def test_each_identity_has_its_own_shelf_and_the_longest_unused_goes() -> None:
    with closing(World(max_entries=2, makers=1)) as world:
        for identity in "abc":
            world.take(identity)

        assert list(world.reservoir._shelves) == ["b", "c"]


def test_after_its_end_nothing_is_kept_and_nobody_fails(world: World) -> None:
    world.take()

    world.reservoir.close()

    assert world.reservoir.take("a", 0, world.make) is None
