"""Importing key material by plain KMS calls, as a person would; the service does it by itself."""

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def parameters(kms: Any, key_arn: str) -> dict[str, Any]:
    """Token and public key: one set, for one key in one region (facts 1.1)."""
    found: dict[str, Any] = kms.get_parameters_for_import(
        KeyId=key_arn, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    return found


def wrapped(material: bytes, found: dict[str, Any]) -> bytes:
    public_key = load_der_public_key(found["PublicKey"])
    if not isinstance(public_key, RSAPublicKey):
        raise TypeError("GetParametersForImport answered with a key that is not RSA")
    return public_key.encrypt(material, OAEP(MGF1(SHA256()), SHA256(), None))


def reimport(kms: Any, key_arn: str, material: bytes, valid_to: datetime) -> None:
    """The same bytes once more, with another expiry."""
    found = parameters(kms, key_arn)
    kms.import_key_material(
        KeyId=key_arn,
        ImportToken=found["ImportToken"],
        EncryptedKeyMaterial=wrapped(material, found),
        ExpirationModel="KEY_MATERIAL_EXPIRES",
        ValidTo=valid_to,
        ImportType="EXISTING_KEY_MATERIAL",
    )
