"""The routing decision: what never happens, whatever was seen, and what an operator can make happen."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import Failback, KeySet, Rules
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.route import MOST_COUNTED, Health, Route, decide, first_route, in_order, returns_to
from tests.domain.routing.route_world import AUTOMATIC, EAST_LOST, HEALTHY, ORDERS, RETURN, route
from tests.domain.strategies import (
    EAST,
    IRELAND,
    NOON,
    WEST,
    automatic_intents,
    health,
    healths_of_regions,
    intents,
    key_set,
    key_sets,
    routes,
)


@given(key_sets, routes, healths_of_regions, intents)
def test_deciding_again_changes_nothing(orders: KeySet, before: Route, seen: Health, intent: Intent) -> None:
    once = decide(orders, before, seen, intent, NOON)

    again = decide(orders, once, seen, intent, NOON)

    assert again is once


@pytest.mark.parametrize("seconds", [59, 60, 61], ids="{} s after it".format)
def test_an_approval_that_the_decisions_own_move_ends_is_spent_by_that_decision(seconds: int) -> None:
    """Within the clocks' skew the move does not end it."""
    at = NOON - timedelta(seconds=seconds)
    before = route(EAST, WEST).but(moved_at=at)
    approval = Intent(failback=True, region=EAST, epoch=7, written_in=EAST, author="ana", reason="said so", at=at)
    lost = {EAST: health(EAST, key_usable=False), WEST: health(WEST)}

    left = decide(ORDERS, before, lost, approval, NOON)

    assert left.regions == (WEST, EAST)
    assert (left.intent_epoch == 7) is (seconds > 60)
    assert decide(ORDERS, left, lost, approval, NOON) is left


@given(key_sets, routes, healths_of_regions, intents)
def test_a_route_always_has_every_region_of_the_key_set_once(
    orders: KeySet, before: Route, seen: Health, intent: Intent
) -> None:
    after = decide(orders, before, seen, intent, NOON)

    assert sorted(after.regions) == sorted(orders.regions)


@given(key_sets, routes, healths_of_regions, intents)
def test_an_epoch_grows_by_one_exactly_when_the_regions_change(
    orders: KeySet, before: Route, seen: Health, intent: Intent
) -> None:
    after = decide(orders, before, seen, intent, NOON)

    assert after.epoch - before.epoch == (1 if after.regions != before.regions else 0)


@given(key_sets, routes, healths_of_regions, intents)
def test_a_hold_is_never_broken(orders: KeySet, before: Route, seen: Health, intent: Intent) -> None:
    hold = intent.but(mode=Mode.HOLD)

    after = decide(orders, before, seen, hold, NOON)

    assert after.regions == before.regions


@given(key_sets, routes, healths_of_regions, automatic_intents)
def test_never_led_by_an_unusable_region_while_another_answers(
    orders: KeySet, before: Route, seen: Health, intent: Intent
) -> None:
    after = decide(orders, before, seen, intent, NOON)

    others = [h for h in seen.values() if h.is_eligible_target]
    assert seen[after.regions[0]].routable or not others


@given(key_sets, routes, automatic_intents, st.booleans())
def test_silence_alone_never_moves_the_route(
    orders: KeySet,
    before: Route,
    intent: Intent,
    known: bool,  # noqa: FBT001  # drawn
) -> None:
    no_return = intent.but(failback=False)
    silent = {region: health(region, Verdict.UNKNOWN) for region in orders.regions} if known else {}
    held = orders.but(failback=Failback.HELD)

    after = decide(held, before, silent, no_return, NOON)

    assert after.regions[0] == before.regions[0]


@given(key_sets, routes, healths_of_regions)
def test_with_no_usable_region_the_last_good_route_stays(orders: KeySet, before: Route, seen: Health) -> None:
    lost = {region: h.but(key_usable=False) for region, h in seen.items()}

    after = decide(orders, before, lost, AUTOMATIC, NOON)

    assert after is before or after.regions == before.regions


def test_a_lost_region_goes_last_with_its_reason_and_evidence() -> None:
    after = decide(ORDERS, route(EAST, WEST), EAST_LOST, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)
    assert after.reason == f"{EAST} is impaired: seen"
    assert after.evidence == (
        f"{EAST}: impaired since 12:00:00 UTC, seen",
        f"{WEST}: healthy since 12:00:00 UTC, seen",
    )
    assert after.decided_at == NOON


def test_an_unusable_key_moves_the_route_although_its_region_is_healthy() -> None:
    seen = HEALTHY | {EAST: health(EAST, key_usable=False)}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)
    assert "the key in us-east-1 is not usable" in after.reason


def test_a_held_route_does_not_return_by_itself_and_an_automatic_one_does() -> None:
    held, automatic = key_set(failback=Failback.HELD), key_set(failback=Failback.AUTOMATIC)

    assert decide(held, route(WEST, EAST), HEALTHY, AUTOMATIC, NOON).regions[0] == WEST
    assert decide(automatic, route(WEST, EAST), HEALTHY, AUTOMATIC, NOON, owed=0).regions[0] == EAST


def test_nothing_returns_to_a_region_that_is_not_healthy_yet() -> None:
    automatic = key_set(failback=Failback.AUTOMATIC)

    for verdict in (Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.IMPAIRED):
        seen = HEALTHY | {EAST: health(EAST, verdict)}
        assert decide(automatic, route(WEST, EAST), seen, AUTOMATIC, NOON, owed=0).regions[0] == WEST


@pytest.mark.parametrize("verdict", [Verdict.SUSPECT, Verdict.UNKNOWN])
def test_a_region_that_does_not_answer_its_probe_is_no_eligible_target(verdict: Verdict) -> None:
    west = health(WEST, verdict).but(ready=False)
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: west}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (EAST, WEST)


def test_what_others_report_of_a_region_that_answers_does_not_bar_the_way_to_it() -> None:
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, Verdict.SUSPECT)}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_a_change_beyond_the_limit_says_so() -> None:
    after = decide(ORDERS, route(EAST, WEST, changes=6), EAST_LOST, AUTOMATIC, NOON)

    assert after.reason.endswith("(change 7 within the hour; 6 are for preferences)")


def test_a_hold_does_not_keep_a_route_in_a_region_that_has_left_the_key_set() -> None:
    hold = Intent(mode=Mode.HOLD, epoch=1, author="ana", reason="r")
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST)}

    after = decide(ORDERS, route(IRELAND, EAST, WEST), seen, hold, NOON)

    assert after.regions == (WEST, EAST)
    assert after.reason == "eu-west-1 has left the key set"


def test_too_many_changes_in_an_hour_stop_what_is_merely_better() -> None:
    automatic = key_set(failback=Failback.AUTOMATIC)

    calm = decide(automatic, route(WEST, EAST, changes=5), HEALTHY, AUTOMATIC, NOON, owed=0)
    flapping = decide(automatic, route(WEST, EAST, changes=6), HEALTHY, AUTOMATIC, NOON, owed=0)

    assert calm.regions == (EAST, WEST)
    assert flapping.regions == (WEST, EAST)


def test_too_many_changes_in_an_hour_do_not_keep_a_route_in_a_lost_region() -> None:
    after = decide(ORDERS, route(EAST, WEST, changes=6), EAST_LOST, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_an_operator_may_move_a_flapping_route() -> None:
    force = Intent(mode=Mode.FORCE, region=WEST, epoch=1, author="ana", reason="calm down")

    after = decide(ORDERS, route(EAST, WEST, changes=9), HEALTHY, force, NOON)

    assert after.regions == (WEST, EAST)


def test_changes_are_counted_for_an_hour_and_no_longer() -> None:
    old = (NOON - timedelta(hours=1), NOON - timedelta(minutes=59))
    before = route(EAST, WEST).but(changes=old)

    after = decide(ORDERS, before, EAST_LOST, AUTOMATIC, NOON)

    assert after.changes == (old[1], NOON)


def test_a_region_that_left_the_key_set_leaves_the_route() -> None:
    after = decide(ORDERS, route(IRELAND, WEST, EAST, changes=9), HEALTHY, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_before_anything_is_known_the_key_sets_own_order_is_the_route() -> None:
    first = first_route(key_set(WEST, EAST, rules=Rules.model_validate({})), IRELAND, NOON)

    assert first.regions == (WEST, EAST)


def test_a_return_waits_until_the_debt_is_counted_and_repaid() -> None:
    def head(owed: int | None, orders: KeySet = RETURN) -> str:
        return decide(orders, route(WEST, EAST), HEALTHY, AUTOMATIC, NOON, owed).regions[0]

    tolerant = key_set(failback=Failback.AUTOMATIC, rules=Rules(debt_allowed_to_return=2))

    assert [head(None), head(1), head(0)] == [WEST, WEST, EAST]
    assert [head(3, tolerant), head(2, tolerant)] == [WEST, EAST]


def test_a_return_tells_what_was_owed() -> None:
    after = decide(RETURN, route(WEST, EAST), HEALTHY, AUTOMATIC, NOON, owed=0)

    assert after.evidence[-1] == "owed to us-east-1: 0 objects"


def test_a_count_that_went_no_further_is_told_as_what_it_is() -> None:
    order = Intent(failback=True, insist=True, epoch=1, author="ana", reason="now", at=NOON)

    after = decide(ORDERS, route(WEST, EAST), HEALTHY, order, NOON, owed=MOST_COUNTED)

    assert after.evidence[-1] == "owed to us-east-1: at least 10000 objects"


def test_whoever_insists_on_a_return_does_not_wait_for_its_debt() -> None:
    order = Intent(failback=True, insist=True, epoch=1, author="ana", reason="now", at=NOON)

    after = decide(ORDERS, route(WEST, EAST), HEALTHY, order, NOON, owed=5)

    assert after.regions[0] == EAST


def test_debt_never_keeps_a_route_in_a_lost_region() -> None:
    after = decide(ORDERS, route(EAST, WEST), EAST_LOST, AUTOMATIC, NOON, owed=None)

    assert after.regions[0] == WEST


@given(key_sets, routes, healths_of_regions, intents)
def test_only_the_region_that_returns_to_names_is_ever_returned_to(
    orders: KeySet, before: Route, seen: Health, intent: Intent
) -> None:
    expected = returns_to(orders, before, seen, intent)

    after = decide(orders, before, seen, intent, NOON, owed=0)

    moved = after.regions[0] != before.regions[0]
    if expected is None and moved:
        forced = intent.mode is Mode.FORCE and after.regions[0] == intent.region
        assert forced or not seen[before.regions[0]].routable
    elif moved:
        assert after.regions[0] == expected


def test_every_member_key_has_its_place_in_the_order_also_one_that_the_route_does_not_know() -> None:
    orders = key_set(EAST, WEST, IRELAND)

    members = in_order(orders, route(WEST, EAST))

    assert [member.region for member in members] == [WEST, EAST, IRELAND]


# A reason names what caused this change, never an order or a loss that only happens to stand
