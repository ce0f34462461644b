"""What opens what: contexts, keys, Regions; and what the answers say."""

from typing import Any

import pytest

from .behaviour import behaviour
from .world import World, flipped

CONTEXT = {"tenant": "orders", "Purpose": "test"}


def sealed(world: World, key: str, plaintext: bytes = b"secret", **options: Any) -> bytes:
    blob: bytes = world.here.encrypt(KeyId=key, Plaintext=plaintext, **options)["CiphertextBlob"]
    return blob


@behaviour("kms:Encrypt", "kms:Decrypt")
def test_what_is_encrypted_opens_without_naming_the_key(world: World) -> None:
    key = world.key()

    opened = world.here.decrypt(CiphertextBlob=sealed(world, key))

    assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", key)


@behaviour("kms:Encrypt", "kms:Decrypt")
def test_what_is_encrypted_opens_with_the_same_context(world: World) -> None:
    key = world.key()

    opened = world.here.decrypt(CiphertextBlob=sealed(world, key, EncryptionContext=CONTEXT), EncryptionContext=CONTEXT)

    assert opened["Plaintext"] == b"secret"


@pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="none"),
        pytest.param({"tenant": "orders"}, id="less"),
        pytest.param({**CONTEXT, "more": "x"}, id="more"),
        pytest.param({"tenant": "Orders", "Purpose": "test"}, id="other case of a value"),
        pytest.param({"Tenant": "orders", "Purpose": "test"}, id="other case of a name"),
        pytest.param({"tenant": "test", "Purpose": "orders"}, id="values changed round"),
        pytest.param({"tenanto": "rders", "Purpose": "test"}, id="name and value cut elsewhere"),
    ],
)
@behaviour("kms:Decrypt", "guide: encrypt_context", "facts 2.3")
def test_another_context_does_not_open(world: World, context: dict[str, str]) -> None:
    blob = sealed(world, world.key(), EncryptionContext=CONTEXT)

    world.refused("InvalidCiphertextException", world.here.decrypt, CiphertextBlob=blob, EncryptionContext=context)


@behaviour("guide: encrypt_context")
def test_the_order_of_a_context_does_not_matter(world: World) -> None:
    blob = sealed(world, world.key(), EncryptionContext=CONTEXT)

    opened = world.here.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(CONTEXT.items())))

    assert opened["Plaintext"] == b"secret"


@behaviour("kms:Decrypt")
def test_another_key_than_the_ciphertexts_is_incorrect(world: World) -> None:
    blob = sealed(world, world.key())

    world.refused("IncorrectKeyException", world.here.decrypt, CiphertextBlob=blob, KeyId=world.key())


@behaviour("facts 2.2", assumed="the error code, known from public reports")
def test_another_region_denies_access_to_a_ciphertext(world: World) -> None:
    blob = sealed(world, world.key())

    world.refused("AccessDeniedException", world.away.decrypt, CiphertextBlob=blob)


@behaviour("facts 2.2", assumed="the error code, known from public reports")
def test_another_region_denies_access_when_it_should_re_encrypt(world: World) -> None:
    blob = sealed(world, world.key())

    world.refused(
        "AccessDeniedException",
        world.away.re_encrypt,
        CiphertextBlob=blob,
        DestinationKeyId=world.key(world.away),
    )


@behaviour("facts 2.2", "recorded: test_get_key_in_different_region, 2025-11-10, of DescribeKey")
def test_a_key_arn_of_another_region_is_not_found(world: World) -> None:
    key = world.key()

    world.refused("NotFoundException", world.away.encrypt, KeyId=key, Plaintext=b"x")


@behaviour("facts 2.2", "recorded: test_get_key_in_different_region, 2025-11-10, of DescribeKey")
def test_the_primarys_arn_is_not_found_where_only_its_replica_is(world: World) -> None:
    primary = world.key(MultiRegion=True)
    world.replicate(primary)

    world.refused("NotFoundException", world.away.encrypt, KeyId=primary, Plaintext=b"x")


@behaviour("kms:Encrypt")
def test_an_unknown_key_is_not_found(world: World) -> None:
    world.refused("NotFoundException", world.here.encrypt, KeyId="00000000-0000-0000-0000-000000000000", Plaintext=b"x")


@behaviour("kms:Encrypt")
def test_an_unknown_alias_is_not_found(world: World) -> None:
    world.refused("NotFoundException", world.here.encrypt, KeyId="alias/conformance-unknown", Plaintext=b"x")


@behaviour("kms:Encrypt")
def test_an_alias_leads_to_its_key(world: World) -> None:
    key = world.key()
    alias = f"alias/conformance-{key[-12:]}"
    world.here.create_alias(AliasName=alias, TargetKeyId=key)

    try:
        world.eventually(
            lambda: world.here.encrypt(KeyId=alias, Plaintext=b"x")["KeyId"] == key, "the alias leads elsewhere"
        )
    finally:
        world.here.delete_alias(AliasName=alias)


@pytest.mark.parametrize("place", [0, 20, -1])
@behaviour("kms:Decrypt", assumed="the code for a change in the part that names the key")
def test_a_ciphertext_with_one_bit_changed_does_not_open(world: World, place: int) -> None:
    blob = flipped(sealed(world, world.key()), place)

    world.refused("InvalidCiphertextException", world.here.decrypt, CiphertextBlob=blob)


@behaviour("kms:Decrypt")
def test_bytes_that_are_no_ciphertext_are_invalid(world: World) -> None:
    world.refused("InvalidCiphertextException", world.here.decrypt, CiphertextBlob=b"nonsense")


@behaviour("kms:Encrypt")
def test_4096_bytes_are_encrypted(world: World) -> None:
    key = world.key()
    plaintext = bytes(4096)

    assert world.here.decrypt(CiphertextBlob=sealed(world, key, plaintext))["Plaintext"] == plaintext


@behaviour("kms:Encrypt")
def test_4097_bytes_are_too_many(world: World) -> None:
    key = world.key()

    world.refused("ValidationException", world.here.encrypt, KeyId=key, Plaintext=bytes(4097))


@pytest.mark.parametrize(("spec", "length"), [("AES_128", 16), ("AES_256", 32)])
@behaviour("kms:GenerateDataKey")
def test_a_data_key_has_the_length_of_its_spec_and_opens(world: World, spec: str, length: int) -> None:
    made = world.here.generate_data_key(KeyId=world.key(), KeySpec=spec)

    assert len(made["Plaintext"]) == length
    assert world.here.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


@behaviour("kms:GenerateDataKey")
def test_a_data_key_has_as_many_bytes_as_asked_for(world: World) -> None:
    made = world.here.generate_data_key(KeyId=world.key(), NumberOfBytes=1024)

    assert len(made["Plaintext"]) == 1024


@behaviour("kms:GenerateDataKey")
def test_a_data_key_is_bound_to_its_context(world: World) -> None:
    made = world.here.generate_data_key(KeyId=world.key(), KeySpec="AES_256", EncryptionContext=CONTEXT)

    world.refused("InvalidCiphertextException", world.here.decrypt, CiphertextBlob=made["CiphertextBlob"])


@behaviour("kms:GenerateDataKey")
def test_each_data_key_is_another(world: World) -> None:
    key = world.key()

    first, second = (world.here.generate_data_key(KeyId=key, KeySpec="AES_256") for _ in range(2))

    assert first["Plaintext"] != second["Plaintext"]
    assert first["CiphertextBlob"] != second["CiphertextBlob"]


@behaviour("kms:GenerateDataKey")
def test_a_data_key_needs_a_spec_or_a_length(world: World) -> None:
    key = world.key()

    world.refused("ValidationException", world.here.generate_data_key, KeyId=key)


@behaviour("kms:GenerateDataKey")
def test_a_data_key_takes_either_a_spec_or_a_length(world: World) -> None:
    key = world.key()

    world.refused("ValidationException", world.here.generate_data_key, KeyId=key, KeySpec="AES_256", NumberOfBytes=32)


@behaviour("kms:GenerateDataKeyWithoutPlaintext")
def test_a_data_key_without_plaintext_shows_none_and_opens(world: World) -> None:
    made = world.here.generate_data_key_without_plaintext(KeyId=world.key(), KeySpec="AES_256")

    assert "Plaintext" not in made
    assert len(world.here.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 32


@behaviour("kms:GenerateDataKey", "kms:Decrypt")
def test_data_key_answers_name_the_material(world: World) -> None:
    key = world.key()

    made = world.here.generate_data_key(KeyId=key, KeySpec="AES_256")
    opened = world.here.decrypt(CiphertextBlob=made["CiphertextBlob"])

    assert made["KeyMaterialId"] == opened["KeyMaterialId"] == world.describe(key)["CurrentKeyMaterialId"]


@behaviour("kms:Encrypt")
def test_encrypt_answers_with_the_arn_and_the_algorithm(world: World) -> None:
    key = world.key()

    answer = world.here.encrypt(KeyId=key.rpartition("/")[2], Plaintext=b"x")

    assert (answer["KeyId"], answer["EncryptionAlgorithm"]) == (key, "SYMMETRIC_DEFAULT")


@behaviour("kms:ReEncrypt")
def test_re_encrypt_moves_a_ciphertext_to_another_key(world: World) -> None:
    source, destination = world.key(), world.key()

    moved = world.here.re_encrypt(CiphertextBlob=sealed(world, source), DestinationKeyId=destination)

    assert (moved["SourceKeyId"], moved["KeyId"]) == (source, destination)
    opened = world.here.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=destination)
    assert opened["Plaintext"] == b"secret"


@behaviour("kms:ReEncrypt")
def test_re_encrypt_does_not_carry_the_context_over(world: World) -> None:
    source, destination = world.key(), world.key()

    moved = world.here.re_encrypt(
        CiphertextBlob=sealed(world, source, EncryptionContext=CONTEXT),
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=destination,
    )

    assert world.here.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"secret"


@behaviour("kms:ReEncrypt")
def test_re_encrypt_puts_a_ciphertext_under_a_new_context(world: World) -> None:
    source, destination = world.key(), world.key()

    moved = world.here.re_encrypt(
        CiphertextBlob=sealed(world, source), DestinationKeyId=destination, DestinationEncryptionContext=CONTEXT
    )

    blob = moved["CiphertextBlob"]
    assert world.here.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == b"secret"
    world.refused("InvalidCiphertextException", world.here.decrypt, CiphertextBlob=blob)


@behaviour("kms:ReEncrypt")
def test_re_encrypt_needs_the_source_context(world: World) -> None:
    blob = sealed(world, world.key(), EncryptionContext=CONTEXT)

    world.refused(
        "InvalidCiphertextException", world.here.re_encrypt, CiphertextBlob=blob, DestinationKeyId=world.key()
    )


@behaviour("kms:ReEncrypt")
def test_re_encrypt_refuses_another_source_than_named(world: World) -> None:
    blob, other = sealed(world, world.key()), world.key()

    world.refused(
        "IncorrectKeyException",
        world.here.re_encrypt,
        CiphertextBlob=blob,
        SourceKeyId=other,
        DestinationKeyId=other,
    )


@behaviour("kms:ReEncrypt")
def test_re_encrypt_to_an_unknown_key_is_not_found(world: World) -> None:
    blob = sealed(world, world.key())

    world.refused(
        "NotFoundException",
        world.here.re_encrypt,
        CiphertextBlob=blob,
        DestinationKeyId="00000000-0000-0000-0000-000000000000",
    )


@behaviour("kms:ReEncrypt")
def test_re_encrypt_names_both_materials(world: World) -> None:
    source, destination = world.key(), world.key()

    moved = world.here.re_encrypt(CiphertextBlob=sealed(world, source), DestinationKeyId=destination)

    assert moved["SourceKeyMaterialId"] == world.describe(source)["CurrentKeyMaterialId"]
    assert moved["DestinationKeyMaterialId"] == world.describe(destination)["CurrentKeyMaterialId"]


@behaviour("kms:Encrypt")
def test_a_mac_key_does_not_encrypt(world: World) -> None:
    key = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")

    world.refused("InvalidKeyUsageException", world.here.encrypt, KeyId=key, Plaintext=b"x")


@behaviour("kms:Encrypt")
def test_a_symmetric_key_knows_no_algorithm_of_asymmetric_ones(world: World) -> None:
    key = world.key()

    world.refused(
        "InvalidKeyUsageException",
        world.here.encrypt,
        KeyId=key,
        Plaintext=b"x",
        EncryptionAlgorithm="RSAES_OAEP_SHA_256",
    )
