"""The key owner's side, for tests and drills: wrap bytes under fresh import parameters, and a clock to set."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

EPHEMERAL_KEY_BYTES = 32


@dataclass
class SettableClock:
    """Stands still until told otherwise."""

    now: datetime = datetime(2026, 1, 1, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


def wrap(public_key_der: bytes, algorithm: str, material: bytes) -> bytes:
    public_key = cast("rsa.RSAPublicKey", serialization.load_der_public_key(public_key_der))
    digest = hashes.SHA1() if algorithm.endswith("_1") else hashes.SHA256()  # noqa: S303 - AWS offers it
    oaep = padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)
    if algorithm.startswith("RSAES_OAEP_"):
        return public_key.encrypt(material, oaep)
    ephemeral = os.urandom(EPHEMERAL_KEY_BYTES)
    return public_key.encrypt(ephemeral, oaep) + aes_key_wrap_with_padding(ephemeral, material)


def import_material(
    client: Any,
    key_id: str,
    material: bytes,
    *,
    algorithm: str = "RSAES_OAEP_SHA_256",
    spec: str = "RSA_2048",
    **options: object,
) -> str:
    """Imports through a boto3 KMS client; without `ValidTo`, it does not expire.

    Returns the key material id, or "" for HMAC and asymmetric keys, whose material has none.
    """
    parameters = client.get_parameters_for_import(KeyId=key_id, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    if "ValidTo" not in options:
        options.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    imported = client.import_key_material(
        KeyId=key_id,
        ImportToken=parameters["ImportToken"],
        EncryptedKeyMaterial=wrap(parameters["PublicKey"], algorithm, material),
        **options,
    )
    return cast("str", imported.get("KeyMaterialId", ""))
