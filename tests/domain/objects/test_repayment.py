"""When a debt is tried, parked and overdue."""

from datetime import timedelta
from typing import Any

import pytest

from kms_failover.domain.objects import sweep as sweeping
from kms_failover.domain.objects.object_record import REFUSED
from kms_failover.domain.objects.sweep import (
    SweepResult,
)
from kms_failover.domain.routing.health import RegionHealth, Verdict
from tests.domain.objects.rewrap_world import HERE, THERE, THIRD
from tests.domain.objects.sweep_world import HOUR, MINUTE, NOW, World, debt
from tests.domain.strategies import health


@pytest.mark.parametrize(("impaired", "queued"), [(None, ["a", "b"]), (THERE, ["a"]), (HERE, ["b"])])
def test_what_is_owed_to_an_impaired_region_waits_for_it(impaired: str | None, queued: list[str]) -> None:
    world = World([debt("a", owed_to=HERE), debt("b", owed_to=THERE)])
    if impaired:
        world.judged(health(impaired, Verdict.IMPAIRED))

    world.sweep()

    assert sorted(world.queue.keys) == queued


@pytest.mark.parametrize(
    ("waits_for", "swept"),
    [
        ((THERE,), SweepResult(0, 0, parked=1)),
        ((THERE, THIRD), SweepResult(1, 0)),
        ((THIRD,), SweepResult(1, 0)),
        ((), SweepResult(1, 0)),
    ],
)
def test_what_waits_for_an_impaired_region_costs_nothing_until_it_is_back(
    waits_for: tuple[str, ...], swept: SweepResult
) -> None:
    """Though it is owed to this region, which is well: its source is what is silent."""
    world = World([debt("a", waits_for=waits_for)]).judged(health(THERE, Verdict.IMPAIRED))

    assert world.sweep() == swept


def test_what_waits_for_a_key_that_cannot_be_used_costs_nothing() -> None:
    world = World([debt("a", owed_to=THERE)]).judged(health(THERE, key_usable=False))

    assert world.sweep() == SweepResult(0, 0, parked=1)


def test_what_a_person_must_look_at_is_not_tried_again() -> None:
    assert World([debt("a", code=REFUSED)]).sweep() == SweepResult(0, 0, parked=1)


def test_what_fails_is_tried_later_and_later() -> None:
    failed = debt("a", code="AccessDenied", tries=1, tried_at=NOW)
    pauses = []
    for tries in (1, 2, 3, 9, 99):
        world = World([failed.but(tries=tries)])
        while not world.sweep().queued:
            world.now += timedelta(minutes=1)
        pauses.append((world.now - NOW).total_seconds() / 60)

    assert pauses == [1, 2, 4, 60, 60]


def test_what_waited_for_a_region_is_tried_as_soon_as_that_is_well() -> None:
    waiting = debt("a", waits_for=[THERE], tries=9, tried_at=NOW)
    world = World([waiting]).judged(health(THERE).but(since=NOW + timedelta(seconds=1)))
    world.now = NOW + timedelta(seconds=2)

    assert world.sweep().queued == 1


def test_what_is_sent_already_and_not_tried_yet_waits_in_the_queue() -> None:
    """Rewrap is slow: a debt that was sent each minute would be in the queue hundreds of times."""
    world = World([debt("a"), debt("a", owed_to=THERE), debt("b")])

    runs = [world.sweep()]
    for _ in range(10):
        world.now += MINUTE
        runs.append(world.sweep())

    assert runs == [SweepResult(2, 0), *[SweepResult(0, 0, waiting=3)] * 10]
    assert sorted(world.queue.keys) == ["a", "b"]


def test_what_was_sent_long_ago_is_sent_again() -> None:
    """Its message may be lost: a purged queue, a try that could write nothing down."""
    world = World([debt("a")])
    world.sweep()
    world.now += sweeping.SENT_LASTS

    assert world.sweep() == SweepResult(1, 0)


def test_once_it_was_tried_it_is_sent_as_its_tries_say() -> None:
    world = World([debt("a")])
    world.sweep()
    world.state.put_debt(debt("a", code="AccessDenied", tries=1, tried_at=world.now))
    world.now += MINUTE

    assert world.sweep() == SweepResult(1, 0)


WELL_SINCE_LONG = health(HERE)
JUST_BACK = health(HERE).but(returned_at=NOW - HOUR + MINUTE)
BACK_FOR_AN_HOUR = health(HERE).but(returned_at=NOW - HOUR)


@pytest.mark.parametrize(
    ("of", "verdicts", "is_overdue"),
    [
        ({"since": NOW - HOUR}, [], True),
        ({"since": NOW - HOUR + MINUTE}, [], False),
        ({"code": "AccessDenied", "tries": 30}, [WELL_SINCE_LONG], True),
        ({}, [JUST_BACK], False),
        ({}, [BACK_FOR_AN_HOUR], True),
        ({}, [health(HERE, Verdict.IMPAIRED)], False),
        ({}, [health(HERE, key_usable=False)], False),
        ({"waits_for": [THERE]}, [health(THERE, Verdict.IMPAIRED)], False),
        ({"waits_for": [THERE]}, [health(THERE).but(returned_at=NOW - MINUTE)], False),
        (
            {"waits_for": [THERE, THIRD]},
            [health(THERE, Verdict.IMPAIRED)],
            True,
        ),  # the third could open it all the time
        ({"code": REFUSED}, [], True),
    ],
)
def test_a_debt_that_no_outage_explains_is_overdue_after_an_hour(
    of: dict[str, Any], verdicts: list[RegionHealth], *, is_overdue: bool
) -> None:
    world = World([debt("a", **of)]).judged(*verdicts)

    swept = world.service.sweep()

    assert (swept.overdue, [one.key for one in swept.oldest]) == ((1, ["a"]) if is_overdue else (0, []))
