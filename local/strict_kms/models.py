# ruff: noqa: FBT001 - moto calls these methods by position
"""The strict backend of one Region: moto's, with keys found strictly, states enforced and ciphertexts bound.

moto finds the handlers of a backend through the name of its module, see `urls`.
"""

from dataclasses import dataclass, field

from moto.kms.models import kms_backends

from . import envelope, signing
from .errors import (
    IncorrectKeyException,
    InvalidCiphertextException,
    InvalidKeyUsageException,
    KMSInvalidSignatureException,
    KMSInvalidStateException,
    UnsupportedOperationException,
    cannot_read_ciphertext,
)
from .key_keeping import KeyKeeping
from .key_specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, SIGN_VERIFY
from .keys import StrictKey
from .materials import Material


@dataclass(frozen=True, slots=True)
class Decryption:
    """A decrypted ciphertext and what it was under."""

    plaintext: bytes = field(repr=False)
    key_arn: str
    material_id: str


@dataclass(frozen=True, slots=True)
class Sealed:
    blob: bytes = field(repr=False)
    key_arn: str
    material_id: str


# what a key of the wrong usage is refused for as the destination; LocalStack's test_re_encrypt_invalid_destination_key
USE_OF_DESTINATION = {"ReEncrypt": "ReEncryptTo"}


class StrictKmsBackend(KeyKeeping):
    def seal(self, operation: str, key_id: str, plaintext: bytes, context: dict[str, str]) -> Sealed:
        key, material, secret = self._encryption_material(operation, key_id)
        blob = envelope.encrypt(
            plaintext,
            key_id=key.id,
            scope=key.scope,
            material_id=material.material_id,
            secret=secret,
            context=context,
            seal=self.installation.seal,
        )
        return Sealed(blob, key.arn, material.material_id)

    def require_encryption(self, operation: str, key_id: str) -> None:
        self._encryption_material(operation, key_id)

    def _encryption_material(self, operation: str, key_id: str) -> tuple[StrictKey, Material, bytes]:
        with self.installation.lock:
            key = self._usable(operation, key_id)
            current = key.materials.current
            if current is None or current.secret is None:
                raise KMSInvalidStateException(f"{key.arn} is pending import.")
            return key, current, current.secret

    def _usable(self, operation: str, key_id: str, usage: str = ENCRYPT_DECRYPT) -> StrictKey:
        key = self.resolve(key_id)
        key.require(operation)
        key.require_usage(usage, USE_OF_DESTINATION.get(operation, operation))
        return key

    def require_decryption(self, operation: str, key_id: str) -> None:
        with self.installation.lock:
            self._usable(operation, key_id)

    def open(self, operation: str, blob: bytes, context: dict[str, str], key_id: str | None = None) -> Decryption:
        """AccessDenied for a key that is not in this Region, IncorrectKey for another than named (facts 2.2)."""
        sealed = envelope.parse(blob, self.installation.seal)
        with self.installation.lock:
            if key_id is not None and self.resolve(key_id).id != sealed.key_id:
                raise IncorrectKeyException(
                    "The key ID in the request does not identify a CMK that can perform this operation."
                )
            key = self.keys.get(sealed.key_id)
            if not isinstance(key, StrictKey):
                raise cannot_read_ciphertext()
            key.require(operation)
            material = key.materials.get(sealed.material_id)
            secret = None if material is None else material.secret
        if secret is None:
            raise InvalidCiphertextException
        plaintext = envelope.decrypt(sealed, scope=key.scope, secret=secret, context=context)
        return Decryption(plaintext, key.arn, sealed.material_id)

    def signature(self, key_id: str, algorithm: str, message: bytes, *, is_digest: bool) -> tuple[str, bytes]:
        """The key's ARN, and what it signs the message or the digest with."""
        key = self._signing_key("Sign", key_id, algorithm)
        return key.arn, signing.sign(key.signing_key, algorithm, message, is_digest=is_digest)

    def require_signature(
        self, key_id: str, algorithm: str, message: bytes, signature: bytes, *, is_digest: bool
    ) -> str:
        """The key's ARN; raises KMSInvalidSignatureException (botocore kms:Verify)."""
        key = self._signing_key("Verify", key_id, algorithm)
        if not signing.is_valid(key.signing_key, algorithm, message, signature, is_digest=is_digest):
            raise KMSInvalidSignatureException
        return key.arn

    def _signing_key(self, operation: str, key_id: str, algorithm: str) -> StrictKey:
        key = self._usable(operation, key_id, SIGN_VERIFY)
        if algorithm not in key.signing_algorithms:  # botocore kms:Sign
            raise _incompatible(algorithm, key)
        return key

    def get_public_key(self, key_id: str) -> tuple[StrictKey, bytes]:
        key = self.resolve(key_id)
        key.require("GetPublicKey")
        if key.key_usage == GENERATE_VERIFY_MAC or key.is_symmetric:
            raise UnsupportedOperationException(f"{key.arn} is not an asymmetric key.")
        return key, key.private_key.public_key()

    def generate_mac(
        self, message: bytes, key_id: str, mac_algorithm: str, grant_tokens: list[str], dry_run: bool
    ) -> tuple[str, str, str]:
        key = self._usable("GenerateMac", key_id, GENERATE_VERIFY_MAC)
        if mac_algorithm.replace("HMAC_SHA_", "HMAC_") != key.key_spec:
            raise _incompatible(mac_algorithm, key)
        mac, algorithm, _ = super().generate_mac(message, key.id, mac_algorithm, grant_tokens, dry_run)
        return mac, algorithm, key.arn

    def verify_mac(
        self, message: bytes, key_id: str, mac_algorithm: str, mac: str, grant_tokens: list[str], dry_run: bool
    ) -> None:
        """The MAC is made once more by moto; a key of the wrong kind is refused for VerifyMac, not for that."""
        self._usable("VerifyMac", key_id, GENERATE_VERIFY_MAC)
        super().verify_mac(message, key_id, mac_algorithm, mac, grant_tokens, dry_run)


def _incompatible(algorithm: str, key: StrictKey) -> InvalidKeyUsageException:
    """Recorded for HMAC: test_invalid_generate_mac, 2023-04-13; for signatures UNCONFIRMED."""
    return InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}.")


def settle_account(account_id: str) -> None:
    """Does in every Region of the account what is due."""
    for backend in list(kms_backends[account_id].values()):
        if isinstance(backend, StrictKmsBackend):
            backend.settle()
