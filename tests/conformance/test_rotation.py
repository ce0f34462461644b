"""RotateKeyOnDemand and ListKeyRotations."""

from typing import Any

import pytest

from .behaviour import behaviour
from .world import DAY, World, id_of

MATERIAL, OTHER, THIRD = bytes(range(32)), bytes(32), bytes(31) + b"\x01"
NEW = "NEW_KEY_MATERIAL"
ROTATIONS = 25  # facts 1.5


def current_id(world: World, key: str) -> Any:
    return world.describe(key)["CurrentKeyMaterialId"]


def rotate(world: World, key: str) -> None:
    """And waits until it is done; KMS rotates behind the answer."""
    before = current_id(world, key)
    world.here.rotate_key_on_demand(KeyId=key)
    world.eventually(lambda: current_id(world, key) != before, "the current material did not change")


@behaviour("kms:RotateKeyOnDemand")
def test_old_ciphertexts_open_after_a_rotation(world: World) -> None:
    key = world.key()
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    rotate(world, key)

    assert world.here.decrypt(CiphertextBlob=blob, KeyId=key)["Plaintext"] == b"x"


@behaviour("kms:DescribeKey", "kms:RotateKeyOnDemand")
def test_a_rotation_changes_the_current_material(world: World) -> None:
    key = world.key()
    before = current_id(world, key)

    rotate(world, key)

    made = world.here.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert made["KeyMaterialId"] == current_id(world, key) != before


@behaviour("kms:Decrypt")
def test_decrypt_says_which_material_a_ciphertext_was_under(world: World) -> None:
    key = world.key()
    before = current_id(world, key)
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    rotate(world, key)

    assert world.here.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == before


@behaviour("kms:RotateKeyOnDemand", "facts 1.5", "recorded: test_key_rotations_limits, 2025-04-03")
def test_a_key_is_rotated_on_demand_25_times_at_most(world: World) -> None:
    key = world.key()
    for _ in range(ROTATIONS):
        rotate(world, key)

    refused = world.refused("LimitExceededException", world.here.rotate_key_on_demand, KeyId=key)

    said = "The on-demand rotations limit has been reached for the given keyId."
    assert refused.response["Error"]["Message"].startswith(said)


@behaviour("kms:RotateKeyOnDemand")
def test_an_imported_key_without_new_material_is_not_rotated(world: World) -> None:
    key, _ = world.imported_key()

    world.refused("KMSInvalidStateException", world.here.rotate_key_on_demand, KeyId=key)


@behaviour("kms:ImportKeyMaterial", "kms:ListKeyRotations")
def test_new_material_waits_for_the_rotation(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)

    second = world.give(key, OTHER, ImportType=NEW)

    assert world.material_states(key) == {first: "CURRENT", second: "PENDING_ROTATION"}
    assert current_id(world, key) == first


@behaviour(
    "facts 1.5", "recorded: test_import_key_material_raises_if_there_is_already_key_material_pending, 2025-11-10"
)
def test_a_second_new_material_is_refused_while_one_waits(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    pending = world.give(key, OTHER, ImportType=NEW)

    refused = world.refused("KMSInvalidStateException", world.give, arn=key, material=THIRD, ImportType=NEW)

    before, _, after = refused.response["Error"]["Message"].partition(
        f" cannot be imported into KMS key {key}, because "
    )
    assert before.startswith("New key material (id: ")
    assert after == f"another key material (id: {pending}) is pending rotation."


@behaviour("kms:RotateKeyOnDemand", "kms:ListKeyRotations")
def test_a_rotation_makes_the_new_material_current_and_keeps_the_old(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)
    second = world.give(key, OTHER, ImportType=NEW)

    rotate(world, key)

    assert world.material_states(key) == {first: "NON_CURRENT", second: "CURRENT"}


@behaviour("kms:RotateKeyOnDemand")
def test_old_ciphertexts_open_after_new_material_was_rotated_in(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    world.give(key, OTHER, ImportType=NEW)

    rotate(world, key)

    assert world.here.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@behaviour("kms:ListKeyRotations", "facts 1.5")
def test_the_list_of_rotations_leaves_out_the_first_material(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    second = world.give(key, OTHER, ImportType=NEW)
    rotate(world, key)

    listed = world.here.list_key_rotations(KeyId=key)["Rotations"]

    assert [entry["KeyMaterialId"] for entry in listed] == [second]


@behaviour("kms:ListKeyRotations")
def test_all_key_material_includes_the_first_and_the_pending(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)
    pending = world.give(key, OTHER, ImportType=NEW)

    listed = world.materials(key, include="ALL_KEY_MATERIAL")

    assert set(listed) == {first, pending}


@behaviour("kms:ListKeyRotations")
def test_rotations_only_leaves_out_the_pending_material(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    world.give(key, OTHER, ImportType=NEW)

    assert world.materials(key, include="ROTATIONS_ONLY") == {}


@behaviour("kms:ListKeyRotations")
def test_an_entry_tells_import_state_and_expiry(world: World) -> None:
    key = world.external_key()
    material_id = world.give(key, MATERIAL, ValidTo=world.now + 9 * DAY)

    entry = world.materials(key)[material_id]

    assert (entry["ImportState"], entry["ExpirationModel"]) == ("IMPORTED", "KEY_MATERIAL_EXPIRES")
    assert entry["ValidTo"] == world.now + 9 * DAY


@behaviour("kms:ListKeyRotations")
def test_an_entry_tells_when_and_why_it_was_rotated(world: World) -> None:
    key = world.key()

    rotate(world, key)

    (entry,) = world.here.list_key_rotations(KeyId=key)["Rotations"]
    assert entry["RotationType"] == "ON_DEMAND"
    assert abs(entry["RotationDate"] - world.now) < DAY


@behaviour("kms:ListKeyRotations")
def test_the_list_comes_in_pages(world: World) -> None:
    key = world.key()
    for _ in range(3):
        rotate(world, key)

    first = world.here.list_key_rotations(KeyId=key, Limit=2)
    second = world.here.list_key_rotations(KeyId=key, Limit=2, Marker=first["NextMarker"])

    assert (len(first["Rotations"]), first["Truncated"]) == (2, True)
    assert (len(second["Rotations"]), second["Truncated"]) == (1, False)


@behaviour("kms:ListKeyRotations")
def test_a_marker_that_was_never_given_is_invalid(world: World) -> None:
    key = world.key()

    world.refused("InvalidMarkerException", world.here.list_key_rotations, KeyId=key, Marker="nonsense")


@pytest.mark.parametrize("spec", ["HMAC_256", "ECC_NIST_P256"])
@behaviour("kms:RotateKeyOnDemand")
def test_keys_that_are_not_symmetric_encryption_keys_are_not_rotated(world: World, spec: str) -> None:
    usage = "GENERATE_VERIFY_MAC" if spec.startswith("HMAC") else "SIGN_VERIFY"
    key = world.key(KeySpec=spec, KeyUsage=usage)

    world.refused("UnsupportedOperationException", world.here.rotate_key_on_demand, KeyId=key)


@pytest.mark.parametrize("spec", ["HMAC_256", "ECC_NIST_P256"])
@behaviour("kms:ListKeyRotations")
def test_keys_that_are_not_symmetric_encryption_keys_list_no_rotations(world: World, spec: str) -> None:
    usage = "GENERATE_VERIFY_MAC" if spec.startswith("HMAC") else "SIGN_VERIFY"
    key = world.key(KeySpec=spec, KeyUsage=usage)

    world.refused("UnsupportedOperationException", world.here.list_key_rotations, KeyId=key)


@behaviour("kms:RotateKeyOnDemand", "guide: key-state")
def test_a_disabled_key_is_not_rotated(world: World) -> None:
    key = world.key()
    world.here.disable_key(KeyId=id_of(key))

    world.refused("DisabledException", world.here.rotate_key_on_demand, KeyId=key)


@behaviour("kms:ImportKeyMaterial", "guide: rotating-keys")
def test_a_key_is_enabled_only_when_each_permanent_material_is_back(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)
    world.give(key, OTHER, ImportType=NEW)
    rotate(world, key)
    world.here.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    world.here.delete_imported_key_material(KeyId=key)

    world.give(key, OTHER)
    still_pending = world.state(key)
    world.give(key, MATERIAL)

    assert still_pending == "PendingImport"
    world.in_state(key, "Enabled")


@behaviour("kms:EnableKeyRotation", "guide: key-state")
def test_imported_keys_have_no_automatic_rotation(world: World) -> None:
    key, _ = world.imported_key()

    world.refused("UnsupportedOperationException", world.here.enable_key_rotation, KeyId=key)


@behaviour("kms:EnableKeyRotation")
def test_automatic_rotation_is_switched_on_for_keys_that_kms_made(world: World) -> None:
    key = world.key()

    world.here.enable_key_rotation(KeyId=key)

    world.eventually(lambda: world.here.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], "still off")


@behaviour("guide: kms-events", "facts 1.9")
def test_a_rotation_is_told_to_eventbridge(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)
    second = world.give(key, OTHER, ImportType=NEW)

    rotate(world, key)

    (event,) = world.events("KMS CMK Rotation", key)
    assert event["detail"] == {
        "key-id": key.rpartition("/")[2],
        "key-origin": "EXTERNAL",
        "rotation-type": "ON_DEMAND",
        "previous-key-material-id": first,
        "current-key-material-id": second,
    }
