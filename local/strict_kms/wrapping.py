"""Import parameters: the RSA key pair that wraps key material, and the token that names key, algorithm and pair.

A token is sealed under a secret of the installation and says itself what it is for: no table of tokens to bound.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from .errors import InvalidCiphertextException, InvalidImportTokenException

# Per Region and spec. More than one, so that bytes wrapped for one token rarely fit another;
# few, because generating an RSA_4096 pair takes seconds.
PAIRS_PER_POOL = 2
MODULUS_BITS = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "256": hashes.SHA256}
AES_WRAP = "RSA_AES_KEY_WRAP_"
WRAPPING_ALGORITHMS = (
    "RSAES_OAEP_SHA_256",
    "RSAES_OAEP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
    "RSA_AES_KEY_WRAP_SHA_1",
)
TOKEN_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class ImportToken:
    """What a token says: good for this key ARN (so for this Region), this algorithm and this pair, until then."""

    key_arn: str
    region: str
    algorithm: str
    spec: str
    pair: int
    valid_to: datetime


class KeyPairPool:
    """RSA pairs per Region and spec, made on first use and handed out in turn."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], list[rsa.RSAPrivateKey]] = {}
        self._handed_out: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def next_index(self, region: str, spec: str) -> int:
        with self._lock:
            pool = self._pairs.setdefault((region, spec), [])
            if len(pool) < PAIRS_PER_POOL:
                pool.append(rsa.generate_private_key(public_exponent=65537, key_size=MODULUS_BITS[spec]))
            turn = self._handed_out.get((region, spec), 0)
            self._handed_out[region, spec] = turn + 1
            return turn % PAIRS_PER_POOL

    def private_key(self, region: str, spec: str, index: int) -> rsa.RSAPrivateKey:
        return self._pairs[region, spec][index]

    def public_key(self, region: str, spec: str, index: int) -> bytes:
        """DER SubjectPublicKeyInfo (facts 1.1)."""
        return (
            self.private_key(region, spec, index)
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )


@dataclass(frozen=True, slots=True)
class TokenSeal:
    """Turns what a token says into opaque bytes and back."""

    secret: bytes = field(default_factory=lambda: AESGCM.generate_key(256), repr=False)

    def close(self, token: ImportToken) -> bytes:
        said = json.dumps(asdict(token) | {"valid_to": token.valid_to.isoformat()}).encode()
        nonce = os.urandom(TOKEN_NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, said, None)

    def open(self, blob: bytes) -> ImportToken:
        try:
            said = json.loads(AESGCM(self.secret).decrypt(blob[:TOKEN_NONCE_BYTES], blob[TOKEN_NONCE_BYTES:], None))
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold a nonce
            raise InvalidImportTokenException("The import token is malformed.") from error
        return ImportToken(**(said | {"valid_to": datetime.fromisoformat(said["valid_to"])}))


def unwrap(private_key: rsa.RSAPrivateKey, algorithm: str, wrapped: bytes) -> bytes:
    """The bytes inside; InvalidCiphertextException if this pair and algorithm do not open them."""
    digest = DIGESTS[algorithm.rsplit("_", 1)[1]]
    oaep = padding.OAEP(mgf=padding.MGF1(digest()), algorithm=digest(), label=None)
    try:
        if not algorithm.startswith(AES_WRAP):
            return private_key.decrypt(wrapped, oaep)
        # an AES key under RSA, then the material under that AES key by RFC 5649
        boundary = private_key.key_size // 8
        return aes_key_unwrap_with_padding(private_key.decrypt(wrapped[:boundary], oaep), wrapped[boundary:])
    except (ValueError, InvalidUnwrap) as error:
        raise InvalidCiphertextException("The wrapped key material cannot be unwrapped with this token.") from error
