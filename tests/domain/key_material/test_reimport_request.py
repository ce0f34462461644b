"""Which keys an event asks to look at."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kms_failover.domain.key_material.material import LossKind
from kms_failover.domain.key_material.reimport_request import Loss, ReimportRequest, reimport_request
from kms_failover.errors import EventFormatError

EVENTS = Path(__file__).parents[3] / "events"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN = f"arn:aws:kms:eu-west-1:111122223333:key/{KEY_ID}"


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return loaded


@pytest.mark.parametrize(
    "name", ["kms-imported-key-material-expiration.json", "cloudtrail-delete-imported-key-material.json"]
)
def test_lost_material_names_its_key(name: str) -> None:
    assert reimport_request(event(name)).key_id == KEY_ARN


def test_without_resources_the_details_name_the_key() -> None:
    expired = event("kms-imported-key-material-expiration.json") | {"resources": []}
    deleted = event("cloudtrail-delete-imported-key-material.json")
    deleted["detail"]["resources"] = []

    assert reimport_request(expired).key_id == reimport_request(deleted).key_id == KEY_ID


def test_kms_own_deletion_of_expired_material_names_its_key() -> None:
    detail = {"eventName": "DeleteExpiredKeyMaterial", "serviceEventDetails": {"keyId": KEY_ID}}

    request = reimport_request({"detail-type": "AWS Service Event via CloudTrail", "detail": detail})

    assert request == ReimportRequest(key_id=KEY_ID, loss=Loss(LossKind.EXPIRED))


def test_a_deletion_names_who_did_it_what_and_when() -> None:
    loss = reimport_request(event("cloudtrail-delete-imported-key-material.json")).loss

    assert loss == Loss(
        LossKind.DELETED,
        datetime(2026, 11, 23, 12, tzinfo=UTC),
        "arn:aws:sts::111122223333:assumed-role/operator/alice",
        "ab" * 32,
    )


@pytest.mark.parametrize("name", ["kms-imported-key-material-expiration", "cloudtrail-delete-expired-key-material"])
def test_an_expiry_is_nobodys_deletion(name: str) -> None:
    loss = reimport_request(event(f"{name}.json")).loss

    assert loss is not None
    assert (loss.kind, loss.at) == (LossKind.EXPIRED, datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert loss.key_material_id == "ab" * 32


@pytest.mark.parametrize(
    ("identity", "principal"),
    [
        (None, ""),
        ("x", ""),
        ({"invokedBy": "backup.amazonaws.com"}, "backup.amazonaws.com"),
        ({"arn": "a\x1b[31m"}, "a\\x1b[31m"),
        ({"arn": "x" * 5000}, "x" * 200 + "…"),
    ],
)
def test_a_principal_is_bounded_and_fit_to_be_shown(identity: object, principal: str) -> None:
    deleted = event("cloudtrail-delete-imported-key-material.json")
    deleted["detail"]["userIdentity"] = identity

    loss = reimport_request(deleted).loss

    assert loss is not None
    assert loss.principal == principal


def test_a_run_that_goes_on_says_how_many_there_were() -> None:
    assert reimport_request({"continued": 3}) == ReimportRequest(continued=3)


DELETED = event("cloudtrail-delete-imported-key-material.json")


@pytest.mark.parametrize("wrong", [None, [], "text", 0.5, True])
def test_what_is_no_object_is_no_event(wrong: Any) -> None:
    with pytest.raises(EventFormatError, match="an event that is no JSON object"):
        reimport_request(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"detail-type": []},
        {"detail-type": {}},
        DELETED | {"detail": {"eventName": []}},
        DELETED | {"detail": {"eventName": "DeleteImportedKeyMaterial", "resources": 1}},
        DELETED | {"detail": {"eventName": "DeleteImportedKeyMaterial", "requestParameters": 1}},
        DELETED | {"id": "\ud800"},
        {"key_set": "\ud800"},
    ],
)
def test_a_field_of_another_kind_is_one_clear_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(EventFormatError):
        reimport_request(wrong)


@pytest.mark.parametrize("schedule", [{}, {"detail-type": "Scheduled Event", "source": "aws.events"}, {"id": "x"}])
def test_a_schedule_asks_for_everything(schedule: dict[str, Any]) -> None:
    assert reimport_request(schedule) == ReimportRequest()


def test_an_operator_names_a_key_set() -> None:
    assert reimport_request(event("reimport-now.json")) == ReimportRequest(key_set="orders", force=True)


@pytest.mark.parametrize(
    "other",
    [
        {"detail-type": "KMS CMK Rotation", "source": "aws.kms", "detail": {"key-id": KEY_ID}},
        {"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "DisableKey"}},
        {"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "DeleteImportedKeyMaterial"}},
        {"detail-type": "AWS API Call via CloudTrail"},
        {"detail-type": "KMS Imported Key Material Expiration", "resources": [], "detail": {}},
        {"detail-type": "KMS Imported Key Material Expiration", "resources": "x", "detail": {}},
        {"detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": ["DeleteImportedKeyMaterial"]}},
        {"continued": -1},
        {"continued": True},
        {"key_set": 7},
        {"key_set": "orders", "force": "yes"},
        {"force": True},
    ],
)
def test_other_events_are_refused(other: dict[str, Any]) -> None:
    with pytest.raises(EventFormatError):
        reimport_request(other)
