"""Announcements: what people read and what machines match, as in events/."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from moto import mock_aws

from kms_failover.adapters.announcer import SnsAndEventBridge
from kms_failover.domain.naming import Deployment, Place
from kms_failover.domain.routing.messages import Bulletin, Sender, message
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.route import Route
from kms_failover.errors import KmsFailoverError
from tests.domain.strategies import ACCOUNT, EAST, IRELAND, NOON, WEST, key_names, moments

EVENTS = Path(__file__).parents[2] / "events"
EXAMPLE = json.loads((EVENTS / "kms-route-changed.json").read_text())
ROUTE = Route(
    key_set="orders",
    observer=WEST,
    regions=(WEST, EAST),
    epoch=1,
    decided_at=NOON,
    moved_at=NOON,
    reason=EXAMPLE["detail"]["reason"],
    evidence=tuple(EXAMPLE["detail"]["evidence"]),
)
NEWS = News(
    key_set="orders",
    observer=WEST,
    number=1,
    kind=NewsKind.LOST,
    region=EAST,
    regions=(WEST, EAST),
    at=NOON,
    reason="us-east-1 is impaired: 3 of the last 3 probe rounds failed with ReadTimeoutError",
)
MOTO_ACCOUNT = "123456789012"


class Recorder:
    """In the place of both clients."""

    def __init__(self, failed: int = 0) -> None:
        self.failed = failed
        self.entries: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []

    def put_events(self, **request: Any) -> dict[str, Any]:
        self.entries += request["Entries"]
        return {"FailedEntryCount": self.failed, "Entries": [{"ErrorCode": "InternalFailure"}]}

    def publish(self, **request: Any) -> None:
        self.published.append(request)


def announcer(recorder: Any) -> SnsAndEventBridge:
    return SnsAndEventBridge(recorder, recorder, Place(Deployment("kms-failover"), "aws", WEST, ACCOUNT))


def test_the_emitted_event_is_the_example() -> None:
    recorder = Recorder()

    announcer(recorder).route_changed(ROUTE)

    entry = recorder.entries[0]
    assert (entry["Source"], entry["DetailType"]) == (EXAMPLE["source"], EXAMPLE["detail-type"])
    assert json.loads(entry["Detail"]) == EXAMPLE["detail"]


def test_a_recovery_is_an_event_as_its_example_shows() -> None:
    example = json.loads((EVENTS / "kms-region-recovered.json").read_text())
    recorder = Recorder()

    announcer(recorder).region_recovered(
        key_set=example["detail"]["keySet"], region=example["detail"]["region"], observer=example["detail"]["observer"]
    )

    assert recorder.entries[0]["DetailType"] == example["detail-type"]
    assert json.loads(recorder.entries[0]["Detail"]) == example["detail"]


def test_a_change_of_readiness_is_an_event_as_its_example_shows() -> None:
    example = json.loads((EVENTS / "kms-readiness-changed.json").read_text())
    recorder = Recorder()

    announcer(recorder).readiness_changed(NEWS)

    assert recorder.entries[0]["DetailType"] == example["detail-type"]
    assert json.loads(recorder.entries[0]["Detail"]) == example["detail"]


# The schemas are what consumers may rely on; EventBridge adds the envelope, which is taken from the example


def schema(name: str) -> Any:
    content = json.loads((EVENTS / "schemas" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content, format_checker=FormatChecker())


def delivered(entry: dict[str, Any]) -> dict[str, Any]:
    envelope = {key: value for key, value in EXAMPLE.items() if key not in {"detail-type", "source", "detail"}}
    return envelope | {
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "detail": json.loads(entry["Detail"]),
    }


@pytest.mark.parametrize("name", ["kms-route-changed", "kms-readiness-changed", "kms-region-recovered"])
def test_an_example_is_as_its_schema_says(name: str) -> None:
    schema(name).validate(json.loads((EVENTS / f"{name}.json").read_text()))


@given(
    st.builds(
        Route,
        key_set=key_names,
        observer=st.sampled_from([EAST, WEST, IRELAND]),
        regions=st.lists(st.sampled_from([EAST, WEST, IRELAND]), min_size=1, unique=True).map(tuple),
        epoch=st.integers(min_value=0),
        decided_at=moments,
        moved_at=moments,
        reason=st.text(),
        evidence=st.lists(st.text(), max_size=3).map(tuple),
    )
)
def test_every_route_change_that_is_emitted_is_as_its_schema_says(route: Route) -> None:
    recorder = Recorder()

    announcer(recorder).route_changed(route)

    schema("kms-route-changed").validate(delivered(recorder.entries[0]))


@given(
    st.builds(
        News,
        key_set=key_names,
        observer=st.sampled_from([EAST, WEST, IRELAND]),
        number=st.integers(min_value=1),
        kind=st.sampled_from(NewsKind),
        region=st.sampled_from([EAST, WEST, IRELAND]),
        regions=st.lists(st.sampled_from([EAST, WEST, IRELAND]), min_size=1, unique=True).map(tuple),
        at=moments,
        reason=st.text(),
    )
)
def test_every_change_of_readiness_that_is_emitted_is_as_its_schema_says(news: News) -> None:
    recorder = Recorder()

    announcer(recorder).readiness_changed(news)

    schema("kms-readiness-changed").validate(delivered(recorder.entries[0]))


@given(key_names, st.sampled_from([EAST, WEST, IRELAND]))
def test_every_recovery_that_is_emitted_is_as_its_schema_says(key_set: str, region: str) -> None:
    recorder = Recorder()

    announcer(recorder).region_recovered(key_set=key_set, region=region, observer=WEST)

    schema("kms-region-recovered").validate(delivered(recorder.entries[0]))


@pytest.mark.parametrize("name", ["kms-route-changed", "kms-readiness-changed", "kms-region-recovered"])
def test_a_schema_refuses_an_event_that_lacks_a_field_or_has_it_in_another_shape(name: str) -> None:
    example = json.loads((EVENTS / f"{name}.json").read_text())

    for field in example["detail"]:
        without = {key: value for key, value in example["detail"].items() if key != field}
        assert not schema(name).is_valid(example | {"detail": without})
        assert not schema(name).is_valid(example | {"detail": without | {field: None}})
    assert not schema(name).is_valid(example | {"source": "somebody.else"})


def test_people_are_told_by_the_topic_of_the_region_what_the_message_says() -> None:
    recorder = Recorder()
    bulletins = [Bulletin("orders", WEST, (ROUTE,), (NEWS,))]

    announcer(recorder).publish_to_people(bulletins)

    told = message(bulletins, Sender("kms-failover", ACCOUNT))
    topic = f"arn:aws:sns:{WEST}:{ACCOUNT}:kms-failover-changes"
    assert recorder.published == [{"TopicArn": topic, "Subject": told.subject, "Message": told.text}]


def test_an_entry_that_eventbridge_did_not_take_is_an_error_that_names_it() -> None:
    with pytest.raises(KmsFailoverError, match="'KMS Route Changed': InternalFailure"):
        announcer(Recorder(failed=1)).route_changed(ROUTE)


@pytest.fixture
def clients() -> Iterator[tuple[Any, Any]]:
    with mock_aws():
        yield boto3.client("sns", region_name=WEST), boto3.client("events", region_name=WEST)


def test_aws_takes_both(clients: tuple[Any, Any]) -> None:
    sns, events = clients
    topic = sns.create_topic(Name="prod-changes")["TopicArn"]

    taken = SnsAndEventBridge(sns, events, Place(Deployment("prod"), "aws", WEST, MOTO_ACCOUNT))
    taken.route_changed(ROUTE)
    taken.readiness_changed(NEWS)
    taken.publish_to_people([Bulletin("orders", WEST, (ROUTE,), (NEWS,))])

    assert topic == f"arn:aws:sns:{WEST}:{MOTO_ACCOUNT}:prod-changes"
