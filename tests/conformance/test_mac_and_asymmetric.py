"""HMAC and asymmetric keys with imported material."""

import hmac
from functools import partial

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)

from .behaviour import behaviour
from .world import World, id_of, wrapped

AES_WRAP = "RSA_AES_KEY_WRAP_SHA_256"
STAYS = "KEY_MATERIAL_DOES_NOT_EXPIRE"
MACS = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "ECC_NIST_P256": (ec.SECP256R1(), hashes.SHA256()),
    "ECC_NIST_P384": (ec.SECP384R1(), hashes.SHA384()),
    "ECC_NIST_P521": (ec.SECP521R1(), hashes.SHA512()),
    "ECC_SECG_P256K1": (ec.SECP256K1(), hashes.SHA256()),
}


def pkcs8(private_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def mac_key(world: World, spec: str = "HMAC_256") -> str:
    return world.external_key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")


def signing_key(world: World, spec: str) -> str:
    return world.external_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")


@pytest.mark.parametrize("spec", MACS)
@behaviour("guide: importing-keys-encrypt-key-material", "kms:GenerateMac")
def test_a_mac_key_makes_the_macs_of_its_material(world: World, spec: str) -> None:
    key, material = mac_key(world, spec), bytes(range(MACS[spec]))
    world.give(key, material)
    digits = spec.rpartition("_")[2]

    mac = world.here.generate_mac(KeyId=key, Message=b"message", MacAlgorithm=f"HMAC_SHA_{digits}")["Mac"]

    assert mac == hmac.digest(material, b"message", f"sha{digits}")


@pytest.mark.parametrize("spec", MACS)
@behaviour("guide: importing-keys-encrypt-key-material", "facts 1.2", assumed="the error code")
def test_mac_material_is_not_shorter_than_the_spec(world: World, spec: str) -> None:
    key = mac_key(world, spec)

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=bytes(MACS[spec] - 1))


@behaviour("guide: importing-keys-encrypt-key-material", "facts 1.2")
def test_mac_material_may_have_1024_bits(world: World) -> None:
    key = mac_key(world)

    world.give(key, bytes(128))

    world.in_state(key, "Enabled")


@behaviour("guide: importing-keys-encrypt-key-material", "facts 1.2", assumed="the error code")
def test_mac_material_has_no_more_than_1024_bits(world: World) -> None:
    key = mac_key(world)

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=bytes(129))


@behaviour("guide: importing-keys", "facts 1.5")
def test_a_mac_key_takes_its_material_again(world: World) -> None:
    key = mac_key(world)
    world.give(key, bytes(32))
    world.here.delete_imported_key_material(KeyId=key)

    world.give(key, bytes(32))

    world.in_state(key, "Enabled")


@behaviour("guide: importing-keys", "facts 1.5")
def test_a_mac_key_never_takes_another_material(world: World) -> None:
    key = mac_key(world)
    world.give(key, bytes(32))

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=bytes(range(32)))


@behaviour("kms:ImportKeyMaterial", "facts 1.2", assumed="the error code")
def test_import_types_are_for_symmetric_encryption_keys_only(world: World) -> None:
    key = mac_key(world)

    world.refused(
        ("UnsupportedOperationException", "ValidationException"),
        world.give,
        arn=key,
        material=bytes(32),
        ImportType="NEW_KEY_MATERIAL",
    )


@behaviour("guide: key-state")
def test_a_mac_key_without_material_makes_no_macs(world: World) -> None:
    key = mac_key(world)

    world.refused(
        "KMSInvalidStateException", world.here.generate_mac, KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256"
    )


@behaviour("kms:VerifyMac")
def test_a_wrong_mac_is_refused(world: World) -> None:
    key = mac_key(world)
    world.give(key, bytes(32))

    world.refused(
        "KMSInvalidMacException",
        world.here.verify_mac,
        KeyId=key,
        Message=b"m",
        Mac=bytes(32),
        MacAlgorithm="HMAC_SHA_256",
    )


@behaviour("kms:VerifyMac")
def test_a_right_mac_is_valid(world: World) -> None:
    key = mac_key(world)
    world.give(key, bytes(32))
    asked = {"KeyId": key, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}

    mac = world.here.generate_mac(**asked)["Mac"]

    assert world.here.verify_mac(**asked, Mac=mac)["MacValid"] is True


@behaviour("kms:DescribeKey")
def test_a_mac_key_describes_its_algorithm(world: World) -> None:
    described = world.describe(mac_key(world))

    assert described["MacAlgorithms"] == ["HMAC_SHA_256"]
    assert not {"EncryptionAlgorithms", "SigningAlgorithms", "CurrentKeyMaterialId"} & set(described)


@pytest.mark.parametrize("spec", CURVES)
@behaviour("guide: importing-keys-encrypt-key-material", "kms:Sign")
def test_an_imported_ecc_key_signs_as_its_owner_would(world: World, spec: str) -> None:
    curve, digest = CURVES[spec]
    private_key = ec.generate_private_key(curve)
    key = signing_key(world, spec)
    world.give(key, pkcs8(private_key), algorithm=AES_WRAP)

    answer = world.here.sign(
        KeyId=key, Message=b"message", SigningAlgorithm=f"ECDSA_SHA_{digest.name.removeprefix('sha')}"
    )

    private_key.public_key().verify(answer["Signature"], b"message", ec.ECDSA(digest))


@behaviour("kms:GetParametersForImport")
def test_a_short_ecc_key_may_be_wrapped_directly(world: World) -> None:
    key = signing_key(world, "ECC_NIST_P256")

    world.give(key, pkcs8(ec.generate_private_key(ec.SECP256R1())), algorithm="RSAES_OAEP_SHA_256")

    world.in_state(key, "Enabled")


@behaviour("guide: importing-keys-encrypt-key-material", "kms:Sign")
def test_an_imported_rsa_key_signs_as_its_owner_would(world: World) -> None:
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = signing_key(world, "RSA_2048")
    world.give(key, pkcs8(private_key), algorithm=AES_WRAP)

    answer = world.here.sign(KeyId=key, Message=b"message", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")

    private_key.public_key().verify(answer["Signature"], b"message", padding.PKCS1v15(), hashes.SHA256())


@behaviour("kms:GetPublicKey")
def test_the_public_key_is_that_of_the_imported_pair(world: World) -> None:
    private_key = ec.generate_private_key(ec.SECP256R1())
    key = signing_key(world, "ECC_NIST_P256")
    world.give(key, pkcs8(private_key), algorithm=AES_WRAP)

    answer = world.here.get_public_key(KeyId=key)

    expected = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert answer["PublicKey"] == expected


@behaviour("guide: key-state")
def test_a_key_without_material_shows_no_public_key(world: World) -> None:
    key = signing_key(world, "ECC_NIST_P256")

    world.refused("KMSInvalidStateException", world.here.get_public_key, KeyId=key)


@behaviour("guide: importing-keys-encrypt-key-material", assumed="the error code")
def test_a_private_key_on_another_curve_is_incorrect(world: World) -> None:
    key, wrong = signing_key(world, "ECC_NIST_P256"), pkcs8(ec.generate_private_key(ec.SECP384R1()))

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=wrong, algorithm=AES_WRAP)


@behaviour("guide: importing-keys-encrypt-key-material", assumed="the error code")
def test_an_rsa_key_of_another_length_is_incorrect(world: World) -> None:
    key = signing_key(world, "RSA_2048")
    wrong = pkcs8(rsa.generate_private_key(public_exponent=65537, key_size=3072))

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=wrong, algorithm=AES_WRAP)


@behaviour("guide: importing-keys-encrypt-key-material", assumed="the error code")
def test_bytes_that_are_no_private_key_are_incorrect(world: World) -> None:
    key = signing_key(world, "ECC_NIST_P256")

    world.refused("IncorrectKeyMaterialException", world.give, arn=key, material=bytes(64), algorithm=AES_WRAP)


@behaviour("guide: importing-keys", "facts 1.5")
def test_an_asymmetric_key_never_takes_another_pair(world: World) -> None:
    key = signing_key(world, "ECC_NIST_P256")
    world.give(key, pkcs8(ec.generate_private_key(ec.SECP256R1())), algorithm=AES_WRAP)
    other = pkcs8(ec.generate_private_key(ec.SECP256R1()))

    call = partial(
        world.here.import_key_material,
        KeyId=key,
        **wrapped(world.parameters(key, algorithm=AES_WRAP), other, AES_WRAP),
    )

    world.refused("IncorrectKeyMaterialException", call, ExpirationModel=STAYS)


@behaviour("kms:Verify")
def test_a_signature_of_another_message_is_invalid(world: World) -> None:
    key = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    signature = world.here.sign(KeyId=key, Message=b"one", SigningAlgorithm="ECDSA_SHA_256")["Signature"]

    world.refused(
        "KMSInvalidSignatureException",
        world.here.verify,
        KeyId=key,
        Message=b"two",
        Signature=signature,
        SigningAlgorithm="ECDSA_SHA_256",
    )


@behaviour("kms:Sign", "kms:GetPublicKey")
def test_a_signature_verifies_outside_of_kms(world: World) -> None:
    key = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    public_key = load_der_public_key(world.here.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public_key, ec.EllipticCurvePublicKey)

    signature = world.here.sign(KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]

    public_key.verify(signature, b"m", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public_key.verify(signature, b"n", ec.ECDSA(hashes.SHA256()))


@behaviour("kms:CreateKey", assumed="the error code")
def test_a_symmetric_key_does_not_sign(world: World) -> None:
    world.refused("ValidationException", world.key, KeyUsage="SIGN_VERIFY")


@behaviour("kms:Sign")
def test_an_algorithm_of_another_spec_does_not_sign(world: World) -> None:
    key = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")

    world.refused(
        "InvalidKeyUsageException", world.here.sign, KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_512"
    )


@behaviour("kms:GetPublicKey", "kms:VerifyMac", "kms:GenerateMac", "kms:Sign")
def test_answers_name_the_key_by_its_arn(world: World) -> None:
    signing = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    mac = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    asked = {"KeyId": id_of(mac), "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}

    made = world.here.generate_mac(**asked)
    public = world.here.get_public_key(KeyId=id_of(signing))

    assert (public["KeyId"], public["KeySpec"]) == (signing, "ECC_NIST_P256")
    assert made["KeyId"] == world.here.verify_mac(**asked, Mac=made["Mac"])["KeyId"] == mac
    signed = world.here.sign(KeyId=id_of(signing), Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    assert signed["KeyId"] == signing
