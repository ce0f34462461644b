"""ImportKeyMaterial: tokens, wrapping, expiration models, which bytes a key takes."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from .behaviour import behaviour
from .world import DAY, World, flipped, id_of, wrapped

MATERIAL, OTHER = bytes(range(32)), bytes(32)
EXPIRES, STAYS = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"
NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"
# a wrong parameter: AWS documents the rule, not the code
INVALID = ("ValidationException", "UnsupportedOperationException")


def importing(world: World, key: str, answer: Any = None, material: bytes = MATERIAL) -> Any:
    """A call of ImportKeyMaterial, ready but for what a case adds."""
    return partial(world.here.import_key_material, KeyId=key, **wrapped(answer or world.parameters(key), material))


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"])
@behaviour("kms:ImportKeyMaterial")
def test_material_wrapped_by_either_algorithm_enables_the_key(world: World, algorithm: str) -> None:
    key = world.external_key()

    world.give(key, MATERIAL, algorithm=algorithm)

    world.in_state(key, "Enabled")


@behaviour("kms:CreateKey")
def test_an_external_key_starts_pending_import(world: World) -> None:
    key = world.external_key()

    described = world.describe(key)

    assert (described["KeyState"], described["Enabled"], described["Origin"]) == ("PendingImport", False, "EXTERNAL")
    assert not {"CurrentKeyMaterialId", "ValidTo"} & set(described)


@behaviour("kms:ImportKeyMaterial", "facts 1.2", "recorded: test_import_key_symmetric, 2025-11-10")
def test_expiring_is_the_default_and_needs_a_date(world: World) -> None:
    key = world.external_key()

    refused = world.refused(INVALID, importing(world, key))

    said = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
    assert refused.response["Error"]["Message"] == said


@behaviour("kms:ImportKeyMaterial", assumed="the error code")
def test_an_expiry_in_the_past_is_refused(world: World) -> None:
    key = world.external_key()

    world.refused(INVALID, importing(world, key), ValidTo=world.now - DAY)


@behaviour("kms:ImportKeyMaterial", assumed="the error code")
def test_an_expiry_beyond_365_days_is_refused(world: World) -> None:
    key = world.external_key()

    world.refused(INVALID, importing(world, key), ValidTo=world.now + 366 * DAY)


@behaviour("kms:ImportKeyMaterial")
def test_an_expiry_just_within_365_days_is_taken(world: World) -> None:
    key = world.external_key()
    valid_to = world.now + 365 * DAY - timedelta(hours=1)

    importing(world, key)(ValidTo=valid_to)

    assert world.describe(key)["ValidTo"] == valid_to


@behaviour("kms:ImportKeyMaterial", assumed="the error code")
def test_an_expiry_for_material_that_does_not_expire_is_refused(world: World) -> None:
    key = world.external_key()

    world.refused(INVALID, importing(world, key), ValidTo=world.now + DAY, ExpirationModel=STAYS)


@behaviour("kms:DescribeKey")
def test_the_description_tells_when_material_expires(world: World) -> None:
    key = world.external_key()
    valid_to = world.now + 30 * DAY

    world.give(key, MATERIAL, ValidTo=valid_to)

    described = world.describe(key)
    assert (described["ExpirationModel"], described["ValidTo"]) == (EXPIRES, valid_to)


@behaviour("kms:DescribeKey")
def test_the_description_tells_that_material_does_not_expire(world: World) -> None:
    key, _ = world.imported_key()

    described = world.describe(key)

    assert described["ExpirationModel"] == STAYS
    assert "ValidTo" not in described


@behaviour("kms:DescribeKey")
def test_the_description_names_the_current_material(world: World) -> None:
    key, material_id = world.imported_key()

    assert world.describe(key)["CurrentKeyMaterialId"] == material_id


@pytest.mark.parametrize("length", [16, 31, 33, 64])
@behaviour("guide: importing-keys", "facts 1.2", assumed="the error code")
def test_symmetric_material_of_another_length_than_32_bytes_is_incorrect(world: World, length: int) -> None:
    key = world.external_key()

    world.refused("IncorrectKeyMaterialException", importing(world, key, material=bytes(length)), ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial", "facts 1.3")
def test_only_the_same_bytes_are_taken_again(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)

    world.refused("IncorrectKeyMaterialException", importing(world, key, material=OTHER), ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial")
def test_other_bytes_named_as_existing_are_incorrect(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)

    call = importing(world, key, material=OTHER)

    world.refused("IncorrectKeyMaterialException", call, ExpirationModel=STAYS, ImportType=EXISTING)


@behaviour("kms:ImportKeyMaterial", "facts 1.2")
def test_known_bytes_named_as_new_are_incorrect(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)

    world.refused("IncorrectKeyMaterialException", importing(world, key), ExpirationModel=STAYS, ImportType=NEW)


@behaviour("kms:ImportKeyMaterial")
def test_bytes_that_give_another_id_than_named_are_incorrect(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)

    world.refused("IncorrectKeyMaterialException", importing(world, key), ExpirationModel=STAYS, KeyMaterialId="0" * 64)


@behaviour("kms:ImportKeyMaterial", assumed="the error code")
def test_an_id_is_not_given_for_new_material(world: World) -> None:
    key, material_id = world.imported_key(material=MATERIAL)

    call = importing(world, key, material=OTHER)

    world.refused(INVALID, call, ExpirationModel=STAYS, ImportType=NEW, KeyMaterialId=material_id)


@behaviour("kms:ImportKeyMaterial", assumed="the error code")
def test_a_key_without_material_has_no_existing_material(world: World) -> None:
    key = world.external_key()

    world.refused("IncorrectKeyMaterialException", importing(world, key), ExpirationModel=STAYS, ImportType=EXISTING)


@behaviour("kms:ImportKeyMaterial")
def test_the_same_bytes_named_by_their_id_are_taken(world: World) -> None:
    key, material_id = world.imported_key(material=MATERIAL)

    answer = importing(world, key)(ExpirationModel=STAYS, ImportType=EXISTING, KeyMaterialId=material_id)

    assert answer["KeyMaterialId"] == material_id


@behaviour("kms:ImportKeyMaterial")
def test_a_material_id_is_64_hex_digits_and_does_not_change(world: World) -> None:
    key, first = world.imported_key(material=MATERIAL)

    again = world.give(key, MATERIAL)

    assert again == first
    assert len(bytes.fromhex(first)) == 32


@behaviour("kms:ImportKeyMaterial", "facts 1.2")
def test_the_same_bytes_have_another_id_in_another_key(world: World) -> None:
    _, first = world.imported_key(material=MATERIAL)

    _, second = world.imported_key(material=MATERIAL)

    assert first != second


@behaviour("kms:ImportKeyMaterial")
def test_the_answer_names_the_key_by_its_arn(world: World) -> None:
    key = world.external_key()

    answer = importing(world, key)(ExpirationModel=STAYS)

    assert answer["KeyId"] == key


@behaviour("kms:ImportKeyMaterial")
def test_a_token_of_another_key_is_invalid(world: World) -> None:
    key, other = world.external_key(), world.external_key()

    call = importing(world, key, world.parameters(other))

    world.refused("InvalidImportTokenException", call, ExpirationModel=STAYS)


@behaviour("guide: multi-region-keys-import", "facts 1.1")
def test_a_token_of_another_region_is_invalid(world: World) -> None:
    primary = world.external_key(MultiRegion=True)
    world.give(primary, MATERIAL)
    replica = world.replicate(primary)

    answer = wrapped(world.parameters(primary), MATERIAL)

    call = partial(world.away.import_key_material, KeyId=replica, **answer)
    world.refused("InvalidImportTokenException", call, ExpirationModel=STAYS)


@pytest.mark.parametrize("token", ["one bit changed", "cut short", "nonsense"])
@behaviour("kms:ImportKeyMaterial")
def test_a_malformed_token_is_invalid(world: World, token: str) -> None:
    key = world.external_key()
    answer = world.parameters(key)
    good = answer["ImportToken"]
    malformed = {"one bit changed": flipped(good), "cut short": good[:-1], "nonsense": b"x"}[token]

    call = importing(world, key, answer | {"ImportToken": malformed})

    world.refused("InvalidImportTokenException", call, ExpirationModel=STAYS)


@behaviour("kms:GetParametersForImport")
def test_a_token_is_good_until_24_hours_are_over(world: World) -> None:
    world.needs_settable_clock()
    key = world.external_key()
    call = importing(world, key)

    world.pass_until(world.now + DAY - timedelta(seconds=1))
    call(ExpirationModel=STAYS)

    world.in_state(key, "Enabled")


@behaviour("kms:ImportKeyMaterial")
def test_a_token_is_expired_after_24_hours(world: World) -> None:
    world.needs_settable_clock()
    key = world.external_key()
    call = importing(world, key)

    world.pass_until(world.now + DAY)

    world.refused("ExpiredImportTokenException", call, ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial", "facts 1.1")
def test_material_wrapped_for_another_token_of_the_key_does_not_unwrap(world: World) -> None:
    key = world.external_key()
    one, two = world.parameters(key), world.parameters(key)

    call = importing(world, key, two | {"PublicKey": one["PublicKey"]})

    world.refused("InvalidCiphertextException", call, ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial")
def test_material_wrapped_by_another_algorithm_than_the_tokens_does_not_unwrap(world: World) -> None:
    key = world.external_key()
    answer = world.parameters(key, algorithm="RSAES_OAEP_SHA_256")

    members = wrapped(answer, MATERIAL, "RSAES_OAEP_SHA_1")

    call = partial(world.here.import_key_material, KeyId=key, **members)
    world.refused("InvalidCiphertextException", call, ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial")
def test_material_that_is_not_wrapped_at_all_does_not_unwrap(world: World) -> None:
    key = world.external_key()
    token = world.parameters(key)["ImportToken"]

    call = partial(world.here.import_key_material, KeyId=key, ImportToken=token, EncryptedKeyMaterial=MATERIAL)

    world.refused("InvalidCiphertextException", call, ExpirationModel=STAYS)


@behaviour("guide: importing-keys-import-key-material", assumed="one stale sentence of kms:ImportKeyMaterial differs")
def test_renewal_while_enabled_moves_the_expiry(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.now + 10 * DAY)
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    world.give(key, MATERIAL, ValidTo=world.now + 20 * DAY)

    described = world.describe(key)
    assert (described["KeyState"], described["ValidTo"]) == ("Enabled", world.now + 20 * DAY)
    assert world.here.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@behaviour("kms:ImportKeyMaterial")
def test_renewal_may_end_the_expiry_altogether(world: World) -> None:
    key = world.external_key()
    world.give(key, MATERIAL, ValidTo=world.now + DAY)

    world.give(key, MATERIAL)

    assert world.describe(key)["ExpirationModel"] == STAYS


@behaviour("guide: key-state", assumed="that the key stays Disabled")
def test_a_disabled_key_is_renewed_and_stays_disabled(world: World) -> None:
    key, material_id = world.imported_key(material=MATERIAL)
    world.here.disable_key(KeyId=id_of(key))

    assert world.give(key, MATERIAL) == material_id

    assert world.state(key) == "Disabled"


@behaviour("guide: key-state", "facts 1.3")
def test_no_material_is_imported_while_deletion_is_pending(world: World) -> None:
    key = world.external_key()
    call = importing(world, key)
    world.here.schedule_key_deletion(KeyId=id_of(key), PendingWindowInDays=7)

    world.refused("KMSInvalidStateException", call, ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial")
def test_a_key_whose_material_kms_made_takes_none(world: World) -> None:
    members = wrapped(world.parameters(world.external_key()), MATERIAL)

    call = partial(world.here.import_key_material, KeyId=world.key(), **members)

    world.refused("UnsupportedOperationException", call, ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial")
def test_material_for_an_unknown_key_is_refused(world: World) -> None:
    members = wrapped(world.parameters(world.external_key()), MATERIAL)

    call = partial(world.here.import_key_material, KeyId="00000000-0000-0000-0000-000000000000", **members)

    world.refused("NotFoundException", call, ExpirationModel=STAYS)


@behaviour("kms:ImportKeyMaterial")
def test_a_description_stays_until_another_is_given(world: World) -> None:
    key = world.external_key()
    material_id = world.give(key, MATERIAL, KeyMaterialDescription="from the vault")

    world.give(key, MATERIAL)

    assert world.materials(key)[material_id]["KeyMaterialDescription"] == "from the vault"


@behaviour("kms:ImportKeyMaterial")
def test_material_that_was_deleted_opens_old_ciphertexts_again(world: World) -> None:
    key, _ = world.imported_key(material=MATERIAL)
    blob = world.here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    world.here.delete_imported_key_material(KeyId=key)

    world.give(key, MATERIAL)

    world.in_state(key, "Enabled")
    assert world.here.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
