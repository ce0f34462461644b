"""Complaints: callers count until the probe's rounds contradict them, and again after a pause."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.observation import Observation, Source
from kms_failover.domain.routing.verdict import judge
from tests.domain.routing.health_world import FAULT, NEW, OK, probes
from tests.domain.strategies import NOON, RULES, healths, key_sets, observation, observations


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
