"""Events turned into observations: in any order, however often, however late; and what nobody knows, recorded."""

import copy
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.event_fields import rfc_1123
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.aws_events import repeat_key
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.signals import IgnoredEvent, Intake, SignalService
from kms_failover.domain.routing.verdict import judge
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, IRELAND, NOON, RULES, WEST, arn, key_set, observation

EVENTS = Path(__file__).parents[3] / "events"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"  # of the example events
MULTI_REGION_ID = "mrk-1234abcd12ab34cd56ef1234567890ab"
ANY_TIME = NOON.replace(year=2001)
LATE = NOON + timedelta(hours=5)


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def changed(name: str, **detail: Any) -> dict[str, Any]:
    """The example with other fields in `detail`; None leaves a field out."""
    made = event(name)
    made["detail"] = {key: value for key, value in (made["detail"] | detail).items() if value is not None}
    return made


OWN = [path.stem for path in sorted(EVENTS.glob("*.json")) if repeat_key(event(path.stem))]


def with_keys(name: str, **key_ids: str) -> KeySet:
    regions = {"east": EAST, "west": WEST, "ireland": IRELAND}
    members = tuple(MemberKey(region=regions[at], arn=arn(regions[at], key_id)) for at, key_id in key_ids.items())
    return KeySet(name=name, members=members)


class World:
    """Seen from us-west-2, at `now`."""

    def __init__(self, now: datetime = NOON + timedelta(hours=4)) -> None:
        self.state = MemoryState(WEST)
        self.wakes = 0
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.key_sets: tuple[KeySet, ...] = (
            with_keys("orders", east=KEY_ID, west="aaaa"),
            with_keys("invoices", east=KEY_ID, west="bbbb"),
            with_keys("others", east="cccc", west="dddd"),
            with_keys("related", east=MULTI_REGION_ID, west=MULTI_REGION_ID),
            with_keys("eu", ireland=KEY_ID),
        )
        self.service = SignalService(WEST, lambda: self.key_sets, self.state, self.wake, self.ask, lambda: now)

    def ask(self, region: str, key_sets: tuple[str, ...]) -> bool:
        self.asked.append((region, key_sets))
        return True

    def wake(self) -> None:
        self.wakes += 1

    def take(self, *events: Any) -> "World":
        for one in events:
            self.service.take(one)
        return self

    @property
    def written(self) -> set[Observation]:
        return set(self.state.observations(ANY_TIME))

    @property
    def outcomes(self) -> set[Outcome]:
        return {one.outcome for one in self.written}

    @property
    def ignored(self) -> tuple[IgnoredEvent, ...]:
        return self.state.ignored_events(100)

    def verdict(self, now: datetime, *probes: Observation, region: str = EAST) -> RegionHealth:
        """What the controller makes of it for "orders"."""
        known = (*self.state.observations(ANY_TIME), *probes)
        about = [one for one in known if one.region == region and one.key_set in {"", "orders"}]
        healthy = RegionHealth(region=region, verdict=Verdict.HEALTHY, since=NOON - timedelta(hours=9))
        return judge(healthy, about, RULES, now)


def probe(seconds: float, outcome: Outcome) -> Observation:
    return observation(seconds, outcome).but(key_set="")


TWO_FAULTS = (probe(30, Outcome.REGION_FAULT), probe(40, Outcome.REGION_FAULT))  # enough if another signal agrees


# Any order, any number of times, hours late


@st.composite
def health_updates(draw: st.DrawFn) -> dict[str, Any]:
    """Of one of two issues: each has its updates at fixed times, and comes as pages and copies."""
    issue, update, page = draw(st.sampled_from("ab")), draw(st.integers(0, 3)), draw(st.integers(1, 3))
    made = changed(
        "aws-health-kms-open",
        eventArn=f"arn:aws:health:us-east-1::event/KMS/{issue}",
        communicationId=f"{issue}-{update}",
        lastUpdatedTime=f"Mon, 23 Nov 2026 12:0{update // 2}:00 GMT",
        statusCode="closed" if update == 3 else "open",
        page=str(page),
        backupEvent=draw(st.sampled_from(["true", "false"])),
    )
    return made | {
        "id": draw(st.uuids()).hex,
        "time": f"2026-11-23T13:0{page}:00Z",
        "region": draw(st.sampled_from([EAST, WEST])),
    }


@st.composite
def alarms(draw: st.DrawFn) -> dict[str, Any]:
    minute = draw(st.integers(0, 2))
    value = ("ALARM", "OK", "INSUFFICIENT_DATA")[minute]
    return changed("cloudwatch-alarm", state={"value": value, "timestamp": f"2026-11-23T12:0{minute}:00.000+0000"})


@st.composite
def drills(draw: st.DrawFn) -> dict[str, Any]:
    number = draw(st.integers(0, 3))
    made = changed("drill-region-impaired", drill=f"drill {number % 2}", recovered=number > 1)
    return made | {"id": f"drill-{number}", "time": f"2026-11-23T12:0{number // 3}:00Z"}


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

    once, often = World().take(*taken), World(LATE).take(*shuffled)

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

    assert World().take(opening).verdict(later, *TWO_FAULTS).verdict is Verdict.IMPAIRED
    assert World().take(opening, closing).verdict(later, *TWO_FAULTS).verdict is Verdict.SUSPECT
    assert World().take(closing, opening).verdict(later, *TWO_FAULTS).verdict is Verdict.SUSPECT


def test_an_alarm_that_rings_makes_a_region_suspect_and_one_that_is_calm_again_does_not() -> None:
    calm = event("cloudwatch-alarm-ok")
    calm["detail"]["state"]["timestamp"] = "2026-11-23T12:00:20.000+0000"
    later, answered = NOON + timedelta(seconds=50), probe(40, Outcome.OK)

    assert World().take(event("cloudwatch-alarm")).verdict(later, answered).verdict is Verdict.SUSPECT
    assert World().take(calm, event("cloudwatch-alarm")).verdict(later, answered).verdict is Verdict.HEALTHY


def test_who_puts_an_event_chooses_its_time_so_what_comes_from_the_future_is_ignored_loudly() -> None:
    ahead = event("drill-region-impaired") | {"time": "2036-11-23T12:00:00Z"}

    world = World().take(ahead)

    assert (world.written, world.wakes) == (set(), 0)
    assert [one.reason for one in world.ignored] == ["an event from the future, 2036-11-23T12:00:00+00:00"]


def test_ending_one_drill_does_not_end_another() -> None:
    first = changed("drill-region-impaired", drill="a")
    second = changed("drill-region-impaired", drill="b", recovered=True) | {"id": "2"}

    world = World().take(first, second)

    assert world.verdict(NOON + timedelta(seconds=50), *TWO_FAULTS).verdict is Verdict.IMPAIRED


def test_every_page_and_every_copy_of_a_communication_is_the_same_item() -> None:
    world = World()

    world.take(*map(event, ["aws-health-kms-open", "aws-health-page-2-of-2", "aws-health-backup-copy"]))

    assert len(world.written) == 1


# AWS Health


def test_the_region_that_delivered_a_health_event_is_not_the_impaired_one() -> None:
    delivered_by_backup = event("aws-health-kms-open")

    world = World().take(delivered_by_backup)

    assert delivered_by_backup["region"] == WEST
    assert {(one.region, one.observer, one.key_set) for one in world.written} == {(EAST, WEST, "")}


def test_a_health_events_time_is_its_updates_and_else_its_envelopes() -> None:
    late_copy = event("aws-health-kms-open") | {"time": "2026-11-23T15:00:00Z"}
    without = changed("aws-health-kms-open", lastUpdatedTime="soon") | {"time": "2026-11-23T15:00:00Z"}

    assert {one.at for one in World().take(late_copy).written} == {NOON}
    assert {one.at for one in World().take(without).written} == {NOON + timedelta(hours=3)}


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
    assert World().take(changed("aws-health-kms-open", **change)).outcomes == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize(
    "change",
    [
        {"affectedAccount": "444455556666"},  # public: everybody's
        {"eventScopeCode": "ACCOUNT_SPECIFIC"},
        {"eventScopeCode": "ACCOUNT_SPECIFIC", "affectedAccount": None},
    ],
)
def test_an_open_issue_of_everybody_or_of_this_account_counts(change: dict[str, Any]) -> None:
    assert World().take(changed("aws-health-kms-open", **change)).outcomes == {Outcome.REGION_FAULT}


def test_another_accounts_copy_neither_stands_for_ours_nor_takes_it_back() -> None:
    ours = changed("aws-health-kms-open", eventScopeCode="ACCOUNT_SPECIFIC")
    theirs = changed("aws-health-kms-open", eventScopeCode="ACCOUNT_SPECIFIC", affectedAccount="444455556666")

    world = World().take(ours, theirs)

    assert repeat_key(ours) != repeat_key(theirs)
    assert world.outcomes == {Outcome.REGION_FAULT, Outcome.INCONCLUSIVE}
    assert world.verdict(NOON + timedelta(seconds=50), *TWO_FAULTS).verdict is Verdict.IMPAIRED


# Alarms


@pytest.mark.parametrize("value", ["OK", "INSUFFICIENT_DATA"])
def test_only_an_alarm_that_rings_speaks_against_a_region(value: str) -> None:
    calm = event("cloudwatch-alarm")
    calm["detail"]["state"]["value"] = value

    assert World().take(calm).outcomes == {Outcome.INCONCLUSIVE}


def test_a_contributor_of_an_alarm_is_noted_and_its_alarm_decides() -> None:
    well = event("cloudwatch-alarm-contributor")
    well["detail"]["state"]["value"] = "OK"

    noted, both = World().take(event("cloudwatch-alarm-contributor")), World().take(event("cloudwatch-alarm"), well)

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
    world = World(now).take(event(name))

    concerned = [key_set for key_set in world.key_sets if key_set.name in HARMFUL[name]]
    others = sorted({region for key_set in concerned for region in key_set.regions} - {WEST})
    assert world.asked == [(region, HARMFUL[name]) for region in (WEST, *others)]
    assert {(one.key_set, one.region) for one in world.written} == {
        (key_set, event(name)["region"]) for key_set in HARMFUL[name]
    }
    assert world.outcomes == {Outcome.KEY_FAULT}


@pytest.mark.parametrize("name", sorted(set(OWN) - set(HARMFUL)))
def test_nothing_else_has_a_key_asked(name: str) -> None:
    world = World().take(event(name))

    assert world.asked == []


@pytest.mark.parametrize("name", HARMFUL)
def test_an_event_alone_makes_no_key_unusable_and_no_region_worse(name: str) -> None:
    world = World().take(event(name))

    after = world.verdict(NOON + timedelta(seconds=50), probe(40, Outcome.OK))
    assert after.key_usable
    assert after.verdict is Verdict.HEALTHY


def test_a_call_that_failed_has_done_nothing() -> None:
    denied = changed("cloudtrail-disable-key", errorCode="AccessDenied")
    unnamed = changed("cloudtrail-disable-key", errorCode="AccessDenied", requestParameters=None, resources=None)
    unnamed["detail"]["responseElements"] = None

    world = World().take(denied, unnamed)

    assert world.outcomes == {Outcome.INCONCLUSIVE}
    assert (world.asked, world.ignored) == ([], ())


@pytest.mark.parametrize("place", ["requestParameters", "responseElements", "serviceEventDetails", "resources"])
@pytest.mark.parametrize("key", [KEY_ID, arn(EAST, KEY_ID)])
def test_a_key_is_found_wherever_and_however_it_is_named(place: str, key: str) -> None:
    nowhere = dict.fromkeys(["requestParameters", "responseElements", "serviceEventDetails", "resources"])
    named = {place: [{"ARN": key}] if place == "resources" else {"keyId": key}}

    world = World().take(changed("cloudtrail-disable-key", **(nowhere | named)))

    assert {one.key_set for one in world.written} == {"orders", "invoices"}


def test_a_key_id_that_two_regions_share_means_the_key_of_the_events_own() -> None:
    bare = {"requestParameters": {"keyId": MULTI_REGION_ID}, "responseElements": None, "resources": None}

    world = World().take(changed("cloudtrail-disable-key", **bare))

    assert {(one.key_set, one.region) for one in world.written} == {("related", EAST)}


def test_somebody_elses_key_is_nothing_of_ours() -> None:
    world = World()
    world.key_sets = (key_set(EAST, WEST),)

    taken = world.service.take(event("cloudtrail-disable-key"))

    assert taken == Intake()
    assert (world.written, world.wakes, world.asked) == (set(), 0, [])


def test_a_signal_about_a_region_without_keys_wakes_nobody() -> None:
    world = World().take(changed("cloudwatch-alarm", alarmName="kms-failover-kms-impaired-af-south-1"))

    assert (world.written, world.wakes, world.ignored) == (set(), 0, ())


def test_a_signal_wakes_the_controller_once() -> None:
    assert World().take(event("cloudtrail-disable-key")).wakes == 1


# What nobody knows

CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("aws-health-kms-open", {"source": "aws.ec2"}),
    ("aws-health-kms-open", {"source": ["aws.health"]}),
    ("aws-health-kms-open", {"detail-type": "AWS Health Abuse Event"}),
    ("aws-health-kms-open", {"detail": None}),
    ("aws-health-kms-open", {"detail": {"service": "EC2"}}),
    ("aws-health-kms-open", changed("aws-health-kms-open", lastUpdatedTime=None) | {"time": "noon"}),
    ("aws-health-kms-open", changed("aws-health-kms-open", communicationId=None)),
    ("aws-health-kms-open", changed("aws-health-kms-open", eventRegion=["us-east-1"])),
    ("aws-health-abuse-event", {}),
    ("cloudwatch-alarm", {"detail": {"alarmName": "disk-full", "state": {"value": "ALARM"}}}),
    ("cloudwatch-alarm", changed("cloudwatch-alarm", alarmName="prod-kms-impaired-")),
    ("cloudwatch-alarm", {"detail-type": "CloudWatch Alarm Configuration Change"}),
    ("cloudwatch-alarm", {"detail": {}}),
    ("cloudwatch-alarm-contributor", changed("cloudwatch-alarm-contributor", state=None)),
    ("kms-cmk-deletion", {"detail-type": "KMS Something New"}),
    ("kms-cmk-deletion", {"id": 5}),
    ("kms-cmk-deletion", {"resources": [{}], "detail": {}}),
    ("kms-cmk-deletion", {"time": "2026-11-23T12:00:00"}),
    ("kms-cmk-deletion", {"time": "9999-12-31T23:59:59Z"}),
    ("kms-cmk-deletion", {"time": "0001-01-01T00:00:00+14:00"}),
    ("kms-cmk-deletion", {"time": None}),
    ("kms-cmk-deletion", {"region": "\ud800"}),
    ("cloudtrail-disable-key", {"detail": {"eventName": "Decrypt"}}),
    ("cloudtrail-disable-key", {"detail": {"eventName": "DisableKey", "resources": 5}}),
    ("cloudtrail-disable-key", {"detail-type": "AWS Service Event via CloudTrail"}),
    ("drill-region-impaired", {"detail": {}}),
    ("drill-region-impaired", changed("drill-region-impaired", deployment=None)),
    ("drill-region-impaired", changed("drill-region-impaired", region="x" * 3000)),
    ("drill-region-impaired", changed("drill-region-impaired", recovered="true")),
    ("drill-region-impaired", {"source": "kms-failover"}),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_an_event_of_another_shape_is_recorded_and_nothing_else(name: str, change: dict[str, Any]) -> None:
    world = World()

    taken = world.service.take(event(name) | change)

    assert taken.ignored is not None
    assert taken.ignored.reason
    assert world.ignored == (taken.ignored,)
    assert (world.written, world.wakes, world.asked, taken.observations) == (set(), 0, [], 0)


def test_an_ignored_event_is_known_by_its_envelope_and_never_by_its_content() -> None:
    stranger = event("cloudtrail-disable-key") | {"detail": {"eventName": "PutSecret", "requestParameters": "hunter2"}}

    ignored = World(NOON + timedelta(hours=2)).take(stranger).ignored[0]

    assert (ignored.id, ignored.source) == (stranger["id"], "aws.kms")
    assert (ignored.detail_type, ignored.at) == ("AWS API Call via CloudTrail", NOON)
    assert "hunter2" not in ignored.model_dump_json()


@pytest.mark.parametrize(
    "time", [None, 5, "noon", "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-11-23T12:00:00"]
)
def test_an_ignored_event_without_a_time_that_can_be_true_is_of_now(time: Any) -> None:
    ignored = World(LATE).take({"source": "aws.ec2", "time": time}).ignored

    assert [one.at for one in ignored] == [LATE]


@pytest.mark.parametrize(
    "stranger",
    [
        None,
        5,
        "text",
        [],
        [{}],
        {},
        {"id": "x" * 5000},
        {"id": "\ud800", "source": "\x00"},
        {"source": "x" * 5000, "detail-type": "y" * 5000},
    ],
)
def test_whatever_comes_is_recorded_once_and_can_be_stored(stranger: Any) -> None:
    world = World().take(stranger, stranger)

    assert len(world.ignored) == 1
    assert len(world.ignored[0].model_dump_json().encode()) < 2000
    assert all(text.isprintable() for text in world.ignored[0].model_dump(exclude={"at"}).values())
    assert len(world.ignored[0].id) <= 200


def test_an_unknown_event_cannot_stand_for_a_known_one_of_the_same_name() -> None:
    broken = changed("aws-health-kms-open", eventRegion=None)

    assert repeat_key(broken) == ""


json_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=4)
    | st.sampled_from(["9999-12-31T23:59:59-14:00", "0000", "Mon, 99 Nov 2026 99:99:99 GMT", "x" * 3000])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, child in children for p in ((*prefix, key), *paths(child, (*prefix, key)))]


@given(st.sampled_from(OWN), st.data(), json_values)
def test_whatever_is_wrong_in_an_event_it_is_taken_or_recorded(name: str, data: st.DataObject, value: Any) -> None:
    world, broken = World(), copy.deepcopy(event(name))
    *parents, last = data.draw(st.sampled_from(paths(broken)))
    target = broken
    for step in parents:
        target = target[step]
    target[last] = value

    taken = world.service.take(broken)

    assert len(world.written) == taken.observations
    assert bool(world.ignored) is (taken.ignored is not None)
    assert not (world.written and world.ignored)
    for one in world.written:
        assert Observation.model_validate_json(one.model_dump_json()) == one


@given(json_values)
def test_any_json_at_all_is_recorded(value: Any) -> None:
    assert World().service.take(value).ignored is not None


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d ([A-Z]{3}|[+-]\d{4,20})")
)
def test_a_time_in_rfc_1123_is_in_utc_or_none(text: str) -> None:
    moment = rfc_1123(text)

    assert moment is None or moment.utcoffset() == timedelta(0)


def test_the_signals_source_of_each_example_is_its_own() -> None:
    sources = {"aws.health": Source.HEALTH_EVENT, "aws.cloudwatch": Source.ALARM, "aws.kms": Source.KMS_EVENT}

    for name in OWN:
        written = World().take(event(name)).written
        assert {one.source for one in written} <= {sources.get(event(name)["source"], Source.DRILL)}


def test_a_drill_of_a_region_that_nobody_has_a_key_in_is_ignored_loudly() -> None:
    drill = event("drill-region-impaired")
    drill["detail"] = drill["detail"] | {"region": "us-wset-1"}

    world = World().take(drill)

    assert [one.reason for one in world.ignored] == ["no key set has a key in us-wset-1"]
    assert world.written == set()
