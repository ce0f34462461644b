"""The routing decision: what never happens, whatever was seen, and what an operator can make happen."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import Failback, KeySet, Rules
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.route import (
    MOST_COUNTED,
    Intent,
    Mode,
    Route,
    decide,
    first_route,
    in_force,
    in_order,
    returns_to,
)
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

Health: TypeAlias = Mapping[str, RegionHealth]

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


@pytest.mark.parametrize("seconds", [59, 60, 61], ids="{} s after it".format)
def test_an_approval_that_the_decisions_own_move_ends_is_spent_by_that_decision(seconds: int) -> None:
    """Within the clocks' skew the move does not end it."""
    at = NOON - timedelta(seconds=seconds)
    before = route(EAST, WEST).model_copy(update={"moved_at": at})
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
def test_a_region_that_does_not_answer_its_probe_is_no_refuge(verdict: Verdict) -> None:
    west = health(WEST, verdict).model_copy(update={"ready": False})
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: west}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (EAST, WEST)


def test_what_others_report_of_a_region_that_answers_does_not_bar_the_way_to_it() -> None:
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST, Verdict.SUSPECT)}

    after = decide(ORDERS, route(EAST, WEST), seen, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_an_approval_does_not_outlive_a_later_loss() -> None:
    order = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="back", at=NOON - timedelta(days=30))
    lost_again = HEALTHY | {EAST: HEALTHY[EAST].model_copy(update={"lost_at": NOON - timedelta(minutes=20)})}

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
    lost = HEALTHY | {EAST: HEALTHY[EAST].model_copy(update={"lost_at": NOON - timedelta(minutes=90)})}

    ended = decide(ORDERS, route(WEST, EAST, intent_epoch=3), lost, order, NOON, owed=0)
    forgotten = decide(ORDERS, ended, HEALTHY, order, NOON, owed=0)

    assert ended.intent_epoch == 4
    assert forgotten.regions[0] == WEST


def test_an_automatic_return_is_not_said_to_be_ordered_by_who_ordered_an_earlier_one() -> None:
    old = Intent(failback=True, epoch=4, written_in=WEST, author="ana", reason="March", at=NOON - timedelta(days=60))

    after = decide(RETURN, route(WEST, EAST, intent_epoch=4), HEALTHY, old, NOON, owed=0)

    assert after.reason == "us-east-1 is usable and preferred"


def test_a_change_beyond_the_limit_says_so() -> None:
    after = decide(ORDERS, route(EAST, WEST, changes=6), EAST_LOST, AUTOMATIC, NOON)

    assert after.reason.endswith("(change 7 within the hour; 6 are for preferences)")


def test_a_hold_does_not_keep_a_route_in_a_region_that_has_left_the_key_set() -> None:
    hold = Intent(mode=Mode.HOLD, epoch=1, author="ana", reason="r")
    seen = {EAST: health(EAST, Verdict.IMPAIRED), WEST: health(WEST)}

    after = decide(ORDERS, route(IRELAND, EAST, WEST), seen, hold, NOON)

    assert after.regions == (WEST, EAST)
    assert after.reason == "eu-west-1 has left the key set"


def test_forcing_a_region_without_a_key_is_as_if_nothing_was_said() -> None:
    force = Intent(mode=Mode.FORCE, region="af-south-1", epoch=1)

    after = decide(ORDERS, route(EAST, WEST), EAST_LOST, force, NOON)

    assert after.regions == (WEST, EAST)


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
    before = route(EAST, WEST).model_copy(update={"changes": old})

    after = decide(ORDERS, before, EAST_LOST, AUTOMATIC, NOON)

    assert after.changes == (old[1], NOON)


def test_a_region_that_left_the_key_set_leaves_the_route() -> None:
    after = decide(ORDERS, route(IRELAND, WEST, EAST, changes=9), HEALTHY, AUTOMATIC, NOON)

    assert after.regions == (WEST, EAST)


def test_before_anything_is_known_the_key_sets_own_order_is_the_route() -> None:
    first = first_route(key_set(WEST, EAST, rules=Rules.model_validate({})), IRELAND, NOON)

    assert first.regions == (WEST, EAST)


RETURN = key_set(failback=Failback.AUTOMATIC)


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


def test_the_approval_of_a_clock_that_is_a_little_slow_counts() -> None:
    order = Intent(failback=True, epoch=1, author="ana", reason="back", at=NOON - timedelta(seconds=30))
    moved = route(WEST, EAST).model_copy(update={"moved_at": NOON})

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


def test_every_member_key_has_its_place_in_the_order_also_one_that_the_route_does_not_know() -> None:
    orders = key_set(EAST, WEST, IRELAND)

    members = in_order(orders, route(WEST, EAST))

    assert [member.region for member in members] == [WEST, EAST, IRELAND]


@pytest.mark.parametrize(
    "seen",
    [
        {EAST: health(EAST)},
        {EAST: health(EAST), WEST: health(WEST, Verdict.UNKNOWN)},
        {EAST: health(EAST), WEST: health(WEST).model_copy(update={"key_answers": None})},
    ],
)
def test_a_force_waits_where_its_region_does_not_answer_unless_the_operator_insists(seen: Health) -> None:
    force = Intent(mode=Mode.FORCE, region=WEST, epoch=1, author="ana", reason="r")

    waiting = decide(ORDERS, route(EAST, WEST), seen, force, NOON)
    insisted = decide(ORDERS, route(EAST, WEST), seen, force.model_copy(update={"insist": True}), NOON)
    answered = decide(ORDERS, waiting, HEALTHY, force, NOON)

    assert (waiting.regions[0], waiting.intent_epoch) == (EAST, 0)
    assert insisted.regions[0] == WEST
    assert (answered.regions[0], answered.intent_epoch) == (WEST, 1)


def test_a_region_that_has_left_the_key_set_is_the_reason_also_where_no_other_answers() -> None:
    after = decide(ORDERS, route(IRELAND, EAST, WEST), {}, AUTOMATIC, NOON)

    assert after.regions == (EAST, WEST)
    assert after.reason == f"{IRELAND} has left the key set"


def test_where_region_and_key_are_lost_the_region_is_the_reason() -> None:
    lost = health(EAST, Verdict.IMPAIRED).model_copy(update={"key_usable": False, "key_reason": "2 probes failed"})

    both = decide(ORDERS, route(EAST, WEST), HEALTHY | {EAST: lost}, AUTOMATIC, NOON)
    key = lost.model_copy(update={"verdict": Verdict.HEALTHY})
    alone = decide(ORDERS, route(EAST, WEST), HEALTHY | {EAST: key}, AUTOMATIC, NOON)

    assert both.reason.startswith(f"{EAST} is impaired: ")
    assert alone.reason == f"the key in {EAST} is not usable: 2 probes failed"


# A reason names what caused this change, never an order or a loss that only happens to stand


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
    back = health(EAST).model_copy(update={"returned_at": NOON})
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
