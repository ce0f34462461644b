"""The reason that a route's change is given."""

import pytest

from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.route import Health, decide, returns_to
from tests.domain.routing.route_world import AUTOMATIC, EAST_LOST, HEALTHY, ORDERS, route
from tests.domain.strategies import (
    EAST,
    IRELAND,
    NOON,
    WEST,
    health,
    key_set,
)


def test_a_region_that_has_left_the_key_set_is_the_reason_also_where_no_other_answers() -> None:
    after = decide(ORDERS, route(IRELAND, EAST, WEST), {}, AUTOMATIC, NOON)

    assert after.regions == (EAST, WEST)
    assert after.reason == f"{IRELAND} has left the key set"


def test_where_region_and_key_are_lost_the_region_is_the_reason() -> None:
    lost = health(EAST, Verdict.IMPAIRED).but(key_usable=False, key_reason="2 probes failed")

    both = decide(ORDERS, route(EAST, WEST), HEALTHY | {EAST: lost}, AUTOMATIC, NOON)
    key = lost.but(verdict=Verdict.HEALTHY)
    alone = decide(ORDERS, route(EAST, WEST), HEALTHY | {EAST: key}, AUTOMATIC, NOON)

    assert both.reason.startswith(f"{EAST} is impaired: ")
    assert alone.reason == f"the key in {EAST} is not usable: 2 probes failed"


MORE = key_set(EAST, WEST, IRELAND)
WELL = HEALTHY | {IRELAND: health(IRELAND)}


def order_name(order: Intent) -> str:
    return f"{order.mode}, insists={order.insist}"


STANDING = (
    Intent(mode=Mode.FORCE, region=WEST, epoch=1, author="root", reason="undo the typo"),
    Intent(mode=Mode.FORCE, region=WEST, insist=True, epoch=1, author="root", reason="undo the typo"),
    Intent(mode=Mode.HOLD, epoch=1, author="root", reason="undo the typo"),
    Intent(epoch=1, author="root", reason="undo the typo"),
)


@pytest.mark.parametrize("order", STANDING, ids=order_name)
@pytest.mark.parametrize("seen", [WELL, WELL | {EAST: health(EAST, Verdict.IMPAIRED)}, {}])
@pytest.mark.parametrize("now_has", [(WEST, EAST), (EAST, WEST, IRELAND)])
def test_a_change_of_the_members_is_blamed_on_nobody_whose_order_stands(
    order: Intent, seen: Health, now_has: tuple[str, ...]
) -> None:
    before = route(WEST, EAST, *([] if IRELAND in now_has else [IRELAND]), intent_epoch=1)

    after = decide(key_set(*now_has), before, seen, order, NOON)

    assert after.epoch == before.epoch + 1
    assert after.reason == f"the key set's members changed: {', '.join(now_has)}"


@pytest.mark.parametrize("order", [STANDING[0], STANDING[1], STANDING[3]], ids=order_name)
def test_what_is_lost_behind_a_forced_region_is_not_the_operators_doing(order: Intent) -> None:
    after = decide(MORE, route(WEST, EAST, IRELAND, intent_epoch=1), WELL | EAST_LOST, order, NOON)

    assert after.regions == (WEST, IRELAND, EAST)
    assert after.reason == "us-west-2 leads; the order behind it follows what is usable"


def test_what_is_back_behind_the_first_region_follows_what_is_usable() -> None:
    back = health(EAST).but(returned_at=NOON)
    before = route(WEST, IRELAND, EAST, intent_epoch=1)

    after = decide(MORE, before, WELL | {EAST: back}, STANDING[0], NOON)

    assert after.reason == "us-west-2 leads; the order behind it follows what is usable"


@pytest.mark.parametrize("order", [STANDING[0], STANDING[1], STANDING[3]], ids=order_name)
def test_a_new_order_of_preference_behind_the_first_region_is_said_to_be_one(order: Intent) -> None:
    after = decide(key_set(IRELAND, EAST, WEST), route(WEST, EAST, IRELAND, intent_epoch=1), WELL, order, NOON)

    assert after.regions == (WEST, IRELAND, EAST)
    assert after.reason == "the key set's order of preference changed: eu-west-1, us-east-1, us-west-2"


def test_a_forced_region_that_the_key_set_has_again_is_returned_to_and_not_forced_anew() -> None:
    after = decide(MORE, route(EAST, IRELAND, WEST, intent_epoch=1), WELL, STANDING[1], NOON)

    assert after.regions[0] == WEST
    assert after.reason == "back in us-west-2, forced by root: undo the typo"


def test_an_approved_return_is_to_the_region_that_was_preferred_when_it_was_approved() -> None:
    order = Intent(failback=True, region=EAST, epoch=1, author="ana", reason="it is back", at=NOON)
    before = route(WEST, EAST, IRELAND)

    as_approved = decide(MORE, before, WELL, order, NOON, owed=0)
    reordered = decide(key_set(IRELAND, WEST, EAST), before, WELL, order, NOON, owed=0)

    assert as_approved.reason == "failback to us-east-1 ordered by ana: it is back"
    assert reordered.regions[0] == WEST
    assert returns_to(key_set(IRELAND, WEST, EAST), before, WELL, order) is None
