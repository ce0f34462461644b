"""An operator's intent: which one is in force, and how long an approval or a force lasts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode, in_force
from kms_failover.domain.routing.route import Health, decide
from tests.domain.routing.route_world import EAST_LOST, HEALTHY, ORDERS, RETURN, route
from tests.domain.strategies import (
    EAST,
    IRELAND,
    NOON,
    WEST,
    health,
    intents,
    key_set,
)


@given(st.lists(intents, unique_by=lambda i: (i.epoch, i.written_in)), st.randoms(use_true_random=False))
def test_the_newest_intent_wins_whatever_the_order(all_intents: list[Intent], random: object) -> None:
    shuffled = list(all_intents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it loosely

    winner = in_force(shuffled, NOON)

    assert winner == in_force(all_intents, NOON)
    assert all((winner.epoch, winner.written_in) >= (i.epoch, i.written_in) for i in all_intents)


def test_without_intents_the_service_decides() -> None:
    assert in_force([], NOON).mode is Mode.AUTOMATIC


def test_an_intent_that_has_expired_is_as_if_released_and_brings_no_older_one_back() -> None:
    older = Intent(mode=Mode.FORCE, region=WEST, epoch=1)
    hold = Intent(mode=Mode.HOLD, epoch=2, author="ana", expires_at=NOON)

    before, after = (in_force([older, hold], NOON - timedelta(seconds=s)) for s in (1, 0))

    assert before is hold
    assert (after.mode, after.epoch, after.reason) == (Mode.AUTOMATIC, 2, "the hold by ana has expired")


def test_an_approval_does_not_outlive_a_later_loss() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="back", at=NOON - timedelta(days=30))
    lost_again = HEALTHY | {EAST: HEALTHY[EAST].but(lost_at=NOON - timedelta(minutes=20))}

    after = decide(ORDERS, route(WEST, EAST, intent_epoch=3), lost_again, order, NOON, owed=0)

    assert after.regions == (WEST, EAST)


def test_an_ordered_return_is_carried_out_once_and_not_again_after_the_next_loss() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="it is back", at=NOON)

    returned = decide(ORDERS, route(WEST, EAST, intent_epoch=3), HEALTHY, order, NOON, owed=0)
    lost = decide(ORDERS, returned, EAST_LOST, order, NOON)
    healthy_again = decide(ORDERS, lost, HEALTHY, order, NOON, owed=0)

    assert returned.regions == (EAST, WEST)
    assert returned.reason == "failback to us-east-1 ordered by ana: it is back"
    assert lost.regions == (WEST, EAST)
    assert healthy_again.regions == (WEST, EAST)


def test_an_ordered_return_waits_for_a_region_that_sees_the_recovery_later() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="it is back", at=NOON)

    waiting = decide(ORDERS, route(WEST, EAST, intent_epoch=3), EAST_LOST, order, NOON)
    returned = decide(ORDERS, waiting, HEALTHY, order, NOON, owed=0)

    assert waiting.regions == (WEST, EAST)
    assert returned.regions == (EAST, WEST)


def test_a_forced_region_is_left_when_it_is_lost_and_returned_to_when_it_is_well() -> None:
    force = Intent(mode=Mode.FORCE, region=EAST, epoch=1, author="ana", reason="r")
    there = decide(ORDERS, route(WEST, EAST), HEALTHY, force, NOON)

    lost = decide(ORDERS, there, EAST_LOST, force, NOON)
    owing = decide(ORDERS, lost, HEALTHY, force, NOON, owed=1)
    back = decide(ORDERS, lost, HEALTHY, force, NOON, owed=0)

    assert [r.regions[0] for r in (there, lost, owing, back)] == [EAST, WEST, WEST, EAST]
    assert back.reason == "back in us-east-1, forced by ana: r"


def test_a_force_to_a_region_that_is_lost_here_waits_until_it_is_not() -> None:
    force = Intent(mode=Mode.FORCE, region=EAST, epoch=1, author="ana", reason="r")

    waiting = decide(ORDERS, route(WEST, EAST), EAST_LOST, force, NOON)
    gone = decide(ORDERS, waiting, HEALTHY, force, NOON)

    assert (waiting.regions[0], waiting.intent_epoch) == (WEST, 0)
    assert (gone.regions[0], gone.intent_epoch) == (EAST, 1)


def test_a_forced_region_leads_even_if_it_is_lost_where_the_operator_insists() -> None:
    force = Intent(mode=Mode.FORCE, region=EAST, insist=True, epoch=1, author="ana", reason="I insist")

    after = decide(ORDERS, route(WEST, EAST), EAST_LOST, force, NOON)

    assert after.regions == (EAST, WEST)
    assert after.reason == "forced to us-east-1 by ana: I insist"


def test_behind_a_forced_region_come_those_that_are_usable_and_then_those_that_are_lost() -> None:
    orders = key_set(EAST, WEST, IRELAND)
    force = Intent(mode=Mode.FORCE, region=EAST, epoch=1, author="ana", reason="r")
    there = decide(orders, route(EAST, WEST, IRELAND), HEALTHY, force, NOON)

    after = decide(orders, there, HEALTHY | {WEST: health(WEST, Verdict.IMPAIRED)}, force, NOON)

    assert after.regions == (EAST, IRELAND, WEST)


def test_of_two_orders_of_one_epoch_the_second_to_arrive_is_new_if_it_is_the_newer() -> None:
    hold = Intent(mode=Mode.HOLD, epoch=5, written_in=EAST, author="ana", reason="r")
    force = Intent(mode=Mode.FORCE, region=WEST, epoch=5, written_in=WEST, author="bob", reason="r")

    held = decide(ORDERS, route(EAST, WEST), HEALTHY, hold, NOON)
    forced = decide(ORDERS, held, HEALTHY, force, NOON)

    assert (held.intent_epoch, held.intent_written_in) == (5, EAST)
    assert (forced.regions[0], forced.intent_written_in) == (WEST, WEST)


def test_an_approval_that_has_ended_does_not_come_back() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="back", at=NOON - timedelta(hours=2))
    lost = HEALTHY | {EAST: HEALTHY[EAST].but(lost_at=NOON - timedelta(minutes=90))}

    ended = decide(ORDERS, route(WEST, EAST, intent_epoch=3), lost, order, NOON, owed=0)
    forgotten = decide(ORDERS, ended, HEALTHY, order, NOON, owed=0)

    assert ended.intent_epoch == 4
    assert forgotten.regions[0] == WEST


def test_an_automatic_return_is_not_said_to_be_ordered_by_who_ordered_an_earlier_one() -> None:
    old = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="March", at=NOON - timedelta(days=60))

    after = decide(RETURN, route(WEST, EAST, intent_epoch=4), HEALTHY, old, NOON, owed=0)

    assert after.reason == "us-east-1 is usable and preferred"


def test_forcing_a_region_without_a_key_is_as_if_nothing_was_said() -> None:
    force = Intent(mode=Mode.FORCE, region="af-south-1", epoch=1)

    after = decide(ORDERS, route(EAST, WEST), EAST_LOST, force, NOON)

    assert after.regions == (WEST, EAST)


def test_the_approval_of_a_clock_that_is_a_little_slow_counts() -> None:
    order = Intent(failback=True, epoch=1, author="ana", reason="back", at=NOON - timedelta(seconds=30))
    moved = route(WEST, EAST).but(moved_at=NOON)

    after = decide(ORDERS, moved, HEALTHY, order, NOON, owed=0)

    assert after.regions[0] == EAST


def test_a_change_behind_the_first_region_does_not_end_an_approval() -> None:
    orders = key_set(EAST, WEST, IRELAND)
    order = Intent(failback=True, epoch=1, author="ana", reason="back", at=NOON - timedelta(minutes=10))
    before = route(WEST, EAST, IRELAND)
    lost = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST), IRELAND: health(IRELAND)}

    reordered = decide(orders, before, lost, order, NOON - timedelta(minutes=5))
    after = decide(orders, reordered, lost | {EAST: health(EAST)}, order, NOON, owed=0)

    assert (reordered.regions, reordered.moved_at) == ((WEST, IRELAND, EAST), before.moved_at)
    assert reordered.reason == "us-west-2 leads; the order behind it follows what is usable"
    assert after.regions[0] == EAST


@pytest.mark.parametrize(
    "seen",
    [
        {EAST: health(EAST)},
        {EAST: health(EAST), WEST: health(WEST, Verdict.UNKNOWN)},
        {EAST: health(EAST), WEST: health(WEST).but(key_answers=None)},
    ],
)
def test_a_force_waits_where_its_region_does_not_answer_unless_the_operator_insists(seen: Health) -> None:
    force = Intent(mode=Mode.FORCE, region=WEST, epoch=1, author="ana", reason="r")

    waiting = decide(ORDERS, route(EAST, WEST), seen, force, NOON)
    insisted = decide(ORDERS, route(EAST, WEST), seen, force.but(insist=True), NOON)
    answered = decide(ORDERS, waiting, HEALTHY, force, NOON)

    assert (waiting.regions[0], waiting.intent_epoch) == (EAST, 0)
    assert insisted.regions[0] == WEST
    assert (answered.regions[0], answered.intent_epoch) == (WEST, 1)
