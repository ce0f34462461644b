"""Reimporting with every adapter real: Secrets Manager and DynamoDB by moto, KMS by the strict one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from kms_failover.adapters.custody import SecretsManagerCustody
from kms_failover.adapters.key_import import ImportableKeys
from kms_failover.adapters.lease import TableLease
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_material.material import Concern, MaterialRecord
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.ports import Ports
from kms_failover.domain.key_material.reimport import ReimportService
from kms_failover.domain.key_material.reimport_request import EVERY_KEY, ReimportRequest, reimport_request
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import SeveralMaterialsError, UnreadableItemError
from local.strict_kms import Installation, ReusedPairs, mock_strict_kms, settle_all
from local.strict_kms.owner import import_material
from tests.adapters.tables import create_state_table
from tests.domain.key_material.reimport_world import WorldTopic

REGION = "eu-west-1"
BYTES = b"the secret bytes of orders' key."
PAIRS = ReusedPairs(2)


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
        self.table = table = create_state_table(REGION)
        table.meta.client.meta.events.register("before-call.dynamodb.PutItem", lambda **_: self.writes.append(1))
        self.state = StateTable(table, REGION)
        self.topic = WorldTopic()
        no_sleep = lambda _seconds: None  # noqa: E731  # there is nothing to wait for
        self.keys = ImportableKeys(self.kms, REGION, sleep=no_sleep)
        custody = SecretsManagerCustody(self.secrets, REGION)
        ports = Ports(self.state, custody, self.keys, REGION, lambda: self.now)
        lease = TableLease(table, REGION, "reimport", lambda: self.now)
        self.service = ReimportService(lambda: (key_set,), ports, lease, self.topic, no_sleep, no_sleep)

    def run(self, request: ReimportRequest = EVERY_KEY) -> Reimport:
        (result,) = self.service.run(request, lambda: 100.0).results
        return result

    def spoil_record(self) -> None:
        key = {"pk": "key-set#orders", "sk": f"material#{REGION}"}
        self.table.update_item(Key=key, UpdateExpression="REMOVE body")

    def shown(self) -> Any:
        settle_all()
        return self.kms.describe_key(KeyId=self.arn)["KeyMetadata"]


def _record(cloud: Cloud) -> MaterialRecord:
    record = cloud.state.material("orders", REGION)
    assert record is not None
    return record


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    cloud = Cloud()
    with mock_strict_kms(clock=lambda: cloud.now, key_pairs=PAIRS) as installation:
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


def test_a_second_run_at_once_imports_nothing_and_writes_what_it_saw(cloud: Cloud) -> None:
    """The expiry that KMS shows is the one that was written down, to the second."""
    cloud.run()
    before = cloud.state.material("orders", REGION)
    cloud.now += timedelta(minutes=15)

    result = cloud.run()

    after = cloud.state.material("orders", REGION)
    assert result.action is Action.NOTHING
    assert before is not None
    assert after is not None
    assert (after.valid_to, after.shown_valid_to) == (before.valid_to, cloud.shown()["ValidTo"])
    assert (after.seen_at, after.sentinel, after.imported_at) == (cloud.now, before.sentinel, before.imported_at)


def test_the_event_that_kms_emits_when_material_expires_restores_it(cloud: Cloud) -> None:
    cloud.run()
    cloud.now += timedelta(days=181)
    settle_all()
    (event,) = (e for e in cloud.installation.events if e["detail-type"] == "KMS Imported Key Material Expiration")

    result = cloud.run(reimport_request(event))

    assert (result.action, result.error) == (Action.RESTORE, None)


def test_the_trail_of_a_deletion_is_told_and_nothing_is_undone(cloud: Cloud) -> None:
    cloud.run()
    cloud.now += timedelta(minutes=1)
    cloud.kms.delete_imported_key_material(KeyId=cloud.arn)
    event = next(e for e in cloud.installation.events if e["detail"].get("eventName") == "DeleteImportedKeyMaterial")

    result = cloud.run(reimport_request(event))

    assert (result.action, result.concern, result.error) == (Action.NOTHING, Concern.DELETED, None)
    assert cloud.shown()["KeyState"] == "PendingImport"
    assert cloud.state.losses("orders", REGION)[0].key_material_id == result.key_material_id


@pytest.mark.parametrize("request_", [EVERY_KEY, ReimportRequest(key_set="orders", force=True)], ids=["all", "order"])
def test_where_its_record_cannot_be_read_a_key_that_a_person_has_disabled_stays_so(
    cloud: Cloud, request_: ReimportRequest
) -> None:
    cloud.run()
    cloud.kms.disable_key(KeyId=cloud.arn)
    cloud.now += timedelta(minutes=15)
    cloud.run()
    cloud.kms.delete_imported_key_material(KeyId=cloud.arn)
    cloud.spoil_record()

    result = cloud.run(request_)

    assert (result.action, result.concern, type(result.error)) == (Action.NOTHING, Concern.UNREAD, UnreadableItemError)
    assert cloud.shown()["KeyState"] == "PendingImport"


def test_where_materials_are_not_listed_a_renewal_that_moves_no_expiry_fails(cloud: Cloud) -> None:
    """A role from before the permission: the second material shows itself by the expiry that stays (findings F1)."""

    def refuse(**_: object) -> None:
        error: Any = {"Error": {"Code": "AccessDeniedException"}}
        raise ClientError(error, "ListKeyRotations")

    cloud.kms.list_key_rotations = refuse
    cloud.run()
    cloud.now += timedelta(days=100)
    valid_to = cloud.now + timedelta(days=60)
    new: dict[str, Any] = {
        "ImportType": "NEW_KEY_MATERIAL",
        "ExpirationModel": "KEY_MATERIAL_EXPIRES",
        "ValidTo": valid_to,
    }
    import_material(cloud.kms, cloud.arn, BYTES[::-1], **new)
    cloud.kms.rotate_key_on_demand(KeyId=cloud.arn)
    cloud.secrets.put_secret_value(SecretId="material-of-orders", SecretBinary=BYTES[::-1])
    cloud.state.put_material(_record(cloud).but(key_material_id=cloud.shown()["CurrentKeyMaterialId"]))
    cloud.now += timedelta(days=51)

    result = cloud.run()

    assert isinstance(result.error, SeveralMaterialsError)
    assert "although its material was imported until" in result.reason


def test_a_renewal_of_a_key_with_one_material_shows_what_was_imported(cloud: Cloud) -> None:
    cloud.run()
    cloud.now += timedelta(days=151)

    result = cloud.run()

    assert (result.action, result.error) == (Action.RENEW, None)
    assert cloud.shown()["ValidTo"] == result.valid_to


def test_neither_the_record_nor_the_result_holds_the_material(cloud: Cloud) -> None:
    result = cloud.run()

    shown = repr(result) + repr(cloud.state.material("orders", REGION))
    assert BYTES.decode() not in shown
    assert BYTES.hex() not in shown
