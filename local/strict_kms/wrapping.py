"""Import parameters: the RSA key pair that wraps key material, and the token that belongs to it (facts 1.1).

A token is sealed under a secret of the installation. It says itself which key it is for and carries the private key,
so that token and public key cannot be parted and no table of tokens has to be bounded.
"""

import json
import os
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from .errors import InvalidCiphertextException, InvalidImportTokenException

MODULUS_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "256": hashes.SHA256}
OAEP = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1")
AES_KEY_WRAP = ("RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1")
TOKEN_NONCE_BYTES = 12

KeyPairSource = Callable[[str], rsa.RSAPrivateKey]


def fresh_pair(spec: str) -> rsa.RSAPrivateKey:
    """Takes tens of milliseconds for RSA_2048, up to seconds for RSA_4096."""
    return rsa.generate_private_key(public_exponent=65537, key_size=MODULUS_BITS[spec])


class ReusedPairs:
    """For tests that import thousands of times: a few pairs of each spec in turn, so that neighbours differ."""

    def __init__(self, pairs_per_spec: int = 4) -> None:
        self._pairs_per_spec = pairs_per_spec
        self._pairs: dict[str, deque[rsa.RSAPrivateKey]] = {}
        self._lock = Lock()

    def __call__(self, spec: str) -> rsa.RSAPrivateKey:
        with self._lock:
            if spec not in self._pairs:
                self._pairs[spec] = deque(fresh_pair(spec) for _ in range(self._pairs_per_spec))
            self._pairs[spec].rotate()
            return self._pairs[spec][0]


@dataclass(frozen=True, slots=True)
class ImportToken:
    """Good for this key ARN (so for this Region), this algorithm and this pair, until then."""

    key_arn: str
    algorithm: str
    private_key: rsa.RSAPrivateKey = field(repr=False)
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class TokenSeal:
    """Turns what a token says into opaque bytes and back."""

    secret: bytes = field(default_factory=lambda: AESGCM.generate_key(256), repr=False)

    def close(self, token: ImportToken) -> bytes:
        private_key = token.private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        said = {
            "key_arn": token.key_arn,
            "algorithm": token.algorithm,
            "private_key": b64encode(private_key).decode(),
            "valid_to": token.valid_to.isoformat(),
        }
        nonce = os.urandom(TOKEN_NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, json.dumps(said).encode(), None)

    def open(self, blob: bytes) -> ImportToken:
        try:
            said = json.loads(AESGCM(self.secret).decrypt(blob[:TOKEN_NONCE_BYTES], blob[TOKEN_NONCE_BYTES:], None))
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise InvalidImportTokenException("The import token is malformed.") from error
        private_key = serialization.load_der_private_key(
            b64decode(said["private_key"]), password=None, unsafe_skip_rsa_key_validation=True
        )
        return ImportToken(
            key_arn=said["key_arn"],
            algorithm=said["algorithm"],
            private_key=cast("rsa.RSAPrivateKey", private_key),
            valid_to=datetime.fromisoformat(said["valid_to"]),
        )


def public_key_of(private_key: rsa.RSAPrivateKey) -> bytes:
    """DER SubjectPublicKeyInfo (facts 1.1)."""
    return private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def unwrap(private_key: rsa.RSAPrivateKey, algorithm: str, wrapped: bytes) -> bytes:
    """The bytes inside; InvalidCiphertextException if this pair and algorithm do not open them."""
    digest = DIGESTS[algorithm.rsplit("_", 1)[1]]
    oaep = padding.OAEP(mgf=padding.MGF1(digest()), algorithm=digest(), label=None)
    try:
        if algorithm in OAEP:
            return private_key.decrypt(wrapped, oaep)
        # an AES key under RSA, then the material under that AES key by RFC 5649
        boundary = private_key.key_size // 8
        return aes_key_unwrap_with_padding(private_key.decrypt(wrapped[:boundary], oaep), wrapped[boundary:])
    except (ValueError, InvalidUnwrap) as error:
        raise InvalidCiphertextException from error
