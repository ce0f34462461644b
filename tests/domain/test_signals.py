"""Events turned into observations: once each, in any order, about the right region, and never a guess."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.health import Observation, Outcome, Source
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.signals import SignalService
from kms_failover.errors import EventFormatError
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, IRELAND, NOON, WEST, arn, key_set

EVENTS = Path(__file__).parents[2] / "events"
KEY = arn(EAST, "1234abcd-12ab-34cd-56ef-1234567890ab")  # the key of the example events
OWN = [
    "aws-health-kms-open",
    "aws-health-kms-closed",
    "aws-health-multiple-services",
    "cloudwatch-alarm",
    "kms-cmk-rotation",
    "kms-cmk-deletion",
    "cloudtrail-disable-key",
    "drill-region-impaired",
]


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def with_key(name: str, east_arn: str) -> KeySet:
    members = (MemberKey(region=EAST, arn=east_arn), MemberKey(region=WEST, arn=arn(WEST)))
    return KeySet(name=name, members=members)


class World:
    def __init__(self) -> None:
        self.state = MemoryState(WEST)
        self.wakes = 0
        self.key_sets = (with_key("orders", KEY), with_key("invoices", arn(EAST, "ffff")), key_set(IRELAND, name="eu"))
        self.service = SignalService(WEST, lambda: self.key_sets, self.state, self.wake)

    def wake(self) -> None:
        self.wakes += 1

    @property
    def written(self) -> set[Observation]:
        return {o for k in self.key_sets for o in self.state.observations(k.name, NOON.replace(year=2000))}


@pytest.mark.parametrize(
    ("name", "source", "outcome", "key_sets"),
    [
        ("aws-health-kms-open", Source.HEALTH_EVENT, Outcome.REGION_FAULT, {"orders", "invoices"}),
        ("aws-health-kms-closed", Source.HEALTH_EVENT, Outcome.INCONCLUSIVE, {"orders", "invoices"}),
        ("aws-health-multiple-services", Source.HEALTH_EVENT, Outcome.REGION_FAULT, {"orders", "invoices"}),
        ("cloudwatch-alarm", Source.ALARM, Outcome.REGION_FAULT, {"orders", "invoices"}),
        ("kms-cmk-rotation", Source.KMS_EVENT, Outcome.INCONCLUSIVE, {"orders"}),
        ("kms-cmk-deletion", Source.KMS_EVENT, Outcome.KEY_FAULT, {"orders"}),
        ("cloudtrail-disable-key", Source.KMS_EVENT, Outcome.KEY_FAULT, {"orders"}),
        ("drill-region-impaired", Source.DRILL, Outcome.REGION_FAULT, {"orders", "invoices"}),
    ],
)
def test_each_event_says_its_own_thing_about_its_own_region(
    name: str, source: Source, outcome: Outcome, key_sets: set[str]
) -> None:
    world = World()

    observed = world.service.take(event(name))

    assert {(o.source, o.outcome, o.region, o.observer) for o in observed} == {(source, outcome, EAST, WEST)}
    assert {o.key_set for o in observed} == key_sets
    assert world.written == set(observed)
    assert world.wakes == 1


@given(st.lists(st.sampled_from(OWN), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_repeats_and_order_change_nothing_of_what_is_known(names: list[str], random: Any) -> None:
    once, often = World(), World()
    for name in sorted(set(names)):
        once.service.take(event(name))

    shuffled = [*names, *names]
    random.shuffle(shuffled)
    for name in shuffled:
        often.service.take(event(name))

    assert often.written == once.written


def test_the_region_that_delivered_a_health_event_is_not_the_impaired_one() -> None:
    delivered_by_backup = event("aws-health-kms-open")

    observed = World().service.take(delivered_by_backup)

    assert delivered_by_backup["region"] == WEST
    assert {o.region for o in observed} == {EAST}


def test_an_issue_that_is_open_but_has_an_end_is_over() -> None:
    ended = event("aws-health-kms-open")
    ended["detail"]["endTime"] = "Mon, 23 Nov 2026 12:30:00 GMT"

    observed = World().service.take(ended)

    assert {o.outcome for o in observed} == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize("category", ["scheduledChange", "accountNotification", "investigation"])
def test_only_an_issue_speaks_against_a_region(category: str) -> None:
    other = event("aws-health-kms-open")
    other["detail"]["eventTypeCategory"] = category

    observed = World().service.take(other)

    assert {o.outcome for o in observed} == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize("value", ["OK", "INSUFFICIENT_DATA"])
def test_only_an_alarm_that_rings_speaks_against_a_region(value: str) -> None:
    calm = event("cloudwatch-alarm")
    calm["detail"]["state"]["value"] = value

    observed = World().service.take(calm)

    assert {o.outcome for o in observed} == {Outcome.INCONCLUSIVE}


def test_an_event_about_a_region_without_keys_wakes_nobody() -> None:
    world = World()
    elsewhere = event("drill-region-impaired")
    elsewhere["detail"]["region"] = "af-south-1"

    observed = world.service.take(elsewhere)

    assert observed == []
    assert world.wakes == 0


def test_an_event_keeps_its_own_time_so_that_a_late_one_is_late() -> None:
    observed = World().service.take(event("aws-health-kms-open"))

    assert {o.at for o in observed} == {NOON}


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("aws-health-kms-open", {"source": "aws.ec2"}),
    ("aws-health-kms-open", {"source": ["aws.health"]}),
    ("aws-health-kms-open", {"detail-type": "AWS Health Abuse Event"}),
    ("aws-health-kms-open", {"detail": None}),
    ("aws-health-kms-open", {"detail": {"service": "EC2"}}),
    ("aws-health-kms-open", {"time": "noon"}),
    ("aws-health-kms-open", {"time": "2026-11-23T12:00:00"}),
    ("aws-health-kms-open", {"time": None}),
    ("cloudwatch-alarm", {"detail": {"alarmName": "disk-full", "state": {"value": "ALARM"}}}),
    ("cloudwatch-alarm", {"detail": {}}),
    ("kms-cmk-deletion", {"detail-type": "KMS Something New"}),
    ("kms-cmk-deletion", {"id": 5}),
    ("kms-cmk-deletion", {"resources": [{}]}),
    ("cloudtrail-disable-key", {"detail": {"eventName": "Decrypt"}}),
    ("cloudtrail-disable-key", {"detail": {"eventName": "DisableKey", "resources": 5}}),
    ("drill-region-impaired", {"detail": {}}),
    ("drill-region-impaired", {"source": "kms-failover"}),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_an_event_of_another_shape_is_refused_and_nothing_is_written(name: str, change: dict[str, Any]) -> None:
    world = World()

    with pytest.raises(EventFormatError):
        world.service.take(event(name) | change)

    assert world.written == set()
    assert world.wakes == 0


json_values = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, child in children for p in ((*prefix, key), *paths(child, (*prefix, key)))]


@given(st.sampled_from(OWN), st.data(), json_values)
def test_whatever_is_wrong_in_an_event_it_is_taken_or_refused_by_one_error(
    name: str, data: st.DataObject, value: Any
) -> None:
    world, broken = World(), copy.deepcopy(event(name))
    *parents, last = data.draw(st.sampled_from(paths(broken)))
    target = broken
    for step in parents:
        target = target[step]
    target[last] = value

    try:
        observed = world.service.take(broken)
    except EventFormatError:
        observed = []

    assert world.written == set(observed)
