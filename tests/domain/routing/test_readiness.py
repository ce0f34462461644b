"""News of a key set's readiness: who is told what has become of regions, once each."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from kms_failover.domain.routing.controller import ANNOUNCING_TAKES
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.messages import Bulletin, Sender, message
from kms_failover.domain.routing.observation import Outcome
from kms_failover.errors import KmsFailoverError
from tests.domain.routing.controller_world import (
    FAULT,
    NEW_KEY,
    OK,
    World,
    lose,
    lose_east,
    rounds,
    with_new_key,
)
from tests.domain.strategies import ACCOUNT, EAST, IRELAND, NOON, WEST, arn, key_set, observation


def test_people_and_machines_are_told_of_a_standby_that_is_lost() -> None:
    world = World()

    lose(world, WEST)

    assert world.announcements.people_know == [("lost", WEST)]
    assert [(news.kind, news.region) for news in world.announcements.readiness] == [("lost", WEST)]
    assert world.announcements.changed == []
    assert [news.kind for news in world.state.news("orders")] == ["lost"]


def test_people_are_told_that_all_is_lost() -> None:
    world = World()

    lose(world, EAST, WEST)

    assert sorted(world.announcements.people_know) == [("all lost", EAST), ("lost", EAST), ("lost", WEST)]
    assert len(world.announcements.messages) == 1


def test_people_are_told_that_no_other_region_answers() -> None:
    world = World()
    for seconds in (0, 10, 20):
        world.see(observation(seconds, FAULT))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.announcements.people_know == [("lost", EAST), ("no target", EAST)]


@pytest.mark.parametrize(
    "order",
    [
        Intent(mode=Mode.HOLD, epoch=1, written_in=WEST, author="ana", reason="migration", at=NOON),
        Intent(mode=Mode.FORCE, region=EAST, insist=True, epoch=1, written_in=WEST, author="ana", reason="r", at=NOON),
    ],
    ids=["hold", "force"],
)
def test_people_are_told_when_an_order_begins_to_keep_a_route_in_a_lost_region(order: Intent) -> None:
    world = World()
    world.state.put_intent("orders", order)

    lose(world, EAST, at=(0, 10, 20, 30))

    assert world.announcements.people_know == [("lost", EAST), ("held", EAST)]
    reason = world.announcements.readiness[-1].reason
    assert reason.startswith(f"would move to {WEST} ({EAST} is impaired: ")
    assert "by ana since 2026-11-23 12:00:00 UTC prevents it" in reason


def test_while_an_order_keeps_the_route_in_a_lost_region_no_message_says_that_it_serves() -> None:
    world = World(key_set(EAST, WEST, IRELAND))
    world.state.put_intent(
        "orders", Intent(mode=Mode.HOLD, epoch=1, written_in=WEST, author="ana", reason="r", at=NOON)
    )
    for seconds in range(0, 60, 10):
        for region in (EAST, WEST, IRELAND):
            lost = region == EAST or (region == IRELAND and seconds >= 30)
            world.see(observation(seconds, FAULT if lost else OK, region=region))
            world.see(observation(seconds, OK, region=region, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    first, second = (message(group, Sender("prod", ACCOUNT)) for group in world.announcements.messages)

    assert first.subject.endswith(f"LOST {EAST} for orders: AN ORDER KEEPS IT THERE")
    assert second.subject.endswith(f"LOST {IRELAND} for orders: {EAST} LEADS AND IS LOST")
    assert "kms-failover release " in second.text


def test_a_region_that_is_lost_and_back_is_told_once_each_however_many_runs() -> None:
    world = World()
    lose(world, EAST, at=range(0, 100, 5))

    lose(world, at=range(700, 800, 5))

    assert world.announcements.people_know == [("lost", EAST), ("recovered", EAST)]


def test_what_flaps_with_each_round_is_told_once_it_has_lasted() -> None:
    world = World()
    for seconds in range(0, 1200, 10):
        world.see(observation(seconds, OK), observation(seconds, FAULT if seconds % 30 == 0 else OK, region=WEST))
        for region in (EAST, WEST):
            word = OK if seconds < 600 or region == EAST else Outcome.REFUSED
            world.see(observation(seconds, word, region=region, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.announcements.people_know == [("not ready", WEST)]
    assert 720 <= (world.announcements.readiness[0].at - NOON).total_seconds() <= 750


def test_a_region_that_could_not_be_fled_to_and_can_be_again_is_told() -> None:
    world = World()
    for seconds in range(0, 1300, 10):
        word = Outcome.REFUSED if seconds < 600 else OK
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.see(observation(seconds, OK, key_set="orders"), observation(seconds, word, region=WEST, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.announcements.people_know == [("not ready", WEST), ("ready", WEST)]


def test_what_comes_and_goes_for_minutes_brings_ten_messages_an_hour_at_most() -> None:
    world = World()
    for seconds in range(0, 3600, 10):
        word = Outcome.REFUSED if seconds % 260 < 130 else OK
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.see(observation(seconds, OK, key_set="orders"), observation(seconds, word, region=WEST, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert len(world.announcements.messages) <= 10


def test_a_hundred_key_sets_that_the_same_has_become_of_are_one_message() -> None:
    world = World(*(key_set(name=f"set-{number:02d}") for number in range(100)))
    world.controller.run()
    lose_east(world)

    world.controller.run()

    (message,) = world.announcements.messages
    assert len(message) == 100
    assert len(world.announcements.changed) == len(world.announcements.readiness) == 100
    assert all(found.is_announced for found in world.state.judgements().values())


def test_key_sets_of_which_different_things_have_become_are_told_apart() -> None:
    world = World(key_set(name="orders"), key_set(WEST, EAST, name="payments"), key_set(EAST, name="wages"))
    world.controller.run()
    lose_east(world)

    world.controller.run()

    messages = sorted([bulletin.key_set for bulletin in message] for message in world.announcements.messages)
    assert messages == [["orders", "payments"], ["wages"]]


def test_news_that_people_could_not_be_told_are_told_later_and_once() -> None:
    world = World()
    reached = world.announcements.publish_to_people

    def unreachable(bulletins: Sequence[Bulletin]) -> None:
        raise KmsFailoverError("nobody hears")

    world.announcements.publish_to_people = unreachable  # type: ignore[method-assign]
    with suppress(ExceptionGroup):
        lose(world, WEST)
    world.announcements.publish_to_people = reached  # type: ignore[method-assign]
    world.now += ANNOUNCING_TAKES
    world.controller.run()
    world.controller.run()

    assert world.announcements.people_know == [("lost", WEST)]
    assert len({news.number for news in world.announcements.readiness}) == 1


def test_news_have_new_numbers_although_an_older_version_has_dropped_the_count() -> None:
    world = World()
    lose(world, WEST)
    stored = world.state.judgement("orders")
    assert stored is not None
    world.state._judgements[WEST, "orders"] = stored.but(news_count=0, said=())

    lose(world, WEST, at=(30,))

    assert len(world.state.news("orders")) == 2


def test_news_of_one_second_and_of_the_next_have_numbers_of_their_own() -> None:
    world = World()
    for region, seconds in ((EAST, 20), (WEST, 21)):
        world.see(*(observation(seconds - before, FAULT, region=region) for before in (0, 10, 20)))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    told = [(news.kind, news.region) for news in reversed(world.state.news("orders"))]
    assert told == [("lost", EAST), ("no target", EAST), ("lost", WEST), ("all lost", EAST)]


def test_a_key_that_replaces_a_lost_one_is_not_told_to_be_usable_before_it_has_answered() -> None:
    world = World()
    rounds(world, Outcome.KEY_FAULT, at=(0, 10, 20), subject=arn(EAST))
    world.state.put_key_set(with_new_key())

    rounds(world, None, at=(30, 40))
    before = world.announcements.people_know, list(world.announcements.recovered)
    rounds(world, OK, at=(50, 60), subject=NEW_KEY)

    assert before == ([("lost", EAST)], [])
    assert world.announcements.people_know == [("lost", EAST), ("recovered", EAST)]
    assert world.announcements.recovered == [("orders", EAST, WEST)]


def test_a_key_that_replaces_a_lost_one_and_fails_as_well_is_told_to_be_lost_and_never_to_be_usable() -> None:
    world = World()
    rounds(world, Outcome.KEY_FAULT, at=(0, 10, 20), subject=arn(EAST))
    world.state.put_key_set(with_new_key())

    rounds(world, Outcome.KEY_FAULT, at=(30, 40, 50), subject=NEW_KEY)

    assert world.announcements.people_know == [("lost", EAST), ("lost", EAST)]
    assert world.announcements.recovered == []


def test_a_region_is_not_told_to_be_back_before_its_key_has_answered_again() -> None:
    world = World()
    rounds(world, OK, at=(-10, 0))
    lose(world, EAST, at=(10, 20, 30))

    rounds(world, None, at=(650, 660))
    before = world.announcements.people_know, list(world.announcements.recovered)
    rounds(world, OK, at=(670,))

    assert before == ([("lost", EAST)], [])
    assert world.announcements.people_know == [("lost", EAST), ("recovered", EAST)]
    assert world.announcements.recovered == [("orders", EAST, WEST)]


def test_a_key_that_stays_silent_after_its_region_is_back_is_told_to_be_not_ready_and_then_to_be_back() -> None:
    world = World()
    lose(world, EAST, at=(10, 20, 30))

    rounds(world, Outcome.REFUSED, at=range(650, 800, 10))
    before = world.announcements.people_know, list(world.announcements.recovered)
    rounds(world, OK, at=(800, 810))

    assert before == ([("lost", EAST), ("not ready", EAST)], [])
    assert world.announcements.readiness[1].reason.endswith("its key has not answered")
    assert world.announcements.people_know[2:] == [("recovered", EAST)]
    assert world.announcements.recovered == [("orders", EAST, WEST)]
