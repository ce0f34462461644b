"""Events turned into observations: in any order, however often, however late; and what nobody knows, recorded."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.routing.aws_events import repeat_key
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.signals import Intake
from tests.domain.routing.signals_world import (
    KEY_ID,
    LATE,
    MULTI_REGION_ID,
    OWN,
    TWO_FAULTS,
    World,
    alarms,
    changed,
    drills,
    event,
    health_updates,
    probe,
)
from tests.domain.strategies import EAST, NOON, WEST, arn, key_set

# Any order, any number of times, hours late


events = health_updates() | alarms() | drills() | st.sampled_from(OWN).map(event)


@given(
    st.lists(events, min_size=1, max_size=12),
    st.randoms(use_true_random=False),
    st.sampled_from([NOON + timedelta(seconds=50), NOON + timedelta(minutes=2), NOON + timedelta(hours=3)]),
)
def test_any_order_any_number_of_times_and_hours_late_is_the_same_knowledge_and_the_same_verdict(
    taken: list[dict[str, Any]], random: Any, now: datetime
) -> None:
    shuffled = [*taken, *taken, *taken[:3]]
    random.shuffle(shuffled)

    once, often = World().handle(*taken), World(LATE).handle(*shuffled)

    assert often.written == once.written
    assert often.verdict(now, *TWO_FAULTS) == once.verdict(now, *TWO_FAULTS)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        (event("aws-health-kms-open"), changed("aws-health-kms-open", communicationId="2", statusCode="closed")),
        (
            event("aws-health-kms-open"),
            changed("aws-health-kms-closed", lastUpdatedTime="Mon, 23 Nov 2026 12:00:30 GMT"),
        ),
        (event("drill-region-impaired"), changed("drill-region-impaired", recovered=True) | {"id": "2"}),
    ],
)
def test_what_ends_a_signal_takes_it_back_whichever_comes_first(opening: Any, closing: Any) -> None:
    later = NOON + timedelta(seconds=50)

    assert World().handle(opening).verdict(later, *TWO_FAULTS).verdict is Verdict.IMPAIRED
    assert World().handle(opening, closing).verdict(later, *TWO_FAULTS).verdict is Verdict.SUSPECT
    assert World().handle(closing, opening).verdict(later, *TWO_FAULTS).verdict is Verdict.SUSPECT


def test_an_alarm_that_rings_makes_a_region_suspect_and_one_that_is_calm_again_does_not() -> None:
    calm = event("cloudwatch-alarm-ok")
    calm["detail"]["state"]["timestamp"] = "2026-11-23T12:00:20.000+0000"
    later, answered = NOON + timedelta(seconds=50), probe(40, Outcome.OK)

    assert World().handle(event("cloudwatch-alarm")).verdict(later, answered).verdict is Verdict.SUSPECT
    assert World().handle(calm, event("cloudwatch-alarm")).verdict(later, answered).verdict is Verdict.HEALTHY


def test_who_puts_an_event_chooses_its_time_so_what_comes_from_the_future_is_ignored_loudly() -> None:
    ahead = event("drill-region-impaired") | {"time": "2036-11-23T12:00:00Z"}

    world = World().handle(ahead)

    assert (world.written, world.wakes) == (set(), 0)
    assert [one.reason for one in world.ignored] == ["an event from the future, 2036-11-23T12:00:00+00:00"]


def test_ending_one_drill_does_not_end_another() -> None:
    first = changed("drill-region-impaired", drill="a")
    second = changed("drill-region-impaired", drill="b", recovered=True) | {"id": "2"}

    world = World().handle(first, second)

    assert world.verdict(NOON + timedelta(seconds=50), *TWO_FAULTS).verdict is Verdict.IMPAIRED


def test_every_page_and_every_copy_of_a_communication_is_the_same_item() -> None:
    world = World()

    world.handle(*map(event, ["aws-health-kms-open", "aws-health-page-2-of-2", "aws-health-backup-copy"]))

    assert len(world.written) == 1


# AWS Health


def test_the_region_that_delivered_a_health_event_is_not_the_impaired_one() -> None:
    delivered_by_backup = event("aws-health-kms-open")

    world = World().handle(delivered_by_backup)

    assert delivered_by_backup["region"] == WEST
    assert {(one.region, one.observer, one.key_set) for one in world.written} == {(EAST, WEST, "")}


def test_a_health_events_time_is_its_updates_and_else_its_envelopes() -> None:
    late_copy = event("aws-health-kms-open") | {"time": "2026-11-23T15:00:00Z"}
    without = changed("aws-health-kms-open", lastUpdatedTime="soon") | {"time": "2026-11-23T15:00:00Z"}

    assert {one.at for one in World().handle(late_copy).written} == {NOON}
    assert {one.at for one in World().handle(without).written} == {NOON + timedelta(hours=3)}


@pytest.mark.parametrize(
    "change",
    [
        {"statusCode": "closed"},
        {"statusCode": "upcoming"},
        {"endTime": "Mon, 23 Nov 2026 12:30:00 GMT"},  # AWS's own sample is open and has an end (facts 4.1)
        {"eventTypeCategory": "scheduledChange"},
        {"eventTypeCategory": "accountNotification"},
        {"eventTypeCategory": "investigation"},
        {"eventScopeCode": "ACCOUNT_SPECIFIC", "affectedAccount": "444455556666"},
    ],
)
def test_only_an_open_issue_of_ours_speaks_against_a_region(change: dict[str, Any]) -> None:
    assert World().handle(changed("aws-health-kms-open", **change)).outcomes == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize(
    "change",
    [
        {"affectedAccount": "444455556666"},  # public: everybody's
        {"eventScopeCode": "ACCOUNT_SPECIFIC"},
        {"eventScopeCode": "ACCOUNT_SPECIFIC", "affectedAccount": None},
    ],
)
def test_an_open_issue_of_everybody_or_of_this_account_counts(change: dict[str, Any]) -> None:
    assert World().handle(changed("aws-health-kms-open", **change)).outcomes == {Outcome.REGION_FAULT}


def test_another_accounts_copy_neither_stands_for_ours_nor_takes_it_back() -> None:
    ours = changed("aws-health-kms-open", eventScopeCode="ACCOUNT_SPECIFIC")
    theirs = changed("aws-health-kms-open", eventScopeCode="ACCOUNT_SPECIFIC", affectedAccount="444455556666")

    world = World().handle(ours, theirs)

    assert repeat_key(ours) != repeat_key(theirs)
    assert world.outcomes == {Outcome.REGION_FAULT, Outcome.INCONCLUSIVE}
    assert world.verdict(NOON + timedelta(seconds=50), *TWO_FAULTS).verdict is Verdict.IMPAIRED


# Alarms


@pytest.mark.parametrize("value", ["OK", "INSUFFICIENT_DATA"])
def test_only_an_alarm_that_rings_speaks_against_a_region(value: str) -> None:
    calm = event("cloudwatch-alarm")
    calm["detail"]["state"]["value"] = value

    assert World().handle(calm).outcomes == {Outcome.INCONCLUSIVE}


def test_a_contributor_of_an_alarm_is_noted_and_its_alarm_decides() -> None:
    well = event("cloudwatch-alarm-contributor")
    well["detail"]["state"]["value"] = "OK"

    noted, both = World().handle(event("cloudwatch-alarm-contributor")), World().handle(event("cloudwatch-alarm"), well)

    assert noted.outcomes == {Outcome.INCONCLUSIVE}
    assert both.verdict(NOON + timedelta(seconds=50), probe(40, Outcome.OK)).verdict is Verdict.SUSPECT


# Keys

HARMFUL = {  # with whose key each example names
    "cloudtrail-disable-key": ("orders", "invoices"),
    "cloudtrail-schedule-key-deletion": ("orders", "invoices"),
    "cloudtrail-put-key-policy": ("orders", "invoices"),
    "cloudtrail-delete-imported-key-material": ("eu",),
    "cloudtrail-delete-expired-key-material": ("orders", "invoices"),
    "cloudtrail-delete-key": ("orders", "invoices"),
    "kms-cmk-deletion": ("orders", "invoices"),
    "kms-imported-key-material-expiration": ("eu",),
}


@pytest.mark.parametrize("name", HARMFUL)
@pytest.mark.parametrize("now", [NOON, LATE])
def test_the_keys_that_may_be_gone_are_asked_at_once_however_late_the_event_is(name: str, now: datetime) -> None:
    world = World(now).handle(event(name))

    concerned = [key_set for key_set in world.key_sets if key_set.name in HARMFUL[name]]
    others = sorted({region for key_set in concerned for region in key_set.regions} - {WEST})
    assert world.asked == [(region, HARMFUL[name]) for region in (WEST, *others)]
    assert {(one.key_set, one.region) for one in world.written} == {
        (key_set, event(name)["region"]) for key_set in HARMFUL[name]
    }
    assert world.outcomes == {Outcome.KEY_FAULT}


@pytest.mark.parametrize("name", sorted(set(OWN) - set(HARMFUL)))
def test_nothing_else_has_a_key_asked(name: str) -> None:
    world = World().handle(event(name))

    assert world.asked == []


@pytest.mark.parametrize("name", HARMFUL)
def test_an_event_alone_makes_no_key_unusable_and_no_region_worse(name: str) -> None:
    world = World().handle(event(name))

    after = world.verdict(NOON + timedelta(seconds=50), probe(40, Outcome.OK))
    assert after.key_usable
    assert after.verdict is Verdict.HEALTHY


def test_a_call_that_failed_has_done_nothing() -> None:
    denied = changed("cloudtrail-disable-key", errorCode="AccessDenied")
    unnamed = changed("cloudtrail-disable-key", errorCode="AccessDenied", requestParameters=None, resources=None)
    unnamed["detail"]["responseElements"] = None

    world = World().handle(denied, unnamed)

    assert world.outcomes == {Outcome.INCONCLUSIVE}
    assert (world.asked, world.ignored) == ([], ())


@pytest.mark.parametrize("place", ["requestParameters", "responseElements", "serviceEventDetails", "resources"])
@pytest.mark.parametrize("key", [KEY_ID, arn(EAST, KEY_ID)])
def test_a_key_is_found_wherever_and_however_it_is_named(place: str, key: str) -> None:
    nowhere = dict.fromkeys(["requestParameters", "responseElements", "serviceEventDetails", "resources"])
    named = {place: [{"ARN": key}] if place == "resources" else {"keyId": key}}

    world = World().handle(changed("cloudtrail-disable-key", **(nowhere | named)))

    assert {one.key_set for one in world.written} == {"orders", "invoices"}


def test_a_key_id_that_two_regions_share_means_the_key_of_the_events_own() -> None:
    bare = {"requestParameters": {"keyId": MULTI_REGION_ID}, "responseElements": None, "resources": None}

    world = World().handle(changed("cloudtrail-disable-key", **bare))

    assert {(one.key_set, one.region) for one in world.written} == {("related", EAST)}


def test_somebody_elses_key_is_nothing_of_ours() -> None:
    world = World()
    world.key_sets = (key_set(EAST, WEST),)

    taken = world.service.handle(event("cloudtrail-disable-key"))

    assert taken == Intake()
    assert (world.written, world.wakes, world.asked) == (set(), 0, [])


def test_a_signal_about_a_region_without_keys_wakes_nobody() -> None:
    world = World().handle(changed("cloudwatch-alarm", alarmName="kms-failover-kms-impaired-af-south-1"))

    assert (world.written, world.wakes, world.ignored) == (set(), 0, ())


def test_a_signal_wakes_the_controller_once() -> None:
    assert World().handle(event("cloudtrail-disable-key")).wakes == 1


# What nobody knows


def test_the_signals_source_of_each_example_is_its_own() -> None:
    sources = {"aws.health": Source.HEALTH_EVENT, "aws.cloudwatch": Source.ALARM, "aws.kms": Source.KMS_EVENT}

    for name in OWN:
        written = World().handle(event(name)).written
        assert {one.source for one in written} <= {sources.get(event(name)["source"], Source.DRILL)}
