"""Sign and Verify of messages and of digests."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .behaviour import behaviour
from .world import World, id_of

MESSAGE = b"message"
HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
ALGORITHMS = [
    ("RSA_2048", "RSASSA_PSS_SHA_256"),
    ("RSA_2048", "RSASSA_PSS_SHA_384"),
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512"),
    ("ECC_NIST_P256", "ECDSA_SHA_256"),
    ("ECC_NIST_P384", "ECDSA_SHA_384"),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256"),
]


def signing_key(world: World, spec: str) -> str:
    return id_of(world.key(KeySpec=spec, KeyUsage="SIGN_VERIFY"))


def digest_of(message: bytes, algorithm: str) -> bytes:
    return hashlib.new(f"sha{algorithm.rpartition('_')[2]}", message).digest()


def verify_outside(
    world: World, key: str, algorithm: str, message: bytes, signature: bytes, *, is_digest: bool
) -> None:
    """Raises InvalidSignature. The salt of PSS has to be as long as the digest."""
    public_key = load_der_public_key(world.here.get_public_key(KeyId=key)["PublicKey"])
    chosen = HASHES[algorithm.rpartition("_")[2]]
    scheme = Prehashed(chosen) if is_digest else chosen
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        public_key.verify(signature, message, ec.ECDSA(scheme))
        return
    assert isinstance(public_key, rsa.RSAPublicKey)
    pss = padding.PSS(mgf=padding.MGF1(chosen), salt_length=chosen.digest_size)
    public_key.verify(signature, message, pss if "PSS" in algorithm else padding.PKCS1v15(), scheme)


@pytest.mark.parametrize(("spec", "algorithm"), ALGORITHMS)
@behaviour("kms:Sign", "recorded: test_verify_salt_length, 2025-04-02")
def test_a_signature_of_a_message_verifies_outside_with_a_salt_of_the_digests_length(
    world: World, spec: str, algorithm: str
) -> None:
    key = signing_key(world, spec)

    answer = world.here.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm=algorithm)

    verify_outside(world, key, algorithm, MESSAGE, answer["Signature"], is_digest=False)


@pytest.mark.parametrize(("spec", "algorithm"), ALGORITHMS)
@behaviour("kms:Sign", "kms:Verify", "recorded: test_sign_verify, 2023-04-13")
def test_a_digest_is_signed_as_its_message_would_be(world: World, spec: str, algorithm: str) -> None:
    key, digest = signing_key(world, spec), digest_of(MESSAGE, algorithm)
    named = {"KeyId": key, "SigningAlgorithm": algorithm}

    signature = world.here.sign(**named, Message=digest, MessageType="DIGEST")["Signature"]

    verify_outside(world, key, algorithm, digest, signature, is_digest=True)
    assert world.here.verify(**named, Message=MESSAGE, Signature=signature)["SignatureValid"]
    assert world.here.verify(**named, Message=digest, MessageType="DIGEST", Signature=signature)["SignatureValid"]


@pytest.mark.parametrize("operation", ["sign", "verify"])
@behaviour("recorded: test_sign_verify, 2023-04-13")
def test_a_digest_of_another_length_is_refused(world: World, operation: str) -> None:
    key = signing_key(world, "ECC_NIST_P256")
    made = world.here.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")["Signature"]

    refused = world.refused(
        "ValidationException",
        getattr(world.here, operation),
        KeyId=key,
        Message=bytes(48),
        MessageType="DIGEST",
        SigningAlgorithm="ECDSA_SHA_256",
        **({"Signature": made} if operation == "verify" else {}),
    )

    assert refused.response["Error"]["Message"] == "Digest is invalid length for algorithm ECDSA_SHA_256."


@behaviour("recorded: test_sign_verify, 2023-04-13")
def test_the_signature_of_another_message_is_not_valid(world: World) -> None:
    key = signing_key(world, "RSA_2048")
    named = {"KeyId": key, "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    signature = world.here.sign(**named, Message=b"another")["Signature"]

    refused = world.refused(
        "KMSInvalidSignatureException", world.here.verify, **named, Message=MESSAGE, Signature=signature
    )

    assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 400
