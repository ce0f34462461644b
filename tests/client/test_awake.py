"""The awake clock: what others let us wait, without our own stalls."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.client.awake import BEAT_SECONDS, AwakeClock

ON_TIME = BEAT_SECONDS / 2


class Monotonic:
    def __init__(self) -> None:
        self.now = 0.0
        self.then: Callable[[], None] = lambda: None  # between the reading and what is done with it, once

    def __call__(self) -> float:
        now = self.now
        then, self.then = self.then, lambda: None
        then()
        return now


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def clock(monotonic: Monotonic) -> AwakeClock:
    made = AwakeClock(monotonic)
    made.beat()
    return made


def test_while_beats_come_in_time_it_is_the_monotonic_clock(clock: AwakeClock, monotonic: Monotonic) -> None:
    for _ in range(100):
        monotonic.now += ON_TIME
        clock.beat()

    assert clock.now() == pytest.approx(monotonic.now)


def test_a_stall_does_not_count_whoever_looks_first(clock: AwakeClock, monotonic: Monotonic) -> None:
    monotonic.now += 60.0

    before_the_beat = clock.now()
    clock.beat()

    assert before_the_beat == pytest.approx(BEAT_SECONDS)
    assert clock.now() == pytest.approx(BEAT_SECONDS)


def test_after_a_stall_it_goes_on(clock: AwakeClock, monotonic: Monotonic) -> None:
    monotonic.now += 60.0
    clock.beat()

    monotonic.now += ON_TIME

    assert clock.now() == pytest.approx(BEAT_SECONDS + ON_TIME)


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.booleans())))
def test_it_never_goes_backwards_and_never_faster_than_time(steps: list[tuple[float, bool]]) -> None:
    monotonic = Monotonic()
    clock = AwakeClock(monotonic)
    clock.beat()
    seen = [(0.0, clock.now())]

    for seconds, beats in steps:
        monotonic.now += seconds
        if beats:
            clock.beat()
        seen.append((monotonic.now, clock.now()))

    for (earlier, before), (later, after) in pairwise(seen):
        assert -1e-9 <= after - before <= later - earlier + 1e-9


def test_where_nobody_needs_it_no_thread_is_left_and_time_passes(monotonic: Monotonic) -> None:
    clock = AwakeClock(monotonic)
    clock.keep(0.0)
    while clock._thread is not None:
        time.sleep(0)

    monotonic.now += 60.0

    assert clock.now() == pytest.approx(60.0)


@pytest.fixture
def beating() -> Iterator[AwakeClock]:
    clock = AwakeClock()
    clock.keep(60.0)
    yield clock
    clock._needed_until = 0.0


def test_a_forked_child_starts_beats_of_its_own(beating: AwakeClock) -> None:
    parents = beating._thread

    beating.forget_parent()
    beating.keep(60.0)

    assert beating._thread is not parents
    assert isinstance(beating._thread, threading.Thread)


def test_many_who_need_it_at_once_start_one_thread(beating: AwakeClock) -> None:
    first = beating._thread

    for _ in range(10):
        beating.keep(60.0)

    assert beating._thread is first


def test_a_stall_while_it_is_read_is_not_counted_afterwards(clock: AwakeClock, monotonic: Monotonic) -> None:
    def stall() -> None:
        monotonic.now += 60.0
        clock.beat()

    monotonic.then = stall
    read = clock.now()

    assert clock.now() - read <= BEAT_SECONDS


def test_where_a_beat_fails_the_clock_does_not_stand_still(clock: AwakeClock, monotonic: Monotonic) -> None:
    """As where somebody's test forbids sleeping, or memory has run out."""

    def fail() -> None:
        raise MemoryError

    monotonic.then = fail
    with pytest.raises(MemoryError):
        clock._run()

    monotonic.now += 60.0

    assert clock.now() == pytest.approx(60.0)
