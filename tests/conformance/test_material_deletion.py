"""DeleteImportedKeyMaterial."""

from .behaviour import behaviour
from .world import World, id_of

MATERIAL, OTHER = bytes(range(32)), bytes(32)
NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"


def rotated_key(world: World) -> tuple[str, str, str]:
    """A key with a NON_CURRENT and a CURRENT material."""
    key, first = world.imported_key(material=MATERIAL)
    second = world.give(key, OTHER, ImportType=NEW)
    world.here.rotate_key_on_demand(KeyId=key)
    world.eventually(lambda: world.material_states(key)[second] == "CURRENT", "not rotated")
    return key, first, second


@behaviour("kms:DeleteImportedKeyMaterial")
def test_a_key_without_its_material_is_pending_import(world: World) -> None:
    key, _ = world.imported_key()

    world.here.delete_imported_key_material(KeyId=key)

    world.in_state(key, "PendingImport")
    world.refused("KMSInvalidStateException", world.here.encrypt, KeyId=key, Plaintext=b"x")


@behaviour("kms:DeleteImportedKeyMaterial")
def test_the_answer_names_key_and_material(world: World) -> None:
    key, material_id = world.imported_key()

    answer = world.here.delete_imported_key_material(KeyId=key)

    assert (answer["KeyId"], answer["KeyMaterialId"]) == (key, material_id)


@behaviour("kms:DeleteImportedKeyMaterial", "facts 1.4")
def test_without_an_id_the_current_material_is_deleted(world: World) -> None:
    key, first, second = rotated_key(world)

    world.here.delete_imported_key_material(KeyId=key)

    imported = {name: entry["ImportState"] for name, entry in world.materials(key).items()}
    assert imported == {first: "IMPORTED", second: "PENDING_IMPORT"}


@behaviour("kms:DeleteImportedKeyMaterial", "facts 1.5")
def test_deleting_material_that_is_not_current_stops_the_key_as_well(world: World) -> None:
    key, first, _ = rotated_key(world)

    answer = world.here.delete_imported_key_material(KeyId=key, KeyMaterialId=first)

    assert answer["KeyMaterialId"] == first
    world.in_state(key, "PendingImport")


@behaviour("kms:DeleteImportedKeyMaterial", "facts 1.4")
def test_deleting_pending_material_leaves_the_key_enabled(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    pending = world.give(key, OTHER, ImportType=NEW)

    world.here.delete_imported_key_material(KeyId=key, KeyMaterialId=pending)

    assert world.state(key) == "Enabled"


@behaviour("facts 1.4", assumed="that deleted pending material is no longer listed")
def test_pending_material_is_forgotten_when_it_is_deleted(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)
    pending = world.give(key, OTHER, ImportType=NEW)

    world.here.delete_imported_key_material(KeyId=key, KeyMaterialId=pending)

    assert list(world.materials(key)) == [first]


@behaviour("kms:DeleteImportedKeyMaterial", assumed="the error code")
def test_material_that_the_key_never_had_is_not_found(world: World) -> None:
    key, _ = world.imported_key()

    world.refused("NotFoundException", world.here.delete_imported_key_material, KeyId=key, KeyMaterialId="0" * 64)


@behaviour("kms:DeleteImportedKeyMaterial")
def test_a_key_that_is_pending_deletion_stays_so(world: World) -> None:
    key, _ = world.imported_key()
    world.here.schedule_key_deletion(KeyId=id_of(key), PendingWindowInDays=7)

    world.here.delete_imported_key_material(KeyId=key)

    assert world.state(key) == "PendingDeletion"


@behaviour("guide: key-state")
def test_a_second_deletion_has_no_effect(world: World) -> None:
    key, _ = world.imported_key()
    world.here.delete_imported_key_material(KeyId=key)

    world.here.delete_imported_key_material(KeyId=key)

    assert world.state(key) == "PendingImport"


@behaviour("guide: key-state")
def test_deleting_from_a_key_that_never_had_material_has_no_effect(world: World) -> None:
    key = world.external_key()

    world.here.delete_imported_key_material(KeyId=key)

    assert world.state(key) == "PendingImport"


@behaviour("kms:DeleteImportedKeyMaterial")
def test_material_that_kms_made_is_not_deleted(world: World) -> None:
    key = world.key()

    world.refused("UnsupportedOperationException", world.here.delete_imported_key_material, KeyId=key)


@behaviour("kms:DeleteImportedKeyMaterial")
def test_a_deletion_at_the_replica_leaves_the_primary_enabled(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    world.give(primary, MATERIAL)
    replica = world.replicate(primary)
    world.give(replica, MATERIAL, world.away)

    world.away.delete_imported_key_material(KeyId=replica)

    world.in_state(replica, "PendingImport", world.away)
    assert world.state(primary) == "Enabled"


@behaviour("kms:DeleteImportedKeyMaterial")
def test_pending_material_deleted_at_the_primary_goes_from_the_replica_too(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    first = world.give(primary, MATERIAL)
    replica = world.replicate(primary)
    world.give(replica, MATERIAL, world.away)
    pending = world.give(primary, OTHER, ImportType=NEW)
    world.give(replica, OTHER, world.away, ImportType=EXISTING)

    world.here.delete_imported_key_material(KeyId=primary, KeyMaterialId=pending)

    world.eventually(
        lambda: (
            [n for n, e in world.materials(replica, world.away).items() if e["ImportState"] == "IMPORTED"] == [first]
        ),
        "the replica still has it",
    )


@behaviour("guide: ct-deleteimportedkeymaterial", "facts 1.9")
def test_a_deletion_is_in_the_trail(world: World) -> None:
    key, _ = world.imported_key()

    world.here.delete_imported_key_material(KeyId=key)

    event = world.events("AWS API Call via CloudTrail", key)[-1]
    assert event["detail"]["eventSource"] == "kms.amazonaws.com"
    assert (event["detail"]["eventName"], event["detail"]["requestParameters"]) == (
        "DeleteImportedKeyMaterial",
        {"keyId": key},
    )
