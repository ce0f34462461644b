"""The life of imported key material in the strict KMS, in process and under a clock that stands still."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.kms.models import KmsBackend, kms_backends

from local.strict_kms import (
    Installation,
    SettableClock,
    aws_rate,
    import_material,
    mock_strict_kms,
    settle_all,
)
from local.strict_kms.owner import wrap

EAST, WEST = "us-east-1", "us-west-2"
MATERIAL = bytes(range(32))
OTHER = bytes(32)
DAY = timedelta(days=1)
OAEP = "RSAES_OAEP_SHA_256"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def kms(clock: SettableClock) -> Iterator[Installation]:
    with mock_strict_kms(clock=clock) as installation:
        yield installation


@pytest.fixture
def east(kms: Installation) -> Any:
    return boto3.client("kms", region_name=EAST)


@pytest.fixture
def west(kms: Installation) -> Any:
    return boto3.client("kms", region_name=WEST)


def code(call: Any, *positional: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(*positional, **arguments)
    return str(refused.value.response["Error"]["Code"])


def new_key(client: Any, **options: Any) -> str:
    return str(client.create_key(Origin="EXTERNAL", **options)["KeyMetadata"]["Arn"])


def state(client: Any, key: str) -> str:
    return str(client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])


def parameters(client: Any, key: str, algorithm: str = OAEP, spec: str = "RSA_2048") -> Any:
    return client.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)


def materials(client: Any, key: str, include: str = "ALL_KEY_MATERIAL") -> dict[str, Any]:
    listed = client.list_key_rotations(KeyId=key, IncludeKeyMaterial=include)["Rotations"]
    return {entry["KeyMaterialId"]: entry for entry in listed}


def test_an_external_key_starts_pending_import_without_material(east: Any) -> None:
    key = east.create_key(Origin="EXTERNAL")["KeyMetadata"]

    assert (key["KeyState"], key["Enabled"], key["Origin"]) == ("PendingImport", False, "EXTERNAL")
    assert not {"CurrentKeyMaterialId", "ValidTo", "ExpirationModel"} & set(key)
    assert code(east.encrypt, KeyId=key["Arn"], Plaintext=b"x") == "KMSInvalidStateException"


@pytest.mark.parametrize("algorithm", [OAEP, "RSAES_OAEP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1"])
def test_material_wrapped_by_any_algorithm_enables_the_key(east: Any, algorithm: str) -> None:
    key = new_key(east)

    material_id = import_material(east, key, MATERIAL, algorithm=algorithm)

    described = east.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    assert described["CurrentKeyMaterialId"] == material_id
    assert len(bytes.fromhex(material_id)) == 32


def test_import_parameters_need_an_external_key_named_by_id_or_arn(east: Any, clock: SettableClock) -> None:
    key = new_key(east)
    east.create_alias(AliasName="alias/orders", TargetKeyId=key)
    generated = east.create_key()["KeyMetadata"]["Arn"]

    answer = parameters(east, key.rsplit("/", 1)[1])

    assert (answer["KeyId"], answer["ParametersValidTo"]) == (key, clock.now + DAY)
    assert code(parameters, east, "alias/orders") == "NotFoundException"  # facts 1.1
    assert code(parameters, east, generated) == "UnsupportedOperationException"


def import_with(client: Any, key: str, answer: Any, material: bytes = MATERIAL, **options: Any) -> Any:
    options.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    blob = wrap(answer["PublicKey"], OAEP, material)
    return client.import_key_material(
        KeyId=key, ImportToken=answer["ImportToken"], EncryptedKeyMaterial=blob, **options
    )


def test_token_of_one_region_is_refused_in_another(east: Any, west: Any) -> None:
    primary = new_key(east, MultiRegion=True)
    import_material(east, primary, MATERIAL)
    replica = east.replicate_key(KeyId=primary, ReplicaRegion=WEST)["ReplicaKeyMetadata"]["Arn"]

    assert code(import_with, west, replica, parameters(east, primary)) == "InvalidImportTokenException"


def test_token_of_another_key_and_malformed_token_are_refused(east: Any) -> None:
    key = new_key(east)
    answer = parameters(east, key)
    malformed = {**answer, "ImportToken": answer["ImportToken"][:-1] + b"\0"}

    assert code(import_with, east, key, parameters(east, new_key(east))) == "InvalidImportTokenException"
    assert code(import_with, east, key, malformed) == "InvalidImportTokenException"
    assert code(import_with, east, key, {**answer, "ImportToken": b"x"}) == "InvalidImportTokenException"


def test_token_lasts_24_hours_and_no_longer(east: Any, clock: SettableClock) -> None:  # facts 1.1
    first, second = new_key(east), new_key(east)
    for_first, for_second = parameters(east, first), parameters(east, second)

    clock.advance(DAY - timedelta(seconds=1))
    import_with(east, first, for_first)
    clock.advance(timedelta(seconds=1))

    assert code(import_with, east, second, for_second) == "ExpiredImportTokenException"


def test_material_wrapped_for_another_token_does_not_unwrap(east: Any) -> None:
    key = new_key(east)
    one, two = parameters(east, key), parameters(east, key)

    mixed = {**two, "PublicKey": one["PublicKey"]}

    assert code(import_with, east, key, mixed) == "InvalidCiphertextException"


@pytest.mark.parametrize("length", [16, 31, 33])
def test_material_of_another_length_than_32_bytes_is_incorrect(east: Any, length: int) -> None:
    assert code(import_material, east, new_key(east), bytes(length)) == "IncorrectKeyMaterialException"


def test_expiry_must_be_given_in_the_future_and_within_365_days(east: Any, clock: SettableClock) -> None:  # facts 1.2
    key = new_key(east)
    answer = parameters(east, key)

    def attempt(**options: Any) -> str:
        return code(import_with, east, key, answer, **options)

    expires = "KEY_MATERIAL_EXPIRES"
    assert attempt(ExpirationModel=expires) == "ValidationException"
    assert attempt(ExpirationModel=expires, ValidTo=clock.now) == "ValidationException"
    assert (
        attempt(ExpirationModel=expires, ValidTo=clock.now + 365 * DAY + timedelta(seconds=1)) == "ValidationException"
    )
    assert attempt(ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE", ValidTo=clock.now + DAY) == "ValidationException"
    import_with(east, key, answer, ExpirationModel=expires, ValidTo=clock.now + 365 * DAY)
    assert state(east, key) == "Enabled"


def test_only_the_same_bytes_can_be_imported_again(east: Any) -> None:
    key = new_key(east)
    material_id = import_material(east, key, MATERIAL)

    assert code(import_material, east, key, OTHER) == "IncorrectKeyMaterialException"
    assert code(import_material, east, key, MATERIAL, ImportType="NEW_KEY_MATERIAL") == "IncorrectKeyMaterialException"
    assert code(import_material, east, key, MATERIAL, KeyMaterialId="0" * 64) == "IncorrectKeyMaterialException"
    assert import_material(east, key, MATERIAL, KeyMaterialId=material_id) == material_id


def test_renewal_while_enabled_moves_the_expiry(east: Any, clock: SettableClock) -> None:  # facts 1.3
    key = new_key(east)
    import_material(east, key, MATERIAL, ValidTo=clock.now + DAY)

    import_material(east, key, MATERIAL, ValidTo=clock.now + 9 * DAY)

    clock.advance(2 * DAY)
    described = east.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ValidTo"]) == ("Enabled", clock.now + 7 * DAY)


def test_material_is_gone_at_its_expiry_and_announced_once(kms: Installation, east: Any, clock: SettableClock) -> None:
    key = new_key(east)
    material_id = import_material(east, key, MATERIAL, ValidTo=clock.now + DAY)
    blob = east.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    clock.advance(DAY)
    settle_all()
    settle_all()

    assert state(east, key) == "PendingImport"
    assert code(east.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    (event,) = kms.events  # facts 1.9
    assert (event["detail-type"], event["source"]) == ("KMS Imported Key Material Expiration", "aws.kms")
    assert (event["resources"], event["region"], event["account"]) == ([key], EAST, "123456789012")
    assert event["detail"] == {"key-id": key.rsplit("/", 1)[1], "key-material-id": material_id}
    import_material(east, key, MATERIAL)
    assert east.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_expiry_is_seen_by_the_first_call_after_it(east: Any, clock: SettableClock) -> None:
    key = new_key(east)
    import_material(east, key, MATERIAL, ValidTo=clock.now + DAY)

    clock.advance(DAY)

    assert code(east.generate_data_key, KeyId=key, KeySpec="AES_256") == "KMSInvalidStateException"


def test_deleting_material_stops_the_key_and_is_announced(kms: Installation, east: Any) -> None:
    key = new_key(east)
    material_id = import_material(east, key, MATERIAL)

    assert east.delete_imported_key_material(KeyId=key)["KeyMaterialId"] == material_id

    assert state(east, key) == "PendingImport"
    assert code(east.enable_key, KeyId=key) == "KMSInvalidStateException"
    assert code(east.disable_key, KeyId=key) == "KMSInvalidStateException"
    detail = kms.events[-1]["detail"]
    assert kms.events[-1]["detail-type"] == "AWS API Call via CloudTrail"
    assert (detail["eventSource"], detail["eventName"]) == ("kms.amazonaws.com", "DeleteImportedKeyMaterial")
    assert detail["requestParameters"] == {"keyId": key}
    assert detail["resources"][0] == {"accountId": "123456789012", "type": "AWS::KMS::Key", "ARN": key}


def test_states_refuse_cryptography_each_with_its_own_error(kms: Installation, east: Any) -> None:  # facts 1.8
    key = new_key(east)
    import_material(east, key, MATERIAL)

    east.disable_key(KeyId=key)
    assert code(east.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
    east.enable_key(KeyId=key)
    east.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert code(east.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    assert code(parameters, east, key) == "KMSInvalidStateException"
    east.cancel_key_deletion(KeyId=key)
    assert state(east, key) == "Disabled"
    assert [event["detail"]["eventName"] for event in kms.events] == ["DisableKey", "ScheduleKeyDeletion"]


def test_no_material_is_imported_while_deletion_is_pending(east: Any) -> None:  # facts 1.3
    key = new_key(east)
    answer = parameters(east, key)
    east.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    assert code(import_with, east, key, answer) == "KMSInvalidStateException"
    east.cancel_key_deletion(KeyId=key)
    assert state(east, key) == "PendingImport"


def test_new_material_waits_for_rotation_and_every_permanent_one_must_be_present(east: Any) -> None:  # facts 1.5
    key = new_key(east)
    first = import_material(east, key, MATERIAL)
    assert code(east.rotate_key_on_demand, KeyId=key) == "KMSInvalidStateException"

    second = import_material(east, key, OTHER, ImportType="NEW_KEY_MATERIAL")
    assert materials(east, key)[second]["KeyMaterialState"] == "PENDING_ROTATION"
    third = os.urandom(32)
    assert code(import_material, east, key, third, ImportType="NEW_KEY_MATERIAL") == "KMSInvalidStateException"
    east.rotate_key_on_demand(KeyId=key)

    assert {name: entry["KeyMaterialState"] for name, entry in materials(east, key).items()} == {
        first: "NON_CURRENT",
        second: "CURRENT",
    }
    assert list(materials(east, key, "ROTATIONS_ONLY")) == [second]
    east.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    east.delete_imported_key_material(KeyId=key)
    import_material(east, key, OTHER)
    assert state(east, key) == "PendingImport"
    import_material(east, key, MATERIAL)
    assert state(east, key) == "Enabled"


def test_deleting_pending_material_leaves_the_key_enabled(east: Any) -> None:  # facts 1.4
    key = new_key(east)
    first = import_material(east, key, MATERIAL)
    pending = import_material(east, key, OTHER, ImportType="NEW_KEY_MATERIAL")

    east.delete_imported_key_material(KeyId=key, KeyMaterialId=pending)

    assert (state(east, key), list(materials(east, key))) == ("Enabled", [first])


def test_a_key_is_rotated_on_demand_25_times_at_most(east: Any) -> None:  # facts 1.5
    key = east.create_key()["KeyMetadata"]["Arn"]

    for _ in range(25):
        east.rotate_key_on_demand(KeyId=key)

    assert code(east.rotate_key_on_demand, KeyId=key) == "LimitExceededException"


def test_a_replica_starts_pending_import_and_takes_only_the_same_bytes(east: Any, west: Any) -> None:  # facts 1.6
    primary = new_key(east, MultiRegion=True)
    material_id = import_material(east, primary, MATERIAL)

    replica = east.replicate_key(KeyId=primary, ReplicaRegion=WEST)["ReplicaKeyMetadata"]

    assert (replica["KeyState"], replica["MultiRegionConfiguration"]["MultiRegionKeyType"]) == (
        "PendingImport",
        "REPLICA",
    )
    assert code(import_material, west, replica["Arn"], OTHER) == "IncorrectKeyMaterialException"
    assert import_material(west, replica["Arn"], MATERIAL) == material_id
    assert state(west, replica["Arn"]) == "Enabled"
    west.delete_imported_key_material(KeyId=replica["Arn"])
    assert (state(east, primary), state(west, replica["Arn"])) == ("Enabled", "PendingImport")


def test_multi_region_rotation_waits_until_every_replica_has_the_material(east: Any, west: Any) -> None:  # facts 1.5
    primary = new_key(east, MultiRegion=True)
    import_material(east, primary, MATERIAL)
    replica = east.replicate_key(KeyId=primary, ReplicaRegion=WEST)["ReplicaKeyMetadata"]["Arn"]
    import_material(west, replica, MATERIAL)

    pending = import_material(east, primary, OTHER, ImportType="NEW_KEY_MATERIAL")
    assert materials(east, primary)[pending]["KeyMaterialState"] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
    assert code(east.rotate_key_on_demand, KeyId=primary) == "KMSInvalidStateException"
    import_material(west, replica, OTHER, ImportType="EXISTING_KEY_MATERIAL")
    east.rotate_key_on_demand(KeyId=primary)

    assert west.describe_key(KeyId=replica)["KeyMetadata"]["CurrentKeyMaterialId"] == pending


def test_import_parameters_are_throttled_to_one_a_second_when_asked(clock: SettableClock) -> None:  # facts 1.1
    with mock_strict_kms(clock=clock, quotas=aws_rate):
        client = boto3.client("kms", region_name=EAST, config=Config(retries={"total_max_attempts": 1}))
        key = new_key(client)
        parameters(client, key)

        assert code(parameters, client, key) == "ThrottlingException"
        clock.advance(timedelta(seconds=1))
        parameters(client, key)


def test_calls_are_counted_by_region_operation_and_outcome(kms: Installation, east: Any) -> None:
    key = new_key(east)

    code(east.encrypt, KeyId=key, Plaintext=b"x")

    assert kms.calls.snapshot()[EAST] == {
        "CreateKey": {"succeeded": 1, "failed": {}},
        "Encrypt": {"succeeded": 0, "failed": {"KMSInvalidStateException": 1}},
    }


def test_moto_is_as_it_was_after_the_block(clock: SettableClock) -> None:
    with mock_strict_kms(clock=clock):
        boto3.client("kms", region_name=EAST).create_key()

    assert (kms_backends.backend, dict(kms_backends)) == (KmsBackend, {})


def test_secrets_show_in_no_repr(kms: Installation, east: Any) -> None:
    key = new_key(east)
    import_material(east, key, MATERIAL)
    stored: Any = kms_backends["123456789012"][EAST].keys[key.rsplit("/", 1)[1]]

    shown = repr((kms, stored, vars(stored), list(stored.materials)))

    for secret in (MATERIAL, kms.seal, kms.tokens.secret):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
