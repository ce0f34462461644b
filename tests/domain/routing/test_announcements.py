"""Announcements: each change is announced at least once, and nobody waits for a channel that fails or hangs."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from kms_failover.domain.routing.announcements import BUDGET, MAX_FAILURES
from kms_failover.domain.routing.controller import ANNOUNCING_TAKES
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import MAX_PENDING, Judgement, newest
from kms_failover.domain.routing.messages import Bulletin
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route, first_route
from kms_failover.domain.routing.verdict import LONGEST_REASON
from kms_failover.errors import KmsFailoverError
from tests.domain.routing.controller_world import (
    FAULT,
    OK,
    World,
    lose_east,
    verdict_of_east,
)
from tests.domain.strategies import EAST, NOON, WEST, key_set


def test_a_recovered_region_is_announced_once() -> None:
    world = World()
    lose_east(world)
    world.controller.run()

    for seconds in (615, 625, 635):
        world.round_at(seconds, OK)
        world.controller.run()

    assert world.announcements.recovered == [("orders", EAST, WEST)]
    assert verdict_of_east(world) is Verdict.HEALTHY


def test_a_crash_between_writing_and_announcing_announces_when_whoever_began_must_have_ended() -> None:
    world = World(failing=("orders",))
    world.controller.run()
    lose_east(world)
    with pytest.raises(ExceptionGroup):
        world.controller.run()

    world.announcements.failing.clear()
    world.controller.run()
    early = list(world.announcements.changed)
    world.now += ANNOUNCING_TAKES
    world.controller.run()

    assert early == []  # whoever began may still be at it

    assert [route.regions for route in world.announcements.changed] == [(WEST, EAST)]


def test_one_key_sets_failed_announcement_does_not_keep_another_in_a_lost_region() -> None:
    world = World(key_set(name="invoices"), key_set(name="orders"), failing=("invoices",))
    world.controller.run()
    lose_east(world)

    with pytest.raises(ExceptionGroup, match="2 times a key set could not be controlled or announced"):
        world.controller.run()

    routes = [world.state.route(name) for name in ("invoices", "orders")]
    assert [route.regions for route in routes if route] == [(WEST, EAST), (WEST, EAST)]


def test_a_change_that_was_made_while_another_was_announced_is_announced_too() -> None:
    world = World()
    world.controller.run()
    lose_east(world)
    force = Intent(mode=Mode.FORCE, region=EAST, insist=True, epoch=1, written_in=WEST, author="ana", reason="r")

    def command_and_run(route: Route) -> None:
        world.announcements.changed.append(route)
        if route.epoch == 1:
            world.state.put_intent("orders", force)
            world.controller.run()

    world.announcements.route_changed = command_and_run  # type: ignore[method-assign]  # what happens meanwhile
    world.controller.run()
    world.controller.run()

    assert [route.epoch for route in world.announcements.changed] == [1, 2]
    assert [route.epoch for route in world.state.history("orders")] == [2, 1]


def test_an_announcement_that_hangs_keeps_no_other_key_set_in_a_lost_region() -> None:
    names = [f"set-{number:02d}" for number in range(12)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)

    def hang(route: Route) -> None:
        world.now += timedelta(seconds=6)
        raise KmsFailoverError(f"nobody answers for {route.key_set}")

    world.announcements.route_changed = hang  # type: ignore[method-assign]  # EventBridge is silent
    began = world.now
    with pytest.raises(ExceptionGroup):
        world.controller.run()

    routes = [world.state.route(name) for name in names]
    assert {route.regions[0] for route in routes if route} == {WEST}
    assert world.now - began <= BUDGET + timedelta(seconds=6)


def test_each_key_set_is_announced_in_the_end_however_many_hang() -> None:
    names = [f"set-{number:02d}" for number in range(8)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)

    def slow(route: Route) -> None:
        world.now += timedelta(seconds=6)
        world.announcements.changed.append(route)

    world.announcements.route_changed = slow  # type: ignore[method-assign]  # three of eight within a run's time
    for _ in range(8):
        world.controller.run()
        world.now += ANNOUNCING_TAKES + timedelta(seconds=1)

    assert sorted(route.key_set for route in world.announcements.changed) == names


def test_whom_nobody_reaches_keeps_neither_history_nor_machines_waiting_however_many_key_sets() -> None:
    names = [f"set-{number:02d}" for number in range(100)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)
    tried = []

    def silent(bulletins: Sequence[Bulletin]) -> None:
        tried.append(bulletins)
        world.now += timedelta(seconds=3)  # its time-out
        raise KmsFailoverError("nobody answers")

    world.announcements.publish_to_people = silent  # type: ignore[method-assign]
    with pytest.raises(ExceptionGroup):
        world.controller.run()

    assert len(tried) <= MAX_FAILURES
    assert sorted(route.key_set for route in world.announcements.changed) == names
    assert all(len(world.state.history(name, 10)) == 1 for name in names)


@pytest.mark.parametrize("people_hear", [True, False])
def test_what_there_was_no_time_to_announce_is_the_next_runs(*, people_hear: bool) -> None:
    names = [f"set-{number:02d}" for number in range(8)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)

    def slow(route: Route) -> None:
        world.now += timedelta(seconds=1)
        world.announcements.changed.append(route)

    def silent(bulletins: Sequence[Bulletin]) -> None:
        raise KmsFailoverError(f"nobody hears of {bulletins[0].key_set}")

    world.announcements.route_changed = slow  # type: ignore[method-assign]
    if not people_hear:
        world.announcements.publish_to_people = silent  # type: ignore[method-assign]
    with suppress(ExceptionGroup):
        world.controller.run()
    in_time = len(world.announcements.changed)
    with suppress(ExceptionGroup):
        world.controller.run()

    assert 1 < in_time < len(names)
    assert sorted(route.key_set for route in world.announcements.changed) == names


def test_one_announcement_that_fails_repeats_no_other() -> None:
    world = World(failing=("orders",))
    world.controller.run()
    lose_east(world)
    for seconds in (20, 700, 710, 800, 900):
        world.round_at(seconds, OK if seconds > 20 else FAULT)
        with suppress(ExceptionGroup):
            world.controller.run()

    assert world.announcements.changed == []
    assert world.announcements.recovered == [("orders", EAST, WEST)]


@pytest.mark.parametrize(
    ("silent", "other"), [("publish_to_people", "changed"), ("route_changed", "published_to_people")]
)
def test_people_and_machines_are_told_once_each_whichever_of_them_cannot_be_reached(silent: str, other: str) -> None:
    world = World()
    world.controller.run()
    lose_east(world)
    reached = getattr(world.announcements, silent)

    def unreachable(_: object) -> None:
        raise KmsFailoverError("nobody hears")

    setattr(world.announcements, silent, unreachable)
    for _ in range(3):
        with suppress(ExceptionGroup):
            world.controller.run()
        world.now += ANNOUNCING_TAKES
    meanwhile = [route.epoch for route in getattr(world.announcements, other)]
    setattr(world.announcements, silent, reached)
    world.controller.run()

    assert meanwhile == [1]
    assert [route.epoch for route in world.announcements.published_to_people] == [1]
    assert [route.epoch for route in world.announcements.changed] == [1]


def test_what_is_decided_is_told_although_it_cannot_be_announced() -> None:
    world = World(failing=("orders",))
    world.controller.run()
    lose_east(world)
    told: list[Judgement] = []

    with pytest.raises(ExceptionGroup):
        world.controller.run(told.extend)

    assert [judgement.route.regions for judgement in told] == [(WEST, EAST)]


def test_announcements_without_end_are_given_up_from_the_oldest_on_and_stand_in_the_history() -> None:
    world = World(failing=("orders",))
    for epoch in range(1, MAX_PENDING + 3):
        order = Intent(mode=Mode.FORCE, region=(WEST, EAST)[epoch % 2 == 0], insist=True, epoch=epoch, written_in=WEST)
        world.state.put_intent("orders", order)
        world.now += ANNOUNCING_TAKES
        with suppress(ExceptionGroup):
            world.controller.run()

    judgement = world.state.judgement("orders")
    assert judgement is not None
    kept = [route.epoch for route in judgement.pending]
    assert 50 < len(kept) <= MAX_PENDING
    assert kept == list(range(MAX_PENDING + 3 - len(kept), MAX_PENDING + 3))
    assert [route.epoch for route in world.state.history("orders", 1000)] == list(range(MAX_PENDING + 2, 0, -1))


@pytest.mark.parametrize("letter", ["x", "\N{GRINNING FACE}"])
def test_a_judgement_fits_into_an_item_whatever_nobody_has_heard_of_and_whatever_its_texts_are(letter: str) -> None:
    orders = key_set(*(f"region-{number}" for number in range(8)))
    said = letter * (1024 + 256)  # an order's reason and author
    seen = RegionHealth(region=EAST, since=NOON, reason=letter * LONGEST_REASON, key_reason=letter * LONGEST_REASON)
    lost = seen.but(key_usable=False)
    wordy = first_route(orders, WEST, NOON).but(
        reason=f"forced by {said}", evidence=(lost.in_words(),) * 8, changes=(NOON,) * 60
    )
    routes = [wordy.but(epoch=number) for number in range(150)]
    news = [News(**NEWS, number=number, reason=said, regions=orders.regions) for number in range(1, 150)]

    judgement = Judgement(
        key_set="orders",
        observer=WEST,
        route=wordy,
        verdicts=(lost,) * 8,
        pending=newest(routes),
        news=newest(news),
    )

    assert judgement.pending
    assert judgement.pending == tuple(routes[-len(judgement.pending) :])
    assert judgement.news == tuple(news[-len(judgement.news) :])
    assert len(judgement.model_dump_json().encode()) < ITEM_BYTES


ITEM_BYTES = 400 * 1024
NEWS: dict[str, Any] = {"key_set": "orders", "observer": WEST, "kind": "lost", "region": EAST, "at": NOON}
