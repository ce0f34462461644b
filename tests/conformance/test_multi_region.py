"""Related multi-Region keys: replication, imports in each Region, rotation in order, deletion."""

from typing import Any

import pytest

from .behaviour import behaviour
from .world import DAY, TAG, World, id_of

MATERIAL, OTHER = bytes(range(32)), bytes(32)
NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"


def related_keys(world: World, origin: str = "EXTERNAL") -> tuple[str, str]:
    """Primary here and replica away, both Enabled."""
    primary = world.key(MultiRegion=True, Origin=origin)
    if origin == "EXTERNAL":
        world.give(primary, MATERIAL)
    replica = world.replicate(primary)
    if origin == "EXTERNAL":
        world.give(replica, MATERIAL, world.away)
    return primary, replica


@behaviour("guide: multi-region-keys-overview")
def test_related_keys_share_an_id_that_begins_with_mrk(world: World) -> None:
    primary, replica = related_keys(world, "AWS_KMS")

    assert primary.rpartition("/")[2] == replica.rpartition("/")[2]
    assert primary.rpartition("/")[2].startswith("mrk-")


@behaviour("kms:DescribeKey")
def test_both_keys_describe_who_is_primary_and_who_replica(world: World) -> None:
    primary, replica = related_keys(world, "AWS_KMS")

    described = [
        world.describe(key, client)["MultiRegionConfiguration"]
        for key, client in ((primary, world.here), (replica, world.away))
    ]

    assert [one["MultiRegionKeyType"] for one in described] == ["PRIMARY", "REPLICA"]
    assert [one["PrimaryKey"]["Arn"] for one in described] == [primary, primary]
    assert [[key["Arn"] for key in one["ReplicaKeys"]] for one in described] == [[replica], [replica]]


@behaviour("kms:ReplicateKey", "facts 1.6")
def test_a_replica_of_an_imported_key_starts_without_material(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    world.give(primary, MATERIAL)

    replica = world.replicate(primary)

    assert world.state(replica, world.away) == "PendingImport"


@behaviour("kms:ReplicateKey")
def test_a_replica_of_a_key_that_kms_made_works_at_once(world: World) -> None:
    primary = world.key(MultiRegion=True)

    replica = world.replicate(primary)

    assert world.away.generate_data_key(KeyId=replica, KeySpec="AES_256")["KeyId"] == replica


@behaviour("guide: multi-region-keys-import", "facts 1.6")
def test_a_replica_takes_only_the_primarys_bytes(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    world.give(primary, MATERIAL)
    replica = world.replicate(primary)

    world.refused("IncorrectKeyMaterialException", world.give, arn=replica, material=OTHER, client=world.away)


@behaviour("facts 1.5", "guide: rotating-keys")
def test_a_material_has_the_same_id_in_each_region(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    material_id = world.give(primary, MATERIAL)
    replica = world.replicate(primary)

    assert world.give(replica, MATERIAL, world.away) == material_id


@behaviour("kms:ImportKeyMaterial", assumed="the error code")
def test_new_material_is_not_imported_into_a_replica(world: World) -> None:
    _, replica = related_keys(world)

    world.refused(
        ("UnsupportedOperationException", "KMSInvalidStateException", "IncorrectKeyMaterialException"),
        world.give,
        arn=replica,
        material=OTHER,
        client=world.away,
        ImportType=NEW,
    )


@behaviour("kms:ListKeyRotations", "facts 1.5")
def test_new_material_waits_for_its_import_into_each_replica(world: World) -> None:
    primary, _ = related_keys(world)

    pending = world.give(primary, OTHER, ImportType=NEW)

    assert world.material_states(primary)[pending] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


@behaviour("kms:ImportKeyMaterial", "kms:RotateKeyOnDemand")
def test_related_keys_are_not_rotated_before_each_replica_has_the_material(world: World) -> None:
    primary, _ = related_keys(world)
    world.give(primary, OTHER, ImportType=NEW)

    world.refused("KMSInvalidStateException", world.here.rotate_key_on_demand, KeyId=primary)


@behaviour("kms:ListKeyRotations", "facts 1.5")
def test_material_that_each_replica_has_is_ready_for_rotation(world: World) -> None:
    primary, replica = related_keys(world)
    pending = world.give(primary, OTHER, ImportType=NEW)

    world.give(replica, OTHER, world.away, ImportType=EXISTING)

    world.eventually(lambda: world.material_states(primary)[pending] == "PENDING_ROTATION", "not ready")


@behaviour("kms:RotateKeyOnDemand")
def test_a_rotation_at_the_primary_rotates_the_replica(world: World) -> None:
    primary, replica = related_keys(world)
    pending = world.give(primary, OTHER, ImportType=NEW)
    world.give(replica, OTHER, world.away, ImportType=EXISTING)

    world.here.rotate_key_on_demand(KeyId=primary)

    world.eventually(
        lambda: world.describe(replica, world.away)["CurrentKeyMaterialId"] == pending, "the replica did not rotate"
    )


@behaviour("kms:RotateKeyOnDemand")
def test_a_replica_is_not_rotated_by_itself(world: World) -> None:
    _, replica = related_keys(world, "AWS_KMS")

    world.refused("UnsupportedOperationException", world.away.rotate_key_on_demand, KeyId=replica)


@behaviour("facts 1.5", assumed="the state of material that was pending before there was a replica")
def test_a_new_replica_has_to_get_the_pending_material_too(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    world.give(primary, MATERIAL)
    pending = world.give(primary, OTHER, ImportType=NEW)

    world.replicate(primary)

    assert world.material_states(primary)[pending] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


@pytest.mark.parametrize("origin", ["AWS_KMS", "EXTERNAL"])
@behaviour("guide: multi-region-keys-overview", "facts 2.1")
def test_related_keys_open_each_others_ciphertexts(world: World, origin: str) -> None:
    primary, replica = related_keys(world, origin)

    from_here = world.here.encrypt(KeyId=primary, Plaintext=b"h")["CiphertextBlob"]
    from_away = world.away.encrypt(KeyId=replica, Plaintext=b"a")["CiphertextBlob"]

    assert world.away.decrypt(CiphertextBlob=from_here, KeyId=replica)["Plaintext"] == b"h"
    assert world.here.decrypt(CiphertextBlob=from_away, KeyId=primary)["Plaintext"] == b"a"


@behaviour("guide: importing-keys", "facts 1.6")
def test_unrelated_keys_with_the_same_bytes_do_not_open_each_others_ciphertexts(world: World) -> None:
    first, _ = world.imported_key(material=MATERIAL)
    second, _ = world.imported_key(material=MATERIAL)

    blob = world.here.encrypt(KeyId=first, Plaintext=b"x")["CiphertextBlob"]

    world.refused("IncorrectKeyException", world.here.decrypt, CiphertextBlob=blob, KeyId=second)


@behaviour("guide: importing-keys", "facts 1.6", "facts 2.2", assumed="the error code, known from public reports")
def test_unrelated_keys_with_the_same_bytes_do_not_bridge_regions(world: World) -> None:
    local, _ = world.imported_key(material=MATERIAL)
    world.imported_key(world.away, material=MATERIAL)

    blob = world.here.encrypt(KeyId=local, Plaintext=b"x")["CiphertextBlob"]

    world.refused("AccessDeniedException", world.away.decrypt, CiphertextBlob=blob)


@behaviour("facts 2.2")
def test_a_replica_stands_in_as_the_source_of_re_encrypt(world: World) -> None:
    primary, replica = related_keys(world, "AWS_KMS")
    local = world.key(world.away)
    blob = world.here.encrypt(KeyId=primary, Plaintext=b"x")["CiphertextBlob"]

    moved = world.away.re_encrypt(CiphertextBlob=blob, SourceKeyId=replica, DestinationKeyId=local)

    assert (moved["SourceKeyId"], moved["KeyId"]) == (replica, local)
    assert world.away.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=local)["Plaintext"] == b"x"


@behaviour("kms:ReplicateKey")
def test_a_single_region_key_is_not_replicated(world: World) -> None:
    key = world.key()

    world.refused("UnsupportedOperationException", world.replicate, arn=key)


@behaviour("kms:ReplicateKey")
def test_a_region_has_one_replica_at_most(world: World) -> None:
    primary, _ = related_keys(world, "AWS_KMS")

    world.refused("AlreadyExistsException", world.replicate, arn=primary)


@behaviour("kms:ReplicateKey")
def test_a_replica_is_not_replicated(world: World) -> None:
    _, replica = related_keys(world, "AWS_KMS")

    world.refused(
        "UnsupportedOperationException",
        world.away.replicate_key,
        KeyId=id_of(replica),
        ReplicaRegion="eu-west-1",
    )


@behaviour("guide: multi-region-keys-overview")
def test_a_disabled_primary_leaves_the_replica_enabled(world: World) -> None:
    primary, replica = related_keys(world, "AWS_KMS")

    world.here.disable_key(KeyId=id_of(primary))

    world.in_state(primary, "Disabled")
    assert world.state(replica, world.away) == "Enabled"


def tags(client: Any, key: str) -> set[str]:
    return {tag["TagKey"] for tag in client.list_resource_tags(KeyId=id_of(key))["Tags"]}


@behaviour("kms:ReplicateKey", "facts 2.1")
def test_a_replica_has_a_description_and_tags_of_its_own(world: World) -> None:
    primary = world.key(MultiRegion=True)
    replica = world.replicate(primary, Description="the other one")

    world.away.tag_resource(KeyId=id_of(replica), Tags=[{"TagKey": "only", "TagValue": "away"}])

    assert world.describe(replica, world.away)["Description"] == "the other one"
    assert world.describe(primary)["Description"] != "the other one"
    assert tags(world.away, replica) == {TAG, "only"}
    assert tags(world.here, primary) == {TAG}


@behaviour("kms:ScheduleKeyDeletion")
def test_a_primary_with_a_replica_waits_for_its_end(world: World) -> None:
    primary, _ = related_keys(world, "AWS_KMS")

    answer = world.here.schedule_key_deletion(KeyId=id_of(primary), PendingWindowInDays=7)

    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingReplicaDeletion", 7)
    assert "DeletionDate" not in answer
    described = world.describe(primary)
    assert (described["KeyState"], described["PendingDeletionWindowInDays"]) == ("PendingReplicaDeletion", 7)


@behaviour("guide: key-state", "facts 1.8")
def test_a_primary_that_waits_for_its_replicas_does_no_cryptography(world: World) -> None:
    primary, _ = related_keys(world, "AWS_KMS")
    world.here.schedule_key_deletion(KeyId=id_of(primary), PendingWindowInDays=7)

    world.refused(("KMSInvalidStateException", "DisabledException"), world.here.encrypt, KeyId=primary, Plaintext=b"x")


@behaviour("kms:ScheduleKeyDeletion")
def test_a_primarys_own_waiting_period_begins_when_the_last_replica_is_gone(world: World) -> None:
    world.needs_settable_clock()
    primary, replica = related_keys(world, "AWS_KMS")
    world.here.schedule_key_deletion(KeyId=id_of(primary), PendingWindowInDays=7)
    world.away.schedule_key_deletion(KeyId=id_of(replica), PendingWindowInDays=8)

    world.pass_until(world.now + 8 * DAY)
    world.refused("NotFoundException", world.away.describe_key, KeyId=replica)

    described = world.describe(primary)
    assert (described["KeyState"], described["DeletionDate"]) == ("PendingDeletion", world.now + 7 * DAY)


@behaviour("kms:CancelKeyDeletion")
def test_a_primary_is_kept_after_all(world: World) -> None:
    primary, _ = related_keys(world, "AWS_KMS")
    world.here.schedule_key_deletion(KeyId=id_of(primary), PendingWindowInDays=7)

    world.here.cancel_key_deletion(KeyId=id_of(primary))

    world.in_state(primary, "Disabled")


@behaviour("kms:UpdatePrimaryRegion")
def test_the_primary_changes_places_with_a_replica(world: World) -> None:
    primary, replica = related_keys(world, "AWS_KMS")

    world.here.update_primary_region(KeyId=primary, PrimaryRegion=world.target.away)

    world.eventually(
        lambda: world.describe(replica, world.away)["MultiRegionConfiguration"]["PrimaryKey"]["Arn"] == replica,
        "still the old primary",
    )
    world.in_state(replica, "Enabled", world.away)
    world.in_state(primary, "Enabled")
    assert world.describe(primary)["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"


@behaviour("kms:UpdatePrimaryRegion")
def test_the_primary_moves_only_to_a_region_with_a_replica(world: World) -> None:
    primary = world.key(MultiRegion=True)

    world.refused("NotFoundException", world.here.update_primary_region, KeyId=primary, PrimaryRegion=world.target.away)


@behaviour("guide: importing-keys", "facts 1.6")
def test_a_mac_key_is_replicated_and_imported_in_each_region(world: World) -> None:
    primary = world.external_key(MultiRegion=True, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    world.give(primary, MATERIAL)
    replica = world.replicate(primary)

    world.give(replica, MATERIAL, world.away)

    macs = [
        client.generate_mac(KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
        for key, client in ((primary, world.here), (replica, world.away))
    ]
    assert macs[0] == macs[1]


@behaviour("kms:ReplicateKey")
def test_a_primary_is_named_by_its_arn_as_well(world: World) -> None:
    primary = world.key(MultiRegion=True)

    answer = world.here.replicate_key(KeyId=primary, ReplicaRegion=world.target.away)

    world.remember(world.away, answer["ReplicaKeyMetadata"]["Arn"])
    assert answer["ReplicaKeyMetadata"]["Arn"].split(":")[3] == world.target.away


@behaviour("kms:EnableKeyRotation", "facts 2.1")
def test_automatic_rotation_is_set_at_the_primary_for_all(world: World) -> None:
    primary, replica = related_keys(world, "AWS_KMS")

    world.here.enable_key_rotation(KeyId=id_of(primary))

    world.eventually(
        lambda: world.away.get_key_rotation_status(KeyId=id_of(replica))["KeyRotationEnabled"],
        "the replica is not told",
    )


@behaviour("kms:EnableKeyRotation", assumed="the error code")
def test_automatic_rotation_is_not_set_at_a_replica(world: World) -> None:
    _, replica = related_keys(world, "AWS_KMS")

    world.refused("UnsupportedOperationException", world.away.enable_key_rotation, KeyId=id_of(replica))


@behaviour("facts 1.5", assumed="that an expiry at a replica takes the primary's material back to waiting")
def test_material_that_expires_at_a_replica_before_the_rotation_has_to_be_imported_again(world: World) -> None:
    primary, replica = related_keys(world)
    pending = world.give(primary, OTHER, ImportType=NEW)
    world.give(replica, OTHER, world.away, ImportType=EXISTING, ValidTo=world.shortly)

    world.pass_until(world.shortly)

    world.refused("KMSInvalidStateException", world.here.rotate_key_on_demand, KeyId=primary)
    assert world.material_states(primary)[pending] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"


@behaviour("kms:ImportKeyMaterial", "facts 1.5", assumed="that a replica's copy alone keeps a second one out")
def test_new_material_does_not_push_out_what_another_region_still_has(world: World) -> None:
    primary, replica = related_keys(world)
    world.give(primary, OTHER, ImportType=NEW, ValidTo=world.shortly)
    world.give(replica, OTHER, world.away, ImportType=EXISTING)
    world.pass_until(world.shortly)

    world.refused(
        ("KMSInvalidStateException", "LimitExceededException"),
        world.give,
        arn=primary,
        material=bytes(31) + b"\x01",
        ImportType=NEW,
    )
