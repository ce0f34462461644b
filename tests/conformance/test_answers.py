"""What answers say, as accounts of AWS were recorded to say it: status, messages and members."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .behaviour import behaviour
from .world import World, flipped, id_of

NOBODYS_ID = "134f2428-cec1-4b25-a1ae-9048164dba47"
NOBODYS_MULTI_REGION_ID = "mrk-d3b95762d3b95762d3b95762d3b95762"
HMAC = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
ECC = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}


def message(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])


def status(error: ClientError) -> Any:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


# --- keys that are not there ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("nobodys", [NOBODYS_ID, NOBODYS_MULTI_REGION_ID], ids=["of one Region", "multi-Region"])
@behaviour("recorded: test_get_key_does_not_exist, 2025-09-08")
def test_a_key_that_is_not_there_is_named_by_its_arn(world: World, nobodys: str) -> None:
    own = world.key()
    arn = own.replace(id_of(own), nobodys)

    by_id = world.refused("NotFoundException", world.here.describe_key, KeyId=nobodys)
    by_arn = world.refused("NotFoundException", world.here.describe_key, KeyId=arn)

    assert message(by_id) == message(by_arn) == f"Key '{arn}' does not exist"
    assert status(by_id) == 400


@pytest.mark.parametrize(
    "key_id",
    ["fake-key-id", NOBODYS_ID.replace("-", ""), "mrk-fake-key-id"],
    ids=["words", "without hyphens", "words behind mrk"],
)
@behaviour("recorded: test_get_key_invalid_uuid, 2023-11-07")
def test_what_is_no_key_id_is_invalid(world: World, key_id: str) -> None:
    refused = world.refused("NotFoundException", world.here.describe_key, KeyId=key_id)

    assert message(refused) == f"Invalid keyId '{key_id}'"


@behaviour("recorded: test_get_key_in_different_region, 2025-11-10")
def test_an_arn_of_another_region_is_invalid_and_names_that_region(world: World) -> None:
    key = world.key(world.away)

    refused = world.refused("NotFoundException", world.here.describe_key, KeyId=key)

    assert message(refused) == f"Invalid arn {world.target.away}"


@behaviour("recorded: test_create_multi_region_key, 2025-11-10")
def test_a_primary_alone_has_an_empty_list_of_replicas(world: World) -> None:
    key = world.key(MultiRegion=True)

    described = world.describe(key)["MultiRegionConfiguration"]

    assert (described["MultiRegionKeyType"], described["ReplicaKeys"]) == ("PRIMARY", [])


# --- what is refused with 400 ---------------------------------------------------------------------------------------


@behaviour("recorded: test_rotate_key_on_demand_raises_error_given_key_is_disabled, 2025-03-08")
def test_a_disabled_key_is_refused_with_400(world: World) -> None:
    key = world.key()
    world.here.disable_key(KeyId=id_of(key))

    refused = world.refused("DisabledException", world.here.rotate_key_on_demand, KeyId=id_of(key))

    assert (status(refused), message(refused)) == (400, f"{key} is disabled.")


@behaviour("recorded: test_import_key_symmetric, 2025-11-10")
def test_a_key_without_material_is_refused_with_400(world: World) -> None:
    key = world.external_key()

    refused = world.refused("KMSInvalidStateException", world.here.encrypt, KeyId=id_of(key), Plaintext=b"x")

    assert (status(refused), message(refused)) == (400, f"{key} is pending import.")


@behaviour("recorded: test_generate_data_key_pair_dry_run, 2025-04-06", assumed="for other calls than data key pairs")
def test_a_dry_run_ends_with_400(world: World) -> None:
    key = world.key()

    ended = world.refused("DryRunOperationException", world.here.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)

    assert status(ended) == 400
    assert message(ended) == "The request would have succeeded, but the DryRun option is set."


# --- cryptography ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [flipped, lambda blob: blob + b"bad_data"], ids=["flipped", "longer"])
@behaviour("recorded: test_key_rotations_encryption_decryption, 2026-02-09")
def test_nothing_is_said_of_why_a_ciphertext_is_invalid(world: World, change: Callable[[bytes], bytes]) -> None:
    key = world.key()
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    refused = world.refused("InvalidCiphertextException", world.here.decrypt, KeyId=key, CiphertextBlob=change(blob))

    assert (status(refused), message(refused)) == (400, "")


@behaviour("recorded: test_encrypt_decrypt_encryption_context, 2025-09-22")
def test_another_encryption_context_is_not_told_from_a_broken_ciphertext(world: World) -> None:
    key = world.key()
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]

    refused = world.refused("InvalidCiphertextException", world.here.decrypt, KeyId=key, CiphertextBlob=blob)

    assert message(refused) == ""


@behaviour("recorded: test_re_encrypt_incorrect_source_key, 2025-06-09")
def test_the_source_of_re_encrypt_counts_before_the_destination(world: World) -> None:
    blob = world.here.encrypt(KeyId=world.key(), Plaintext=b"x")["CiphertextBlob"]
    mac = world.key(**HMAC)

    refused = world.refused(
        "IncorrectKeyException",
        world.here.re_encrypt,
        CiphertextBlob=blob,
        SourceKeyId=id_of(mac),
        DestinationKeyId=id_of(mac),
    )

    assert message(refused) == "The key ID in the request does not identify a CMK that can perform this operation."


@behaviour("recorded: test_error_messaging_for_invalid_keys, 2023-04-13")
def test_a_key_of_another_usage_is_refused_for_the_operation_by_name(world: World) -> None:
    symmetric, signing, mac = world.key(), world.key(**ECC), world.key(**HMAC)
    signed = {"Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    maced = {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}

    errors = [
        world.refused("InvalidKeyUsageException", world.here.generate_mac, KeyId=symmetric, **maced),
        world.refused("InvalidKeyUsageException", world.here.sign, KeyId=mac, **signed),
        world.refused("InvalidKeyUsageException", world.here.verify, KeyId=symmetric, Signature=b"s", **signed),
        world.refused("InvalidKeyUsageException", world.here.encrypt, KeyId=signing, Plaintext=b"x"),
    ]

    assert [message(one) for one in errors] == [
        f"{symmetric} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac.",
        f"{mac} key usage is GENERATE_VERIFY_MAC which is not valid for Sign.",
        f"{symmetric} key usage is ENCRYPT_DECRYPT which is not valid for Verify.",
        f"{signing} key usage is SIGN_VERIFY which is not valid for Encrypt.",
    ]


@behaviour("recorded: test_error_messaging_for_invalid_keys, 2023-04-13", assumed="for VerifyMac")
def test_a_key_that_makes_no_mac_is_refused_for_verify_mac_by_name(world: World) -> None:
    key = world.key()
    maced = {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256", "Mac": bytes(32)}

    refused = world.refused("InvalidKeyUsageException", world.here.verify_mac, KeyId=key, **maced)

    assert message(refused) == f"{key} key usage is ENCRYPT_DECRYPT which is not valid for VerifyMac."


@behaviour(
    "facts 2.2", assumed="the name of the operation; LocalStack's test_re_encrypt_invalid_destination_key speaks of it"
)
def test_a_destination_of_another_usage_is_refused_for_re_encrypt_to(world: World) -> None:
    source, signing = world.key(), world.key(**ECC)
    blob = world.here.encrypt(KeyId=source, Plaintext=b"x")["CiphertextBlob"]

    refused = world.refused(
        "InvalidKeyUsageException", world.here.re_encrypt, CiphertextBlob=blob, DestinationKeyId=signing
    )

    assert message(refused) == f"{signing} key usage is SIGN_VERIFY which is not valid for ReEncryptTo."


@pytest.mark.parametrize("operation", ["generate_mac", "verify_mac"])
@behaviour("recorded: test_invalid_generate_mac and test_invalid_verify_mac, 2023-04-13")
def test_a_mac_algorithm_that_does_not_fit_the_key_spec_is_named(world: World, operation: str) -> None:
    mac = {"Mac": bytes(64)} if operation == "verify_mac" else {}

    refused = world.refused(
        "InvalidKeyUsageException",
        getattr(world.here, operation),
        KeyId=world.key(**HMAC),
        Message=b"m",
        MacAlgorithm="HMAC_SHA_512",
        **mac,
    )

    assert message(refused) == "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256."


@behaviour("recorded: test_invalid_verify_mac and test_sign_verify, 2023-04-13")
def test_nothing_is_said_of_a_mac_or_signature_that_is_not_valid(world: World) -> None:
    mac, signing = world.key(**HMAC), world.key(**ECC)
    made = world.here.generate_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    signature = world.here.sign(KeyId=signing, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    maced = {"KeyId": mac, "Message": b"n", "MacAlgorithm": "HMAC_SHA_256", "Mac": made}
    signed = {"KeyId": signing, "Message": b"n", "SigningAlgorithm": "ECDSA_SHA_256", "Signature": signature}

    errors = [
        world.refused("KMSInvalidMacException", world.here.verify_mac, **maced),
        world.refused("KMSInvalidSignatureException", world.here.verify, **signed),
    ]

    assert [message(one) for one in errors] == ["", ""]


# --- imported material ----------------------------------------------------------------------------------------------


@behaviour("recorded: test_get_parameters_for_import_raises_for_non_external_kms_keys, 2025-11-10")
def test_the_origin_is_named_where_no_material_is_taken(world: World) -> None:
    key = world.key()

    refused = world.refused("UnsupportedOperationException", world.parameters, arn=id_of(key))

    assert message(refused) == f"{key} origin is AWS_KMS which is not valid for this operation."


@behaviour("recorded: test_import_key_symmetric, 2025-11-10")
def test_deleted_material_stays_the_current_one_without_an_expiry(world: World) -> None:
    key, material_id = world.imported_key()

    world.here.delete_imported_key_material(KeyId=key)

    world.in_state(key, "PendingImport")
    described = world.describe(key)
    assert described["CurrentKeyMaterialId"] == material_id
    assert "ExpirationModel" not in described


# --- rotation -------------------------------------------------------------------------------------------------------


@behaviour("recorded: test_rotate_on_demand_returns_arn_for_key_id, 2025-11-06")
def test_a_rotation_answers_with_the_arn(world: World) -> None:
    key = world.key()

    assert world.here.rotate_key_on_demand(KeyId=id_of(key))["KeyId"] == key


@behaviour("recorded: test_rotate_key_on_demand_raises_for_no_pending_key_material, 2025-11-19")
def test_a_rotation_says_that_no_material_is_pending(world: World) -> None:
    key, _ = world.imported_key()

    refused = world.refused("KMSInvalidStateException", world.here.rotate_key_on_demand, KeyId=id_of(key))

    assert message(refused) == f"No available key material pending rotation for the key: {key}."


@behaviour(
    "recorded: test_rotate_key_on_demand_raises_error_given_key_is_disabled, 2025-03-08",
    "recorded: test_rotate_key_on_demand_raises_error_given_non_symmetric_key, 2025-03-08",
    assumed="that keys of elliptic curves are treated as the RSA keys that were recorded",
)
def test_the_state_of_a_key_counts_before_its_kind_when_it_is_rotated(world: World) -> None:
    key = world.key(**ECC)
    kind = world.refused("UnsupportedOperationException", world.here.rotate_key_on_demand, KeyId=id_of(key))
    world.here.disable_key(KeyId=id_of(key))

    world.refused("DisabledException", world.here.rotate_key_on_demand, KeyId=id_of(key))

    assert message(kind) == ""


@pytest.mark.parametrize("days", [90, 180])
@behaviour("recorded: test_key_enable_rotation_status, 2025-03-02")
def test_automatic_rotation_tells_its_period_and_its_next_date(world: World, days: int) -> None:
    key = world.key()

    world.here.enable_key_rotation(KeyId=id_of(key), RotationPeriodInDays=days)

    answer = world.here.get_key_rotation_status(KeyId=id_of(key))
    assert (answer["KeyId"], answer["KeyRotationEnabled"], answer["RotationPeriodInDays"]) == (key, True, days)
    assert abs(answer["NextRotationDate"] - world.now - timedelta(days=days)) < timedelta(days=1)


@behaviour("recorded: test_rotate_key_on_demand_with_symmetric_key_and_automatic_rotation_enabled, 2025-03-12")
def test_a_rotation_on_demand_leaves_the_next_date_alone(world: World) -> None:
    key = world.key()
    world.here.enable_key_rotation(KeyId=id_of(key))
    before = world.here.get_key_rotation_status(KeyId=id_of(key))

    world.here.rotate_key_on_demand(KeyId=id_of(key))

    after = world.here.get_key_rotation_status(KeyId=id_of(key))
    assert after["NextRotationDate"] == before["NextRotationDate"]
    assert after["RotationPeriodInDays"] == 365


@behaviour("recorded: test_rotate_key_on_demand_with_symmetric_key_and_automatic_rotation_disabled, 2025-11-10")
def test_without_automatic_rotation_there_are_no_dates(world: World) -> None:
    key = world.key()

    answer = world.here.get_key_rotation_status(KeyId=id_of(key))

    del answer["ResponseMetadata"]
    assert answer == {"KeyId": key, "KeyRotationEnabled": False}


# --- replicas -------------------------------------------------------------------------------------------------------


@behaviour("recorded: test_replicate_key, 2025-11-10")
def test_the_answer_of_replicate_key_is_a_key_that_is_being_created(world: World) -> None:
    primary = world.key(MultiRegion=True)

    answer = world.here.replicate_key(KeyId=id_of(primary), ReplicaRegion=world.target.away)

    replica = answer["ReplicaKeyMetadata"]
    world.remember(world.away, replica["Arn"])
    assert (replica["KeyState"], replica["Enabled"]) == ("Creating", False)
    assert "CurrentKeyMaterialId" not in replica
    assert "ReplicaTags" not in answer


@behaviour("recorded: test_replicate_key, 2025-11-10")
def test_a_replica_shows_the_material_of_the_primary_once_it_is_enabled(world: World) -> None:
    primary = world.key(MultiRegion=True)

    replica = world.replicate(primary)

    described = world.describe(replica, world.away)
    assert described["CurrentKeyMaterialId"] == world.describe(primary)["CurrentKeyMaterialId"]


@behaviour(
    "kms:DescribeKey", "facts 2.1", assumed="all of it: no recording has such a replica, and it can be hidden here"
)
def test_a_fresh_replica_of_an_imported_key_shows_the_material_of_the_primary(world: World) -> None:
    primary, material_id = world.imported_key(MultiRegion=True)

    replica = world.replicate(primary)

    assert world.describe(replica, world.away)["CurrentKeyMaterialId"] == material_id


@behaviour("recorded: test_replicate_replica_key_should_fail, 2025-09-08")
def test_a_replica_is_no_source_even_for_its_own_region(world: World) -> None:
    replica = world.replicate(world.key(MultiRegion=True))

    refused = world.refused(
        "UnsupportedOperationException",
        world.away.replicate_key,
        KeyId=id_of(replica),
        ReplicaRegion=world.target.away,
    )

    assert message(refused) == f"{replica} is not a multi-region primary key."
