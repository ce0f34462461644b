"""Verdicts: what a region concludes from observations, and what it never concludes."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import KeySet, Rules
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.hold_down import MAX_DOUBLINGS
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.verdict import LONGEST_REASON, judge
from kms_failover.domain.timing import CLOCK_SKEW
from tests.domain.routing.health_world import FAULT, KEY_FAULT, NEW, OK, THROTTLED, impaired, own, probes
from tests.domain.strategies import NOON, RULES, healths, key_sets, observation, observations


@given(healths, observations, key_sets, st.randoms(use_true_random=False))
def test_the_order_of_observations_never_matters(
    before: RegionHealth, seen: list[Observation], rules: KeySet, random: Any
) -> None:
    shuffled = list(seen)
    random.shuffle(shuffled)

    assert judge(before, shuffled, rules.rules, NOON) == judge(before, seen, rules.rules, NOON)


@given(healths, observations, key_sets)
def test_repeated_observations_never_matter(before: RegionHealth, seen: list[Observation], rules: KeySet) -> None:
    once = judge(before, seen, rules.rules, NOON)

    assert judge(before, [*seen, *seen, *seen[:3]], rules.rules, NOON) == once


def test_one_failed_round_that_is_told_three_times_is_one() -> None:
    after = judge(NEW, probes(OK, FAULT) * 3, RULES, NOON)

    assert after.verdict is Verdict.SUSPECT


@given(healths, observations, key_sets)
def test_without_a_region_fault_nothing_becomes_impaired(
    before: RegionHealth, seen: list[Observation], rules: KeySet
) -> None:
    harmless = [o for o in seen if o.outcome is not FAULT]

    after = judge(before, harmless, rules.rules, NOON)

    assert after.verdict is not Verdict.IMPAIRED or before.verdict is Verdict.IMPAIRED


@given(healths, observations, key_sets)
def test_without_a_failed_probe_no_other_signal_makes_a_region_impaired(
    before: RegionHealth, seen: list[Observation], rules: KeySet
) -> None:
    unseen = [o for o in seen if o.source is not Source.PROBE or o.outcome is not FAULT]

    after = judge(before, unseen, rules.rules, NOON)

    assert after.verdict is not Verdict.IMPAIRED or before.verdict is Verdict.IMPAIRED


@given(healths, key_sets)
def test_silence_alone_never_makes_a_usable_region_unroutable(before: RegionHealth, rules: KeySet) -> None:
    after = judge(before, [], rules.rules, NOON)

    assert after.routable or not before.routable


@given(healths, observations, key_sets)
def test_judging_again_at_the_same_moment_changes_no_verdict(
    before: RegionHealth, seen: list[Observation], rules: KeySet
) -> None:
    once = judge(before, seen, rules.rules, NOON)

    again = judge(once, seen, rules.rules, NOON)

    assert (again.verdict, again.key_usable, again.losses) == (once.verdict, once.key_usable, once.losses)


def test_three_failed_rounds_in_a_row_make_a_region_impaired_and_two_make_it_suspect() -> None:
    two = judge(NEW, probes(OK, FAULT, FAULT), RULES, NOON)
    three = judge(two, probes(OK, FAULT, FAULT, FAULT), RULES, NOON)

    assert two.verdict is Verdict.SUSPECT
    assert three.verdict is Verdict.IMPAIRED
    assert (three.losses, three.lost_at) == (1, NOON)


def test_two_failed_rounds_are_enough_when_another_signal_agrees() -> None:
    seen = [*probes(OK, FAULT, FAULT), observation(-3, FAULT, Source.DATA_PLANE, code="ReadTimeoutError")]

    after = judge(NEW, seen, RULES, NOON)

    assert after.verdict is Verdict.IMPAIRED
    assert "data-plane agrees (ReadTimeoutError)" in after.reason


def test_one_failed_round_is_not_enough_whoever_agrees() -> None:
    others = [observation(-1, FAULT, source) for source in Source if source is not Source.PROBE]

    after = judge(NEW, [*probes(OK, FAULT), *others], RULES, NOON)

    assert after.verdict is Verdict.SUSPECT


def test_a_single_aws_health_event_makes_a_region_suspect_only() -> None:
    after = judge(NEW, [*probes(OK, OK, OK), observation(-5, FAULT, Source.HEALTH_EVENT)], RULES, NOON)

    assert after.verdict is Verdict.SUSPECT
    assert after.routable


def test_an_old_signal_does_not_agree_with_a_new_fault() -> None:
    old = observation(-10 - RULES.corroboration_seconds - 1, FAULT, Source.DATA_PLANE)
    recent = observation(-10 - RULES.corroboration_seconds, FAULT, Source.DATA_PLANE)

    assert judge(NEW, [*probes(OK, FAULT, FAULT), old], RULES, NOON).verdict is Verdict.SUSPECT
    assert judge(NEW, [*probes(OK, FAULT, FAULT), recent], RULES, NOON).verdict is Verdict.IMPAIRED


def test_a_good_round_between_breaks_the_row() -> None:
    after = judge(NEW, probes(FAULT, FAULT, OK, FAULT, FAULT), RULES, NOON)

    assert after.verdict is Verdict.SUSPECT


def test_a_throttled_round_neither_breaks_nor_extends_the_row() -> None:
    broken = judge(NEW, probes(FAULT, THROTTLED, FAULT, THROTTLED), RULES, NOON)
    whole = judge(NEW, probes(FAULT, THROTTLED, FAULT, THROTTLED, FAULT), RULES, NOON)

    assert broken.verdict is Verdict.SUSPECT
    assert whole.verdict is Verdict.IMPAIRED


def test_a_probe_that_is_silent_for_too_long_leaves_a_region_unknown() -> None:
    late = judge(NEW, probes(OK, end=-RULES.unknown_after_seconds - 1), RULES, NOON)
    just_in_time = judge(NEW, probes(OK, end=-RULES.unknown_after_seconds), RULES, NOON)

    assert late.verdict is Verdict.UNKNOWN
    assert just_in_time.verdict is Verdict.HEALTHY


def test_a_lost_region_is_healthy_again_after_ten_minutes_without_a_fault_and_not_before() -> None:
    lost = NOON - timedelta(seconds=RULES.healthy_after_seconds)
    after_hold_down = impaired().but(last_fault_at=lost)
    before_hold_down = impaired().but(last_fault_at=lost + timedelta(seconds=1))

    assert judge(after_hold_down, probes(OK), RULES, NOON).verdict is Verdict.HEALTHY
    assert judge(before_hold_down, probes(OK), RULES, NOON).verdict is Verdict.IMPAIRED


def test_a_lost_region_that_nobody_asks_stays_lost() -> None:
    after = judge(impaired(minutes_ago=59), [], RULES, NOON)

    assert after.verdict is Verdict.IMPAIRED


def test_only_the_probes_own_faults_lengthen_the_way_back() -> None:
    """One caller with a broken line must not keep a region lost for all."""
    reported = [*probes(OK, OK), observation(-60, FAULT, Source.DATA_PLANE)]
    seen = [*probes(FAULT, OK, OK)]

    assert judge(impaired(minutes_ago=30), reported, RULES, NOON).verdict is Verdict.HEALTHY
    assert judge(impaired(minutes_ago=30), seen, RULES, NOON).verdict is Verdict.IMPAIRED


def test_another_signal_adds_a_criterion_and_takes_none_away() -> None:
    often = Rules(faults_to_impair=3, of_rounds=5)
    hasty = Rules(faults_to_impair=1)
    agreeing = observation(-3, FAULT, Source.DATA_PLANE)

    assert judge(NEW, [*probes(FAULT, OK, FAULT, OK, FAULT), agreeing], often, NOON).verdict is Verdict.IMPAIRED
    assert judge(NEW, [*probes(OK, FAULT), agreeing], hasty, NOON).verdict is Verdict.IMPAIRED


def test_an_alarm_is_worked_out_from_the_probes_rounds_so_it_agrees_with_nothing() -> None:
    alarm = observation(-3, FAULT, Source.ALARM)

    assert judge(NEW, [*probes(OK, FAULT, FAULT), alarm], RULES, NOON).verdict is Verdict.SUSPECT
    assert judge(NEW, [*probes(OK, OK), alarm], RULES, NOON).verdict is Verdict.SUSPECT


def test_each_further_loss_within_an_hour_doubles_the_way_back_up_to_a_bound() -> None:
    rules = Rules(healthy_after_seconds=100)

    def recovered(times: int, seconds: int) -> bool:
        lost = impaired(times=times).but(last_fault_at=NOON - timedelta(seconds=seconds))
        return judge(lost, probes(OK), rules, NOON).verdict is Verdict.HEALTHY

    assert [recovered(times, 200) for times in (1, 2, 3)] == [True, True, False]
    assert [recovered(50, 100 * 2**MAX_DOUBLINGS - back) for back in (0, 1)] == [True, False]


@pytest.mark.parametrize(("minutes", "losses"), [(59, 3), (61, 1)])
def test_a_loss_counts_with_the_earlier_ones_if_it_follows_a_return_within_an_hour(minutes: int, losses: int) -> None:
    back = NOON - timedelta(minutes=minutes)
    before = NEW.but(losses=2, lost_at=back - timedelta(hours=9), returned_at=back)

    after = judge(before, probes(FAULT, FAULT, FAULT), RULES, NOON)

    assert (after.losses, after.lost_at, after.returned_at) == (losses, NOON, back)


def test_the_way_back_grows_as_long_as_losses_follow_returns_however_long_it_takes() -> None:
    """Lost again a minute after each return, with the default rules: seconds from the last fault to the next return."""
    health, now, ways = NEW, NOON, []
    for _ in range(6):
        seen = [o.but(at=now + (o.at - NOON)) for o in probes(FAULT, FAULT, FAULT)]
        health = judge(health, seen, RULES, now)
        fault = now
        while not health.routable:
            now += timedelta(seconds=60)
            answer = observation(0, OK).but(at=now)
            health = judge(health, [answer], RULES, now)
        ways.append(int((now - fault).total_seconds()))
        now += timedelta(seconds=60)

    assert ways == [600, 1200, 2400, 4800, 9600, 9600]


def test_k_of_n_finds_a_region_that_answers_now_and_then() -> None:
    often = Rules(faults_to_impair=3, of_rounds=5)
    seen = probes(FAULT, OK, FAULT, OK, FAULT)

    assert judge(NEW, seen, often, NOON).verdict is Verdict.IMPAIRED
    assert judge(NEW, seen, RULES, NOON).verdict is Verdict.SUSPECT
    assert "3 of the last 5 probe rounds failed" in judge(NEW, seen, often, NOON).reason


def test_k_of_n_does_not_give_up_a_region_whose_latest_round_was_answered() -> None:
    often = Rules(faults_to_impair=3, of_rounds=5)

    assert judge(NEW, probes(FAULT, FAULT, FAULT, OK), often, NOON).verdict is Verdict.HEALTHY


def test_a_region_that_fails_every_third_round_is_not_lost_whoever_agrees() -> None:
    health = NEW
    for end in range(-600, 1, 10):
        rounds = [FAULT if (end // 10 - back) % 3 == 0 else OK for back in range(30, -1, -1)]
        agreeing = observation(end, FAULT, Source.DATA_PLANE)
        now = NOON + timedelta(seconds=end)
        health = judge(health, [*probes(*rounds, end=end), agreeing], RULES, now)
        assert health.routable


def test_rounds_that_throttling_mutes_leave_a_region_unknown_and_say_why() -> None:
    after = judge(NEW, probes(THROTTLED, THROTTLED), RULES, NOON)

    assert after.verdict is Verdict.UNKNOWN
    assert after.reason == "nothing but Code from the probe within 180 s"


def test_faults_of_long_ago_make_nothing_impaired_now() -> None:
    after = judge(NEW, probes(FAULT, FAULT, FAULT, end=-RULES.unknown_after_seconds - 1), RULES, NOON)

    assert after.verdict is Verdict.UNKNOWN


def test_what_claims_to_come_from_the_future_waits_for_its_time() -> None:
    ahead = probes(FAULT, FAULT, FAULT, end=CLOCK_SKEW.total_seconds() + 30)
    skewed = probes(FAULT, FAULT, FAULT, end=CLOCK_SKEW.total_seconds())

    assert judge(NEW, [*probes(OK), *ahead], RULES, NOON).verdict is not Verdict.IMPAIRED
    assert judge(NEW, [*probes(OK), *skewed], RULES, NOON).verdict is Verdict.IMPAIRED


def test_a_closing_update_takes_its_opening_one_back_in_whatever_order_they_come() -> None:
    opened = observation(-20, FAULT, Source.HEALTH_EVENT, subject="issue")
    closed = observation(-10, THROTTLED, Source.HEALTH_EVENT, subject="issue")
    another = observation(-20, FAULT, Source.HEALTH_EVENT, subject="another")
    rounds = probes(OK, FAULT, FAULT)

    assert judge(NEW, [*rounds, closed, opened], RULES, NOON).verdict is Verdict.SUSPECT
    assert judge(NEW, [*rounds, opened], RULES, NOON).verdict is Verdict.IMPAIRED
    assert judge(NEW, [*rounds, closed, opened, another], RULES, NOON).verdict is Verdict.IMPAIRED


def test_an_eligible_target_has_answered_its_latest_rounds_as_many_as_the_key_set_wants() -> None:
    careful = Rules(minimum_answers=2)

    assert not judge(NEW, [*own(OK), *probes(FAULT, OK)], careful, NOON).is_eligible_target
    assert judge(NEW, [*own(OK), *probes(FAULT, OK)], RULES, NOON).is_eligible_target
    assert judge(NEW, [*own(OK), *probes(FAULT, OK, OK)], careful, NOON).is_eligible_target
    assert not judge(NEW, own(OK), RULES, NOON).is_eligible_target


@pytest.mark.parametrize("outcomes", [(), (THROTTLED,), (OK, KEY_FAULT), (OK, FAULT)])
def test_no_eligible_target_is_where_the_key_set_own_key_has_not_answered_when_it_was_asked_last(
    outcomes: tuple[Outcome, ...],
) -> None:
    assert not judge(NEW, [*probes(OK), *own(*outcomes)], RULES, NOON).is_eligible_target


def test_nothing_new_gives_the_very_same_verdict() -> None:
    once = judge(NEW, probes(OK), RULES, NOON)

    assert judge(once, probes(OK, OK), RULES, NOON) is once


@given(healths, observations, key_sets)
def test_what_lies_outside_its_own_window_never_matters(
    before: RegionHealth, seen: list[Observation], rules: KeySet
) -> None:
    inside = [o for o in seen if o.at >= NOON - rules.rules.window]

    assert judge(before, seen, rules.rules, NOON) == judge(before, inside, rules.rules, NOON)


def test_a_drill_that_is_on_is_known_until_it_ends_or_is_ended() -> None:
    begun = observation(-20, FAULT, Source.DRILL, subject="drill")
    ended = observation(-10, THROTTLED, Source.DRILL, subject="drill")

    on = judge(NEW, [*probes(OK), begun], RULES, NOON)
    over = judge(on, [*probes(OK), begun, ended], RULES, NOON)
    expired = judge(on, [*probes(OK, end=41), begun], RULES, NOON + timedelta(seconds=41))

    assert on.drill_at == begun.at
    assert (over.drill_at, over.verdict) == (None, Verdict.HEALTHY)
    assert (expired.drill_at, expired.verdict) == (None, Verdict.HEALTHY)


def test_a_reason_is_short_and_of_one_line_whatever_a_stranger_reports() -> None:
    said = observation(-5, FAULT, Source.DATA_PLANE, code="\x1b[2J\n" + "x" * 300_000)

    after = judge(NEW, [*probes(OK), said], RULES, NOON)

    assert len(after.reason) <= LONGEST_REASON + 10
    assert after.reason.isprintable()
