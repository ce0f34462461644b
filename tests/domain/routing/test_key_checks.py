"""When the controller has the probe check keys, and what it does without an answer."""

from datetime import timedelta

import pytest

from kms_failover.domain.key_set import Failback, KeySet, MemberKey
from kms_failover.domain.routing.controller import Controller
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.judgement import first_judgement
from kms_failover.domain.routing.observation import Outcome
from tests.domain.routing.controller_world import (
    FAULT,
    OK,
    RecordedAnnouncer,
    Unwritable,
    World,
    lose_east,
)
from tests.domain.strategies import EAST, NOON, WEST, arn, key_set, observation


def test_the_keys_of_a_new_key_set_are_asked_for_once() -> None:
    world = World(key_set(name="invoices"), key_set(name="orders"))
    world.see(observation(0, OK, region=WEST))

    world.controller.run()
    world.controller.run()

    assert world.asked == [("invoices", "orders")]


def test_the_keys_are_asked_for_also_where_an_order_came_before_the_first_run() -> None:
    world = World()
    world.see(observation(0, OK, region=WEST))
    world.state.put_judgement(first_judgement(key_set(), WEST, NOON))

    world.controller.run()

    assert world.asked == [("orders",)]


def test_the_keys_of_a_region_that_does_not_answer_are_not_asked_for() -> None:
    world = World()

    world.controller.run()
    lose_east(world)
    world.controller.run()
    world.see(observation(30, FAULT))
    world.now += timedelta(minutes=5)
    world.controller.run()

    assert world.asked == []


@pytest.mark.parametrize("word", [None, Outcome.INCONCLUSIVE])
def test_a_question_that_was_lost_is_asked_again_once_a_minute(word: Outcome | None) -> None:
    """What is asked wakes the controller: asked in every run, the two would wake each other without end."""
    world = World()
    for seconds in range(0, 130, 10):
        world.see(observation(seconds, OK), observation(seconds, OK, region=WEST))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()
        if word:
            world.see(observation(seconds + 1, word, key_set="orders"))
            world.controller.run()

    assert world.asked == [("orders",)] * 3


@pytest.mark.parametrize("ahead", [0, 10, 59])
def test_a_route_that_a_fast_clock_has_moved_has_its_keys_asked_for_when_its_time_has_come(ahead: int) -> None:
    """Else no word would be late enough, and the question and its answer would wake each other without end."""
    world = World()
    world.state.put_judgement(first_judgement(key_set(), WEST, NOON + timedelta(seconds=ahead)))
    for seconds in range(59):
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()
        world.see(*(observation(seconds, OK, region=region, key_set="orders") for region in (EAST, WEST)))

    assert len(world.asked) <= 2


@pytest.mark.parametrize("word", [OK, Outcome.REFUSED, Outcome.KEY_FAULT, FAULT])
def test_a_key_that_has_said_anything_is_not_asked_again(word: Outcome) -> None:
    world = World()
    for seconds in range(0, 130, 10):
        world.see(observation(seconds, OK), observation(seconds, OK, region=WEST))
        world.see(observation(seconds + 1, word, key_set="orders")) if seconds == 0 else None
        world.see(observation(seconds + 1, OK, key_set="orders", region=WEST)) if seconds == 0 else None
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.asked == []


def test_a_route_returns_only_when_the_key_has_answered_since_its_region_is_back() -> None:
    """It may have lost its material meanwhile, and said its last word before."""
    world = World(key_set(failback=Failback.AUTOMATIC))
    world.see(observation(0, OK, key_set="orders"), observation(0, OK, key_set="orders", region=WEST))
    for seconds in range(10, 800, 10):
        world.see(observation(seconds, FAULT if seconds <= 40 else OK), observation(seconds, OK, region=WEST))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()
    (away,) = world.controller.run()
    asked = list(world.asked)
    world.see(observation(801, OK, key_set="orders"))
    world.now = NOON + timedelta(seconds=801)
    (back,) = world.controller.run()

    assert away.health[EAST].verdict is Verdict.HEALTHY
    assert away.health[EAST].in_words().endswith("its key has not answered since")
    assert away.route.regions == (WEST, EAST)
    assert asked
    assert back.route.regions == (EAST, WEST)


def test_no_keys_are_asked_for_a_key_set_that_could_not_be_decided_so_that_no_run_brings_another() -> None:
    """What is asked wakes the controller: asked for again and again, the two would wake each other without end."""
    asked: list[tuple[str, ...]] = []
    controller = Controller(Unwritable(WEST, key_set()), RecordedAnnouncer(), asked.append, lambda: NOON)

    with pytest.raises(ExceptionGroup):
        controller.run()

    assert asked == []


def test_the_keys_are_asked_for_when_the_route_leads_elsewhere() -> None:
    world = World()
    world.round_at(0, OK)
    world.controller.run()
    for seconds in (10, 20, 30):
        world.see(observation(seconds, FAULT), observation(seconds, OK, region=WEST))
    world.now = NOON + timedelta(seconds=30)

    for _ in range(3):
        world.controller.run()

    assert world.asked == [("orders",)]


def test_a_key_that_replaces_another_inherits_none_of_its_words_and_is_asked_for() -> None:
    world = World()
    world.round_at(0, OK)
    world.own_round_at(1, OK, "orders")
    world.controller.run()
    members = (MemberKey(region=EAST, arn=arn(EAST, "another")), MemberKey(region=WEST, arn=arn(WEST)))
    world.state.put_key_set(KeySet(name="orders", members=members))
    world.asked.clear()
    world.now += timedelta(minutes=10)  # what the old key said is no longer looked at
    world.see(observation(600, OK), observation(600, OK, region=WEST))

    world.controller.run()
    (judged,) = world.controller.run()

    assert world.asked == [("orders",)]
    assert (judged.health[EAST].key_answers, judged.health[WEST].key_answers) == (None, True)
