"""Events of AWS services on their way to a rule."""

import json
from typing import Any

import pytest

from local.cloud.gaps.event_shape import BadEventError, event_record, parse_event

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "KMS Imported Key Material Expiration",
    "source": "aws.kms",
    "account": "111122223333",
    "time": "2026-11-23T10:00:00Z",
    "region": "us-west-2",
    "resources": ["arn:aws:kms:us-west-2:111122223333:key/x"],
    "detail": {"key-id": "x"},
}


def test_id_time_and_region_are_kept() -> None:
    record = event_record(parse_event(json.dumps(EVENT).encode()))

    assert record["EventId"] == EVENT["id"]
    assert record["Time"] == 1795428000
    assert record["Region"] == "us-west-2"
    assert json.loads(record["Detail"]) == {"key-id": "x"}


@pytest.mark.parametrize("missing", ["source", "detail-type", "region", "detail"])
def test_an_event_without_a_place_to_go_is_refused(missing: str) -> None:
    event = {name: value for name, value in EVENT.items() if name != missing}

    with pytest.raises(BadEventError, match=missing):
        parse_event(json.dumps(event).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', json.dumps({**EVENT, "time": "soon"}).encode()])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(BadEventError):
        parse_event(body)


def test_an_event_with_an_empty_detail_is_taken() -> None:
    assert parse_event(json.dumps({**EVENT, "detail": {}}).encode())["detail"] == {}
