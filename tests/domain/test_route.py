"""The routing decision: what never happens, whatever was seen, and what an operator can make happen."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.health import RegionHealth, Verdict
from kms_failover.domain.key_set import Failback, KeySet, Rules
from kms_failover.domain.route import Intent, Mode, Route, decide, first_route, newest
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

type Health = Mapping[str, RegionHealth]

ORDERS = key_set(EAST, WEST)
AUTOMATIC = Intent()
HEALTHY = {EAST: health(EAST), WEST: health(WEST)}
EAST_LOST = HEALTHY | {EAST: health(EAST, Verdict.IMPAIRED)}


def route(*regions: str, intent_epoch: int = 0, changes: int = 0) -> Route:
    first = first_route(ORDERS, WEST, NOON - timedelta(minutes=30))
    times = tuple(NOON - timedelta(minutes=minute) for minute in range(changes, 0, -1))
    return first.model_copy(update={"regions": regions, "intent_epoch": intent_epoch, "changes": times})


@given(key_sets, routes, healths_of_regions, intents)
def test_deciding_again_changes_nothing(orders: KeySet, before: Route, seen: Health, intent: Intent) -> None:
    once = decide(orders, before, seen, intent, NOON)

    again = decide(orders, once, seen, intent, NOON)

    assert again is once


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
    assert after.announced == (before.announced and after.regions == before.regions)


@given(key_sets, routes, healths_of_regions, intents)
def test_a_hold_is_never_broken(orders: KeySet, before: Route, seen: Health, intent: Intent) -> None:
    hold = intent.model_copy(update={"mode": Mode.HOLD})

    after = decide(orders, before, seen, hold, NOON)

    assert after.regions == before.regions


@given(key_sets, routes, healths_of_regions, automatic_intents)
def test_never_led_by_an_unusable_region_while_another_answers(
    orders: KeySet, before: Route, seen: Health, intent: Intent
) -> None:
    after = decide(orders, before, seen, intent, NOON)

    others = [h for h in seen.values() if h.is_refuge]
    assert seen[after.regions[0]].routable or not others


@given(key_sets, routes, automatic_intents, st.booleans())
def test_silence_alone_never_moves_the_route(
    orders: KeySet,
    before: Route,
    intent: Intent,
    known: bool,  # noqa: FBT001  # drawn
) -> None:
    no_return = intent.model_copy(update={"failback": False})
    silent = {region: health(region, Verdict.UNKNOWN) for region in orders.regions} if known else {}
    held = orders.model_copy(update={"failback": Failback.HELD})

    after = decide(held, before, silent, no_return, NOON)

    assert after.regions[0] == before.regions[0]


@given(key_sets, routes, healths_of_regions)
def test_with_no_usable_region_the_last_good_route_stays(orders: KeySet, before: Route, seen: Health) -> None:
    lost = {region: h.model_copy(update={"key_usable": False}) for region, h in seen.items()}

    after = decide(orders, before, lost, AUTOMATIC, NOON)

    assert after is before or after.regions == before.regions


@given(st.lists(intents, unique_by=lambda i: (i.epoch, i.written_in)), st.randoms(use_true_random=False))
def test_the_newest_intent_wins_whatever_the_order(all_intents: list[Intent], random: object) -> None:
    shuffled = list(all_intents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it loosely

    winner = newest(shuffled)

    assert winner == newest(all_intents)
    assert all((winner.epoch, winner.written_in) >= (i.epoch, i.written_in) for i in all_intents)


def test_without_intents_the_service_decides() -> None:
    assert newest([]).mode is Mode.AUTOMATIC


def test_a_lost_region_goes_last_with_its_reason_and_evidence() -> None:
    after = decide(ORDERS, route(EAST, WEST), EAST_LOST, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)
    assert after.reason == f"{EAST} is impaired: seen"
    assert after.evidence == (f"{EAST}: impaired, seen", f"{WEST}: healthy, seen")
    assert after.decided_at == NOON


def test_an_unusable_key_moves_the_route_although_its_region_is_healthy() -> None:
    seen = HEALTHY | {EAST: health(EAST, key_usable=False)}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)
    assert "the key in us-east-1 is not usable" in after.reason


def test_a_held_route_does_not_return_by_itself_and_an_automatic_one_does() -> None:
    held, automatic = key_set(failback=Failback.HELD), key_set(failback=Failback.AUTOMATIC)

    assert decide(held, route(WEST, EAST), HEALTHY, AUTOMATIC, NOON).regions[0] == WEST
    assert decide(automatic, route(WEST, EAST), HEALTHY, AUTOMATIC, NOON).regions[0] == EAST


def test_nothing_returns_to_a_region_that_is_not_healthy_yet() -> None:
    automatic = key_set(failback=Failback.AUTOMATIC)

    for verdict in (Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.IMPAIRED):
        seen = HEALTHY | {EAST: health(EAST, verdict)}
        assert decide(automatic, route(WEST, EAST), seen, AUTOMATIC, NOON).regions[0] == WEST


@pytest.mark.parametrize("verdict", [Verdict.SUSPECT, Verdict.UNKNOWN])
def test_a_region_that_does_not_answer_its_probe_is_no_refuge(verdict: Verdict) -> None:
    west = health(WEST, verdict).model_copy(update={"answers": False})
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: west}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (EAST, WEST)


def test_what_others_report_of_a_region_that_answers_does_not_bar_the_way_to_it() -> None:
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, Verdict.SUSPECT)}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_an_approval_does_not_outlive_a_later_loss() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="back", at=NOON - timedelta(days=30))
    lost_again = HEALTHY | {EAST: HEALTHY[EAST].model_copy(update={"impairments": (NOON - timedelta(minutes=20),)})}

    after = decide(ORDERS, route(WEST, EAST, intent_epoch=3), lost_again, order, NOON)

    assert after.regions == (WEST, EAST)


def test_an_ordered_return_is_carried_out_once_and_not_again_after_the_next_loss() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="it is back", at=NOON)

    returned = decide(ORDERS, route(WEST, EAST, intent_epoch=3), HEALTHY, order, NOON)
    lost = decide(ORDERS, returned, EAST_LOST, order, NOON)
    healthy_again = decide(ORDERS, lost, HEALTHY, order, NOON)

    assert returned.regions == (EAST, WEST)
    assert returned.reason == "failback to us-east-1 ordered by ana: it is back"
    assert lost.regions == (WEST, EAST)
    assert healthy_again.regions == (WEST, EAST)


def test_an_ordered_return_waits_for_a_region_that_sees_the_recovery_later() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="it is back", at=NOON)

    waiting = decide(ORDERS, route(WEST, EAST, intent_epoch=3), EAST_LOST, order, NOON)
    returned = decide(ORDERS, waiting, HEALTHY, order, NOON)

    assert waiting.regions == (WEST, EAST)
    assert returned.regions == (EAST, WEST)


def test_a_forced_region_leads_even_if_it_is_lost() -> None:
    force = Intent(mode=Mode.FORCE, region=EAST, epoch=1, author="ana", reason="I insist")

    after = decide(ORDERS, route(WEST, EAST), EAST_LOST, force, NOON)

    assert after.regions == (EAST, WEST)
    assert after.reason == "forced to us-east-1 by ana: I insist"


def test_forcing_a_region_without_a_key_is_as_if_nothing_was_said() -> None:
    force = Intent(mode=Mode.FORCE, region="af-south-1", epoch=1)

    after = decide(ORDERS, route(EAST, WEST), EAST_LOST, force, NOON)

    assert after.regions == (WEST, EAST)


def test_too_many_changes_in_an_hour_stop_what_is_merely_better() -> None:
    automatic = key_set(failback=Failback.AUTOMATIC)

    calm = decide(automatic, route(WEST, EAST, changes=5), HEALTHY, AUTOMATIC, NOON)
    flapping = decide(automatic, route(WEST, EAST, changes=6), HEALTHY, AUTOMATIC, NOON)

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
    before = route(EAST, WEST).model_copy(update={"changes": old})

    after = decide(ORDERS, before, EAST_LOST, AUTOMATIC, NOON)

    assert after.changes == (old[1], NOON)


def test_a_region_that_left_the_key_set_leaves_the_route() -> None:
    after = decide(ORDERS, route(IRELAND, WEST, EAST, changes=9), HEALTHY, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_before_anything_is_known_the_key_sets_own_order_is_the_route() -> None:
    first = first_route(key_set(WEST, EAST, rules=Rules.model_validate({})), IRELAND, NOON)

    assert first.regions == (WEST, EAST)
    assert first.announced
