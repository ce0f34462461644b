"""The EventBridge events of KMS, in their shapes (facts 1.9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from .event_log import TIME_FORMAT, Event

EXPIRATION = "KMS Imported Key Material Expiration"
ROTATION = "KMS CMK Rotation"
DELETION = "KMS CMK Deletion"
API_CALL = "AWS API Call via CloudTrail"
SERVICE_EVENT = "AWS Service Event via CloudTrail"
EVENT_SOURCE = "kms.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Place:
    region: str
    account: str
    now: datetime


def material_expired(place: Place, *, key_arn: str, material_id: str) -> Event:
    return _event(place, EXPIRATION, [key_arn], {"key-id": _id_of(key_arn), "key-material-id": material_id})


def key_rotated(place: Place, *, key_arn: str, origin: str, previous_id: str, current_id: str) -> Event:
    detail = {
        "key-id": _id_of(key_arn),
        "key-origin": origin,
        "rotation-type": "ON_DEMAND",
        "previous-key-material-id": previous_id,
        "current-key-material-id": current_id,
    }
    return _event(place, ROTATION, [key_arn], detail)


def key_deleted(place: Place, *, key_arn: str) -> Event:
    return _event(place, DELETION, [key_arn], {"key-id": _id_of(key_arn)})


def expired_material_deleted(place: Place, *, key_arn: str, material_id: str) -> Event:
    """What CloudTrail tells of an expiry, beside KMS's own event."""
    details = {"keyId": _id_of(key_arn), "keyMaterialId": material_id}
    detail = _trail_detail(place, "DeleteExpiredKeyMaterial", key_arn) | {
        "eventType": "AwsServiceEvent",
        "serviceEventDetails": details,
    }
    return _event(place, SERVICE_EVENT, [], detail)


def api_called(
    place: Place, *, key_arn: str, operation: str, request: Mapping[str, Any], response: Mapping[str, Any]
) -> Event:
    """The CloudTrail form. `request` and `response` have CloudTrail's lower-camel names and are JSON values."""
    detail = _trail_detail(place, operation, key_arn) | {
        "eventType": "AwsApiCall",
        "requestParameters": dict(request),
        "responseElements": dict(response),
        "requestID": str(uuid4()),
    }
    return _event(place, API_CALL, [], detail)


def _trail_detail(place: Place, name: str, key_arn: str) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "eventTime": _timestamp(place.now),
        "eventSource": EVENT_SOURCE,
        "eventName": name,
        "awsRegion": place.region,
        "eventID": str(uuid4()),
        "readOnly": False,
        "resources": [{"accountId": place.account, "type": "AWS::KMS::Key", "ARN": key_arn}],
        "managementEvent": True,
        "recipientAccountId": place.account,
        "eventCategory": "Management",
    }


def _event(place: Place, detail_type: str, resources: list[str], detail: dict[str, Any]) -> Event:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": "aws.kms",
        "account": place.account,
        "time": _timestamp(place.now),
        "region": place.region,
        "resources": resources,
        "detail": detail,
    }


def _id_of(key_arn: str) -> str:
    return key_arn.rpartition("/")[2]


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime(TIME_FORMAT)
