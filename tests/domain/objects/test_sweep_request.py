"""Which key set an event of the sweep is about."""

import pytest

from kms_failover.domain.objects.sweep_request import key_set_in
from kms_failover.errors import EventFormatError
from tests.domain.objects.rewrap_world import THERE


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, None),
        ({"key_set": "orders"}, "orders"),
        ({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, None),
        ({"detail-type": "KMS Region Recovered", "detail": {"keySet": "orders", "region": THERE}}, "orders"),
    ],
)
def test_events_name_one_key_set_or_all(event: dict[str, object], expected: str | None) -> None:
    assert key_set_in(event) == expected


@pytest.mark.parametrize(
    "event",
    [
        {"detail-type": "KMS Region Recovered", "detail": {"region": THERE}},
        {"detail-type": "KMS Region Recovered"},
        {"detail-type": "KMS Route Changed", "source": "kms-failover", "detail": {"keySet": "orders"}},
        {"key_set": 7},
        {"key_set": "\ud800"},
        {"detail-type": []},
        None,
        [],
        "text",
        5,
    ],
)
def test_other_events_are_refused(event: object) -> None:
    with pytest.raises(EventFormatError):
        key_set_in(event)
