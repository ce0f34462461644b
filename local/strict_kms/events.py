"""The EventBridge events of KMS, in their shapes (facts 1.9)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from .installation import Event

EXPIRATION = "KMS Imported Key Material Expiration"
API_CALL = "AWS API Call via CloudTrail"
EVENT_SOURCE = "kms.amazonaws.com"


def material_expired(*, key_arn: str, material_id: str, region: str, account: str, now: datetime) -> Event:
    detail = {"key-id": key_arn.rsplit("/", 1)[1], "key-material-id": material_id}
    return _event(EXPIRATION, [key_arn], detail, region=region, account=account, now=now)


def api_called(
    operation: str,
    *,
    key_arn: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any],
    region: str,
    account: str,
    now: datetime,
) -> Event:
    """The CloudTrail form. `request` and `response` have CloudTrail's lower-camel names and are JSON values."""
    detail = {
        "eventVersion": "1.11",
        "eventTime": _timestamp(now),
        "eventSource": EVENT_SOURCE,
        "eventName": operation,
        "awsRegion": region,
        "requestParameters": dict(request),
        "responseElements": dict(response),
        "requestID": str(uuid4()),
        "eventID": str(uuid4()),
        "readOnly": False,
        "resources": [{"accountId": account, "type": "AWS::KMS::Key", "ARN": key_arn}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    return _event(API_CALL, [], detail, region=region, account=account, now=now)


def _event(
    detail_type: str, resources: list[str], detail: dict[str, Any], *, region: str, account: str, now: datetime
) -> Event:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": "aws.kms",
        "account": account,
        "time": _timestamp(now),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
