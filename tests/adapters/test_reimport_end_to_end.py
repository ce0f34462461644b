"""Reimporting with every adapter real: Secrets Manager and DynamoDB by moto, KMS by the strict one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from kms_failover.adapters.custody import SecretsManagerCustody
from kms_failover.adapters.key_import import ImportableKeys
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.material import Action
from kms_failover.domain.reimport_request import ReimportRequest, reimport_request
from kms_failover.domain.reimporting import Reimport, ReimportService
from local.strict_kms import Installation, mock_strict_kms, settle_all

REGION = "eu-west-1"
BYTES = b"the secret bytes of orders' key."


class Cloud:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
        self.writes: list[object] = []

    def build(self, installation: Installation) -> None:
        self.installation = installation
        self.kms: Any = boto3.client("kms", region_name=REGION)
        self.arn: str = self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
        self.secrets: Any = boto3.client("secretsmanager", region_name=REGION)
        self.secrets.create_secret(Name="material-of-orders", SecretBinary=BYTES)
        key_set = KeySet.model_validate(
            {
                "name": "orders",
                "members": [{"region": REGION, "arn": self.arn, "origin": "EXTERNAL"}],
                "material": {"secret": "material-of-orders"},
            }
        )
        table = _table()
        table.meta.client.meta.events.register("before-call.dynamodb.PutItem", lambda **_: self.writes.append(1))
        self.state = StateTable(table, REGION)
        self.service = ReimportService(
            lambda: (key_set,),
            self.state,
            SecretsManagerCustody(self.secrets, REGION),
            ImportableKeys(self.kms, REGION, sleep=lambda _seconds: None),
            REGION,
            lambda: self.now,
            lambda _seconds: None,
        )

    def run(self, request: ReimportRequest = ReimportRequest()) -> Reimport:  # noqa: B008  # it is frozen
        (result,) = self.service.run(request)
        return result


def _table() -> Any:
    return boto3.resource("dynamodb", region_name=REGION).create_table(
        TableName="prod-state",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    cloud = Cloud()
    with mock_strict_kms(clock=lambda: cloud.now) as installation:
        cloud.build(installation)
        yield cloud


def test_material_is_imported_renewed_lost_and_restored(cloud: Cloud) -> None:
    ciphertext = None
    seen = []
    for step in (timedelta(), timedelta(days=150), timedelta(days=180)):
        cloud.now += step
        if ciphertext is not None and step == timedelta(days=180):
            settle_all()
            assert cloud.kms.describe_key(KeyId=cloud.arn)["KeyMetadata"]["KeyState"] == "PendingImport"
        result = cloud.run()
        seen.append((result.action, result.error))
        ciphertext = ciphertext or cloud.kms.encrypt(KeyId=cloud.arn, Plaintext=b"order")["CiphertextBlob"]

    opened = cloud.kms.decrypt(CiphertextBlob=ciphertext)["Plaintext"]

    assert seen == [(Action.RESTORE, None), (Action.RENEW, None), (Action.RESTORE, None)]
    assert opened == b"order"


def test_a_second_run_at_once_neither_imports_nor_writes(cloud: Cloud) -> None:
    """The expiry that KMS shows is the one that was written down, to the second."""
    cloud.run()
    cloud.writes.clear()
    record = cloud.state.material("orders", REGION)

    result = cloud.run()

    assert result.action is Action.NOTHING
    assert cloud.writes == []
    assert record is not None
    assert record.valid_to == cloud.kms.describe_key(KeyId=cloud.arn)["KeyMetadata"]["ValidTo"]


def test_the_event_that_kms_emits_when_material_expires_restores_it(cloud: Cloud) -> None:
    cloud.run()
    cloud.now += timedelta(days=181)
    settle_all()
    (event,) = (e for e in cloud.installation.events if e["detail-type"] == "KMS Imported Key Material Expiration")

    result = cloud.run(reimport_request(event))

    assert (result.action, result.error) == (Action.RESTORE, None)


def test_the_trail_of_a_deletion_restores_the_material(cloud: Cloud) -> None:
    cloud.run()
    cloud.kms.delete_imported_key_material(KeyId=cloud.arn)
    event = next(e for e in cloud.installation.events if e["detail"].get("eventName") == "DeleteImportedKeyMaterial")

    result = cloud.run(reimport_request(event))

    assert (result.action, result.error) == (Action.RESTORE, None)
    assert cloud.kms.describe_key(KeyId=cloud.arn)["KeyMetadata"]["KeyState"] == "Enabled"


def test_neither_the_record_nor_the_result_holds_the_material(cloud: Cloud) -> None:
    result = cloud.run()

    shown = repr(result) + repr(cloud.state.material("orders", REGION))
    assert BYTES.decode() not in shown
    assert BYTES.hex() not in shown
