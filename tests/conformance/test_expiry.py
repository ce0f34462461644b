"""What happens when imported key material expires."""

from datetime import timedelta

import pytest

from .behaviour import behaviour
from .world import DAY, World, id_of

MATERIAL, OTHER = bytes(range(32)), bytes(32)
EXPIRATION = "KMS Imported Key Material Expiration"
SERVICE_EVENT = "AWS Service Event via CloudTrail"


def expired_key(world: World) -> tuple[str, str]:
    key = world.external_key()
    material_id = world.give(key, MATERIAL, ValidTo=world.shortly)
    world.pass_until(world.shortly)
    world.in_state(key, "PendingImport")
    return key, material_id


@behaviour("kms:ImportKeyMaterial", "facts 1.2")
def test_a_key_is_pending_import_when_its_material_is_expired(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.shortly)

    world.pass_until(world.shortly)

    world.in_state(key, "PendingImport")


@behaviour("kms:ImportKeyMaterial", assumed="to the second")
def test_material_works_until_the_second_before_its_expiry(world: World) -> None:
    world.needs_settable_clock()
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.shortly)

    world.pass_until(world.shortly - timedelta(seconds=1))

    assert world.state(key) == "Enabled"
    assert world.here.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]


@behaviour("guide: key-state")
def test_no_data_key_is_made_under_expired_material(world: World) -> None:
    key, _ = expired_key(world)

    world.refused("KMSInvalidStateException", world.here.generate_data_key, KeyId=key, KeySpec="AES_256")


@behaviour("guide: key-state")
def test_nothing_opens_under_expired_material(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.shortly)
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    world.pass_until(world.shortly)

    world.refused("KMSInvalidStateException", world.here.decrypt, CiphertextBlob=blob)


@behaviour("kms:ImportKeyMaterial", "guide: importing-keys-import-key-material")
def test_the_same_bytes_bring_everything_back_after_an_expiry(world: World) -> None:
    key = world.external_key()
    material_id = world.give(key, MATERIAL, ValidTo=world.shortly)
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    world.pass_until(world.shortly)
    world.in_state(key, "PendingImport")

    assert world.give(key, MATERIAL) == material_id

    world.in_state(key, "Enabled")
    assert world.here.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@behaviour("kms:ImportKeyMaterial")
def test_other_bytes_do_not_replace_expired_ones(world: World) -> None:
    key, _ = expired_key(world)

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=OTHER)


@behaviour("kms:DescribeKey", "kms:ListKeyRotations", assumed="that ValidTo goes with the bytes")
def test_expired_material_is_listed_as_waiting_for_import(world: World) -> None:
    key, material_id = expired_key(world)

    entry = world.materials(key)[material_id]

    assert (entry["ImportState"], entry["KeyMaterialState"]) == ("PENDING_IMPORT", "CURRENT")
    assert "ValidTo" not in world.describe(key)


@behaviour("kms:EnableKey", "guide: key-state")
def test_a_key_with_expired_material_is_not_enabled_by_hand(world: World) -> None:
    key, _ = expired_key(world)

    world.refused("KMSInvalidStateException", world.here.enable_key, KeyId=id_of(key))


@behaviour("kms:DisableKey", "guide: key-state")
def test_a_key_with_expired_material_is_not_disabled(world: World) -> None:
    key, _ = expired_key(world)

    world.refused("KMSInvalidStateException", world.here.disable_key, KeyId=id_of(key))


@behaviour("guide: kms-events", "facts 1.9")
def test_an_expiry_is_told_to_eventbridge(world: World) -> None:
    world.needs_settable_clock()
    key, material_id = expired_key(world)

    (event,) = world.events(EXPIRATION, key)

    assert (event["source"], event["region"], event["resources"]) == ("aws.kms", key.split(":")[3], [key])
    assert event["detail"] == {"key-id": key.rpartition("/")[2], "key-material-id": material_id}


@behaviour("guide: kms-events", "facts 1.9")
def test_an_expiry_is_not_told_before_it_happens(world: World) -> None:
    world.needs_settable_clock()
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.shortly)

    world.pass_until(world.shortly - timedelta(seconds=1))
    world.state(key)
    before = world.events(EXPIRATION, key)
    world.pass_until(world.shortly)
    world.state(key)

    assert (before, len(world.events(EXPIRATION, key))) == ([], 1)


@behaviour("guide: ct-deleteexpiredkeymaterial", "facts 1.9")
def test_an_expiry_is_in_the_trail(world: World) -> None:
    world.needs_settable_clock()
    key, material_id = expired_key(world)

    (event,) = world.events(SERVICE_EVENT, key)

    assert event["detail"]["eventName"] == "DeleteExpiredKeyMaterial"
    assert event["detail"]["serviceEventDetails"]["keyMaterialId"] == material_id


@behaviour("kms:ImportKeyMaterial", "kms:RotateKeyOnDemand", "facts 1.5")
def test_one_expired_material_of_several_stops_the_whole_key(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.shortly)
    world.give(key, OTHER, ImportType="NEW_KEY_MATERIAL")
    world.here.rotate_key_on_demand(KeyId=key)

    world.pass_until(world.shortly)

    world.in_state(key, "PendingImport")
    world.refused("KMSInvalidStateException", world.here.generate_data_key, KeyId=key, KeySpec="AES_256")


@behaviour("kms:DescribeKey", "facts 1.5")
def test_the_description_shows_the_earliest_expiry_of_several_materials(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.now + 20 * DAY)
    world.give(key, OTHER, ImportType="NEW_KEY_MATERIAL", ValidTo=world.now + 10 * DAY)
    world.here.rotate_key_on_demand(KeyId=key)

    assert world.describe(key)["ValidTo"] == world.now + 10 * DAY


@behaviour("kms:DescribeKey")
def test_the_description_leaves_out_the_expiry_of_material_that_is_pending_rotation(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.now + 20 * DAY)

    world.give(key, OTHER, ImportType="NEW_KEY_MATERIAL", ValidTo=world.now + 10 * DAY)

    assert world.describe(key)["ValidTo"] == world.now + 20 * DAY


@behaviour("facts 1.5", assumed="that pending material may expire without stopping the key")
def test_pending_material_that_expires_stops_nothing(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    world.give(key, OTHER, ImportType="NEW_KEY_MATERIAL", ValidTo=world.shortly)

    world.pass_until(world.shortly)

    world.in_state(key, "Enabled")
    world.refused("KMSInvalidStateException", world.here.rotate_key_on_demand, KeyId=key)


@behaviour("guide: key-state", assumed="the state of a key whose material expires while it is Disabled")
def test_a_disabled_key_whose_material_expires_is_pending_import(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.shortly)
    world.here.disable_key(KeyId=id_of(key))

    world.pass_until(world.shortly)

    world.in_state(key, "PendingImport")


@behaviour("guide: multi-region-keys-import", "facts 1.6")
def test_an_expiry_in_one_region_leaves_the_other_alone(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    world.give(primary, MATERIAL, ValidTo=world.shortly)
    replica = world.replicate(primary)
    world.give(replica, MATERIAL, world.away)

    world.pass_until(world.shortly)

    world.in_state(primary, "PendingImport")
    assert world.state(replica, world.away) == "Enabled"


@pytest.mark.parametrize("spec", ["HMAC_256"])
@behaviour("kms:ImportKeyMaterial", "guide: importing-keys")
def test_the_material_of_a_mac_key_expires_too(world: World, spec: str) -> None:
    key = world.external_key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")
    world.give(key, MATERIAL, ValidTo=world.shortly)

    world.pass_until(world.shortly)

    world.in_state(key, "PendingImport")
    world.refused(
        "KMSInvalidStateException", world.here.generate_mac, KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256"
    )
