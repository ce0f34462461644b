"""GetParametersForImport: wrapping keys and import tokens."""

from datetime import timedelta
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .behaviour import behaviour
from .world import DAY, World, id_of

OAEP = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1")
AES_WRAP = ("RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1")
BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
SLACK = timedelta(minutes=5)


@pytest.mark.parametrize(("algorithm", "spec"), [*product(OAEP, BITS)])
@behaviour("kms:GetParametersForImport", "facts 1.1")
def test_a_wrapping_key_of_each_spec_is_a_der_public_key(world: World, algorithm: str, spec: str) -> None:
    key = world.external_key()

    answer = world.parameters(key, algorithm=algorithm, spec=spec)

    public_key = load_der_public_key(answer["PublicKey"])
    assert isinstance(public_key, rsa.RSAPublicKey)
    assert public_key.key_size == BITS[spec]
    assert 0 < len(answer["ImportToken"]) <= 6144


@pytest.mark.parametrize("algorithm", AES_WRAP)
@behaviour("kms:GetParametersForImport", "guide: importing-keys-get-public-key-and-token")
def test_rsa_private_keys_are_wrapped_by_an_aes_key(world: World, algorithm: str) -> None:
    key = world.external_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")

    answer = world.parameters(key, algorithm=algorithm)

    assert isinstance(load_der_public_key(answer["PublicKey"]), rsa.RSAPublicKey)


@behaviour("kms:GetParametersForImport")
def test_parameters_say_that_they_are_good_for_24_hours(world: World) -> None:
    key = world.external_key()

    answer = world.parameters(key)

    assert abs(answer["ParametersValidTo"] - (world.now + DAY)) < SLACK


@behaviour("kms:GetParametersForImport")
def test_parameters_name_the_key_by_its_arn(world: World) -> None:
    key = world.external_key()

    answer = world.parameters(key.rpartition("/")[2])

    assert answer["KeyId"] == key


@behaviour("kms:GetParametersForImport", "facts 1.1")
def test_each_request_gets_another_public_key_and_token(world: World) -> None:
    key = world.external_key()

    first, second = world.parameters(key), world.parameters(key)

    assert first["PublicKey"] != second["PublicKey"]
    assert first["ImportToken"] != second["ImportToken"]


@behaviour("kms:GetParametersForImport", "facts 1.1", assumed="the error code")
def test_an_alias_is_refused(world: World) -> None:
    key = world.external_key()
    alias = f"alias/conformance-{key[-12:]}"
    world.here.create_alias(AliasName=alias, TargetKeyId=key)

    try:
        world.refused(("NotFoundException", "InvalidArnException"), world.parameters, arn=alias)
    finally:
        world.here.delete_alias(AliasName=alias)


@behaviour("kms:GetParametersForImport")
def test_a_key_whose_material_kms_made_is_refused(world: World) -> None:
    key = world.key()

    world.refused("UnsupportedOperationException", world.parameters, arn=key)


@behaviour("kms:GetParametersForImport")
def test_an_unknown_key_is_not_found(world: World) -> None:
    world.refused("NotFoundException", world.parameters, arn="00000000-0000-0000-0000-000000000000")


@behaviour("facts 1.1", assumed="the error code")
def test_pkcs1_v1_5_is_refused_though_the_enum_still_names_it(world: World) -> None:
    key = world.external_key()

    world.refused(
        ("UnsupportedOperationException", "ValidationException"),
        world.parameters,
        arn=key,
        algorithm="RSAES_PKCS1_V1_5",
    )


@behaviour("facts 1.1", assumed="the error code")
def test_sm2_is_refused_outside_china(world: World) -> None:
    key = world.external_key()

    world.refused(
        ("UnsupportedOperationException", "ValidationException"),
        world.parameters,
        arn=key,
        algorithm="SM2PKE",
        spec="SM2",
    )


@pytest.mark.parametrize("algorithm", AES_WRAP)
@behaviour("guide: importing-keys-get-public-key-and-token", "kms:GetParametersForImport", assumed="the error code")
def test_a_symmetric_key_is_not_wrapped_by_an_aes_key(world: World, algorithm: str) -> None:
    key = world.external_key()

    world.refused(
        ("UnsupportedOperationException", "ValidationException"), world.parameters, arn=key, algorithm=algorithm
    )


@pytest.mark.parametrize("algorithm", OAEP)
@behaviour("kms:GetParametersForImport", assumed="the error code")
def test_an_rsa_private_key_is_not_wrapped_directly(world: World, algorithm: str) -> None:
    key = world.external_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")

    world.refused(
        ("UnsupportedOperationException", "ValidationException"), world.parameters, arn=key, algorithm=algorithm
    )


@behaviour("kms:GetParametersForImport", assumed="the error code")
def test_rsa_2048_does_not_wrap_a_p521_private_key_directly(world: World) -> None:
    key = world.external_key(KeySpec="ECC_NIST_P521", KeyUsage="SIGN_VERIFY")

    world.refused(("UnsupportedOperationException", "ValidationException"), world.parameters, arn=key)


@behaviour("kms:GetParametersForImport")
def test_an_algorithm_that_does_not_exist_is_invalid(world: World) -> None:
    key = world.external_key()

    world.refused("ValidationException", world.parameters, arn=key, algorithm="ROT13")


@behaviour("guide: key-state")
def test_an_enabled_key_gets_parameters_for_renewal(world: World) -> None:
    key, _ = world.imported_key()

    assert world.parameters(key)["KeyId"] == key


@behaviour("guide: key-state")
def test_a_disabled_key_gets_parameters(world: World) -> None:
    key, _ = world.imported_key()
    world.here.disable_key(KeyId=id_of(key))

    assert world.parameters(key)["KeyId"] == key


@behaviour("guide: key-state")
def test_a_key_that_is_pending_deletion_gets_no_parameters(world: World) -> None:
    key = world.external_key()
    world.here.schedule_key_deletion(KeyId=id_of(key), PendingWindowInDays=7)

    world.refused("KMSInvalidStateException", world.parameters, arn=key)


@behaviour("facts 1.1", assumed="that a burst of two is already too much")
def test_a_second_request_within_a_second_is_throttled(world: World) -> None:
    key = world.external_key()

    with world.aws_quotas():
        world.parameters(key, world.impatient)
        world.refused("ThrottlingException", world.parameters, arn=key, client=world.impatient)
