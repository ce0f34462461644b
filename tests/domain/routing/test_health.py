"""From observations to a verdict."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import KeySet, Rules
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.verdict import LONGEST_REASON, MAX_DOUBLINGS, judge
from kms_failover.domain.timing import CLOCK_SKEW
from tests.domain.strategies import EAST, NOON, RULES, healths, key_sets, observation, observations

FAULT, OK, THROTTLED, KEY_FAULT = Outcome.REGION_FAULT, Outcome.OK, Outcome.INCONCLUSIVE, Outcome.KEY_FAULT
NEW = RegionHealth(region=EAST, since=NOON - timedelta(hours=1))


def probes(*outcomes: Outcome, end: float = 0, key_set: str = "") -> list[Observation]:
    """Rounds 10 s apart, the last one at `end`; of the region, or of a key set's own key."""
    return [observation(end - 10 * back, one, key_set=key_set) for back, one in enumerate(reversed(outcomes))]


def own(*outcomes: Outcome, end: float = 0) -> list[Observation]:
    return probes(*outcomes, end=end, key_set="orders")


def impaired(*, minutes_ago: int = 5, times: int = 1) -> RegionHealth:
    lost = NOON - timedelta(minutes=minutes_ago)
    return NEW.but(verdict=Verdict.IMPAIRED, since=lost, last_fault_at=lost, losses=times, lost_at=lost)


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
    after_dwell = impaired().but(last_fault_at=lost)
    before_dwell = impaired().but(last_fault_at=lost + timedelta(seconds=1))

    assert judge(after_dwell, probes(OK), RULES, NOON).verdict is Verdict.HEALTHY
    assert judge(before_dwell, probes(OK), RULES, NOON).verdict is Verdict.IMPAIRED


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


def test_two_faults_of_the_key_in_a_row_make_it_unusable_and_say_nothing_about_the_region() -> None:
    once = judge(NEW, [*probes(OK), *own(OK, KEY_FAULT)], RULES, NOON)
    twice = judge(once, [*probes(OK), *own(OK, KEY_FAULT, KEY_FAULT)], RULES, NOON)

    assert once.key_usable
    assert not twice.key_usable
    assert not twice.routable
    assert twice.verdict is Verdict.HEALTHY
    assert twice.key_reason == "2 probes of it in a row failed with Code"
    assert twice.losses == 1


def test_a_key_that_is_silent_alone_is_given_up_after_a_minute_of_rounds_and_not_sooner() -> None:
    five = judge(NEW, [*probes(OK), *own(*[FAULT] * 5)], RULES, NOON)
    six = judge(NEW, [*probes(OK), *own(*[FAULT] * 6)], RULES, NOON)
    mixed = judge(NEW, own(KEY_FAULT, FAULT, KEY_FAULT), RULES, NOON)

    assert (five.key_usable, six.key_usable, mixed.key_usable) == (True, False, True)
    assert six.verdict is Verdict.HEALTHY
    assert six.last_fault_at is None
    assert six.key_reason == "6 probes of it in a row failed with Code"


def test_what_was_done_to_the_key_is_told_with_its_loss() -> None:
    disabled = observation(-15, KEY_FAULT, Source.KMS_EVENT, code="DisableKey", key_set="orders")

    after = judge(NEW, [disabled, *own(KEY_FAULT, KEY_FAULT)], RULES, NOON)

    assert after.key_reason.endswith(", after DisableKey")


def test_a_doubled_fault_of_the_key_is_one() -> None:
    doubled = [*own(KEY_FAULT), observation(-3, KEY_FAULT, key_set="orders")]

    assert judge(NEW, doubled, RULES, NOON).key_usable


def test_a_key_is_usable_again_after_a_quiet_minute_with_an_answer_and_not_through_silence_or_throttling() -> None:
    fault = NOON - timedelta(seconds=RULES.key_usable_after_seconds)
    lost = NEW.but(key_usable=False, key_answers=False, key_reason="lost", last_key_fault_at=fault)

    def usable(*outcomes: Outcome, before: RegionHealth = lost) -> bool:
        return judge(before, own(*outcomes), RULES, NOON).key_usable

    assert usable(KEY_FAULT, OK) is False
    assert usable(OK)
    assert not usable(THROTTLED, OK, FAULT)
    assert not usable()
    assert not usable(OK, before=lost.but(last_key_fault_at=fault + timedelta(seconds=1)))


def test_a_key_that_answered_once_is_usable_when_its_time_has_come_without_being_asked_again() -> None:
    fault = NOON - timedelta(hours=1)
    lost = NEW.but(key_usable=False, key_answers=True, last_key_fault_at=fault)

    assert judge(lost, [], RULES, NOON).key_usable


def test_a_key_that_is_lost_again_and_again_takes_longer_to_be_usable() -> None:
    fault = NOON - timedelta(seconds=RULES.key_usable_after_seconds)
    lost = NEW.but(key_usable=False, last_key_fault_at=fault, losses=2)

    assert not judge(lost, own(OK), RULES, NOON).key_usable


def test_a_keys_own_event_alone_does_not_make_it_unusable() -> None:
    event = observation(-1, KEY_FAULT, Source.KMS_EVENT, key_set="orders")

    assert judge(NEW, [*probes(OK), event, *own(OK)], RULES, NOON).key_usable


def test_an_own_keys_probe_says_nothing_about_the_region() -> None:
    after = judge(NEW, [*probes(OK), *own(FAULT, FAULT, FAULT, end=1)], RULES, NOON)

    assert after.verdict is Verdict.HEALTHY


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


def test_a_refuge_has_answered_its_latest_rounds_as_many_as_the_key_set_wants() -> None:
    careful = Rules(minimum_answers=2)

    assert not judge(NEW, [*own(OK), *probes(FAULT, OK)], careful, NOON).is_refuge
    assert judge(NEW, [*own(OK), *probes(FAULT, OK)], RULES, NOON).is_refuge
    assert judge(NEW, [*own(OK), *probes(FAULT, OK, OK)], careful, NOON).is_refuge
    assert not judge(NEW, own(OK), RULES, NOON).is_refuge


@pytest.mark.parametrize("outcomes", [(), (THROTTLED,), (OK, KEY_FAULT), (OK, FAULT)])
def test_no_refuge_is_where_the_key_set_own_key_has_not_answered_when_it_was_asked_last(
    outcomes: tuple[Outcome, ...],
) -> None:
    assert not judge(NEW, [*probes(OK), *own(*outcomes)], RULES, NOON).is_refuge


def test_nothing_new_gives_the_very_same_verdict() -> None:
    once = judge(NEW, probes(OK), RULES, NOON)

    assert judge(once, probes(OK, OK), RULES, NOON) is once


@given(healths, observations, key_sets)
def test_what_lies_outside_its_own_window_never_matters(
    before: RegionHealth, seen: list[Observation], rules: KeySet
) -> None:
    inside = [o for o in seen if o.at >= NOON - rules.rules.window]

    assert judge(before, seen, rules.rules, NOON) == judge(before, inside, rules.rules, NOON)


def test_a_key_that_refuses_has_not_answered_and_one_that_is_throttled_has_said_nothing_else() -> None:
    answered = judge(NEW, [*probes(OK), *own(OK, end=-10)], RULES, NOON)

    refused = judge(answered, [*probes(OK), *own(Outcome.REFUSED)], RULES, NOON)
    throttled = judge(answered, [*probes(OK), *own(THROTTLED)], RULES, NOON)

    assert (refused.key_answers, refused.routable, refused.is_refuge) == (None, True, False)
    assert refused.in_words().endswith("; its key has not answered")
    assert throttled.is_refuge


def test_what_a_key_said_that_has_been_replaced_is_not_its_successors_word() -> None:
    new = judge(NEW, [*probes(OK), *own(OK)], RULES, NOON).with_key("arn of another")
    old = [one.but(subject="arn of the first") for one in own(OK, KEY_FAULT, KEY_FAULT)]

    after = judge(new, [*probes(OK), *old], RULES, NOON)

    assert (after.key_answers, after.key_usable, after.last_key_fault_at) == (None, True, None)


def complaints(*seconds: float) -> list[Observation]:
    """As the data plane writes them: each bears its five seconds' beginning."""
    return [observation(at, FAULT, Source.DATA_PLANE) for at in seconds]


def test_callers_who_complain_for_a_minute_of_good_rounds_make_a_region_neither_suspect_nor_impaired() -> None:
    """Their own way is broken: one such caller would keep every key set from returning, and agree with every blip."""
    heard = judge(NEW, [*probes(*[OK] * 6), *complaints(*range(-55, 0, 5))], RULES, NOON)
    before = [*probes(*[OK] * 7), *complaints(*range(-65, 0, 5))]
    unheard = judge(NEW, before, RULES, NOON)
    blip = judge(unheard, [*before, *probes(FAULT, FAULT, end=20)], RULES, NOON + timedelta(seconds=20))
    outage = judge(unheard, [*before, *probes(FAULT, FAULT, FAULT, end=30)], RULES, NOON + timedelta(seconds=30))

    assert heard.verdict is Verdict.SUSPECT
    assert unheard.verdict is Verdict.HEALTHY
    assert blip.verdict is Verdict.SUSPECT
    assert outage.verdict is Verdict.IMPAIRED


def test_callers_that_pause_are_heard_again() -> None:
    seen = [*probes(*[OK] * 20), *complaints(*range(-190, -40, 5)), *complaints(-5)]

    assert judge(NEW, seen, RULES, NOON).verdict is Verdict.SUSPECT


@pytest.mark.parametrize("earlier", range(20, 180, 10))
def test_an_outage_after_a_blip_that_callers_saw_too_is_found_as_soon_as_any(earlier: int) -> None:
    seen = [*probes(*[OK] * 20, end=-5), *complaints(-earlier, 5 - earlier)]
    outage = [*complaints(0, 5), *probes(FAULT, FAULT, end=15)]

    assert judge(NEW, [*seen, *outage], RULES, NOON + timedelta(seconds=15)).verdict is Verdict.IMPAIRED


@pytest.mark.parametrize("gap", range(5, 120, 5))
def test_a_caller_whose_way_is_broken_keeps_no_region_from_being_healthy_however_rarely_it_complains(gap: int) -> None:
    verdicts = set()
    for now in range(0, 600, 10):
        seen = [*probes(*[OK] * 26, end=now), *complaints(*range(-gap * 60, now, gap))]
        verdicts.add(judge(NEW, seen, RULES, NOON + timedelta(seconds=now)).verdict)

    assert Verdict.HEALTHY in verdicts


def test_callers_whom_the_probe_has_confirmed_meanwhile_are_heard() -> None:
    seen = [*probes(*[OK, OK, FAULT] * 5, FAULT), *complaints(*range(-160, 0, 5))]

    after = judge(NEW, seen, RULES, NOON)
    between = judge(NEW, [*probes(*[OK, OK, FAULT] * 5, OK), *complaints(*range(-160, 0, 5))], RULES, NOON)

    assert after.verdict is Verdict.IMPAIRED
    assert between.verdict is Verdict.SUSPECT


def test_what_a_caller_said_before_three_good_rounds_agrees_with_no_later_fault() -> None:
    seen = [*probes(OK, OK, OK, FAULT, FAULT)]

    stale = judge(NEW, [*seen, *complaints(-45)], RULES, NOON)
    fresh = judge(NEW, [*seen, *complaints(-35)], RULES, NOON)

    assert stale.verdict is Verdict.SUSPECT
    assert fresh.verdict is Verdict.IMPAIRED


@given(healths, observations, key_sets)
def test_what_callers_say_takes_no_verdict_of_the_probe_away(
    before: RegionHealth, seen: list[Observation], rules: KeySet
) -> None:
    quiet = judge(before, [o for o in seen if o.source is not Source.DATA_PLANE], rules.rules, NOON)

    loud = judge(before, seen, rules.rules, NOON)

    assert quiet.verdict is not Verdict.IMPAIRED or loud.verdict is Verdict.IMPAIRED


def hours_of(pace: int, source: Source, hours: int) -> list[tuple[int, RegionHealth]]:
    """A region that answers every round, while somebody says otherwise every `pace` seconds; by when."""
    found, health, window = [], NEW, int(RULES.window.total_seconds())
    subject = "drill" if source is Source.DRILL else ""
    rounds = [observation(at, OK) for at in range(0, hours * 3600, 10)]
    said = [observation(at, FAULT, source, subject=subject) for at in range(3, hours * 3600, pace)]
    for now in range(0, hours * 3600, 10):
        first = max(0, now - window)
        recent = said[len(range(3, first, pace)) : len(range(3, now + 1, pace))]
        health = judge(health, [*rounds[first // 10 : now // 10 + 1], *recent], RULES, NOON + timedelta(seconds=now))
        found.append((now, health))
    return found


@pytest.mark.parametrize("source", [Source.DATA_PLANE, Source.DRILL])
@pytest.mark.parametrize("pace", [5, 29, 31, 40, 50, 60, 119, 121, 300])
def test_whoever_is_wrong_again_and_again_is_contradicted_at_whatever_pace(pace: int, source: Source) -> None:
    """A caller with a broken line, or a drill that is repeated for ever: neither keeps a region suspect."""
    suspect = [now for now, health in hours_of(pace, source, 1) if health.verdict is Verdict.SUSPECT]

    assert suspect
    assert len(suspect) * 10 <= 240
    assert suspect[-1] <= 3 * pace + 120


@pytest.mark.parametrize("pace", [31, 40, 61, 90])
def test_whoever_is_wrong_again_and_again_agrees_with_no_blip(pace: int) -> None:
    _, health = hours_of(pace, Source.DATA_PLANE, 1)[-1]
    complained = complaints(*(at - 3600 for at in range(3, 3600, pace)), 5, 15)
    seen = [*probes(*[OK] * 24, FAULT, FAULT, end=20), *complained]

    after = judge(health, seen, RULES, NOON + timedelta(seconds=20))

    assert health.doubts
    assert after.verdict is Verdict.SUSPECT


def test_whoever_was_wrong_is_heard_again_when_the_probe_has_seen_it_too() -> None:
    *_, (now, health) = hours_of(60, Source.DATA_PLANE, 1)
    seen = [*probes(*[OK] * 10, FAULT, *[OK] * 3, FAULT, FAULT, end=now), *complaints(now - 62, now - 2)]

    after = judge(health, seen, RULES, NOON + timedelta(seconds=now))

    assert after.verdict is Verdict.IMPAIRED


@pytest.mark.parametrize("minutes", [5, 30, 120])
def test_an_outage_is_heard_of_at_once_after_callers_were_wrong_for_an_hour(minutes: int) -> None:
    """They were wrong without a pause, so they are heard after a short one."""
    *_, (now, health) = hours_of(5, Source.DATA_PLANE, 1)
    later = now + 60 * minutes
    seen = [*probes(*[OK] * 10, FAULT, FAULT, end=later), *complaints(later - 12)]

    assert judge(health, seen, RULES, NOON + timedelta(seconds=later)).verdict is Verdict.IMPAIRED


def test_who_drills_for_ever_silences_no_caller() -> None:
    *_, (now, health) = hours_of(50, Source.DRILL, 1)
    seen = [*probes(*[OK] * 10, FAULT, FAULT, end=now), *complaints(now - 12)]

    assert judge(health, seen, RULES, NOON + timedelta(seconds=now)).verdict is Verdict.IMPAIRED


def test_who_is_contradicted_costs_a_write_a_minute_and_no_more() -> None:
    writes = [health for _, health in hours_of(5, Source.DATA_PLANE, 1)]

    assert sum(a is not b for a, b in pairwise(writes)) <= 70


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
