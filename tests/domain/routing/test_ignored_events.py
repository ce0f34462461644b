"""Events that nobody knows are recorded, whatever is in them."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.event_fields import rfc_1123
from kms_failover.domain.routing.aws_events import repeat_key
from kms_failover.domain.routing.observation import Observation
from tests.domain.routing.signals_world import (
    LATE,
    OWN,
    World,
    changed,
    event,
)
from tests.domain.strategies import NOON

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

    taken = world.service.handle(event(name) | change)

    assert taken.ignored is not None
    assert taken.ignored.reason
    assert world.ignored == (taken.ignored,)
    assert (world.written, world.wakes, world.asked, taken.observations) == (set(), 0, [], 0)


def test_an_ignored_event_is_known_by_its_envelope_and_never_by_its_content() -> None:
    stranger = event("cloudtrail-disable-key") | {"detail": {"eventName": "PutSecret", "requestParameters": "hunter2"}}

    ignored = World(NOON + timedelta(hours=2)).handle(stranger).ignored[0]

    assert (ignored.id, ignored.source) == (stranger["id"], "aws.kms")
    assert (ignored.detail_type, ignored.at) == ("AWS API Call via CloudTrail", NOON)
    assert "hunter2" not in ignored.model_dump_json()


@pytest.mark.parametrize(
    "time", [None, 5, "noon", "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2026-11-23T12:00:00"]
)
def test_an_ignored_event_without_a_time_that_can_be_true_is_of_now(time: Any) -> None:
    ignored = World(LATE).handle({"source": "aws.ec2", "time": time}).ignored

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
    world = World().handle(stranger, stranger)

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

    taken = world.service.handle(broken)

    assert len(world.written) == taken.observations
    assert bool(world.ignored) is (taken.ignored is not None)
    assert not (world.written and world.ignored)
    for one in world.written:
        assert Observation.model_validate_json(one.model_dump_json()) == one


@given(json_values)
def test_any_json_at_all_is_recorded(value: Any) -> None:
    assert World().service.handle(value).ignored is not None


@given(
    st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d ([A-Z]{3}|[+-]\d{4,20})")
)
def test_a_time_in_rfc_1123_is_in_utc_or_none(text: str) -> None:
    moment = rfc_1123(text)

    assert moment is None or moment.utcoffset() == timedelta(0)


def test_a_drill_of_a_region_that_nobody_has_a_key_in_is_ignored_loudly() -> None:
    drill = event("drill-region-impaired")
    drill["detail"] = drill["detail"] | {"region": "us-wset-1"}

    world = World().handle(drill)

    assert [one.reason for one in world.ignored] == ["no key set has a key in us-wset-1"]
    assert world.written == set()
