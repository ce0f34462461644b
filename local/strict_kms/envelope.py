"""The ciphertext format: AES-256-GCM under one material, bound to the key, its Region and the encryption context.

Layout: magic | length of key id (1 byte) | key id | material id (32) | nonce (12) | ciphertext and tag | seal (16).
The seal is a MAC under a secret of the installation, so a blob with any byte changed is InvalidCiphertext even where
the change hits the key id, which would otherwise look like a ciphertext of some other key.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import InvalidCiphertextException

MAGIC = b"sKMS\x01"
MATERIAL_ID_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SEAL_BYTES = 16


@dataclass(frozen=True, slots=True)
class Envelope:
    """A ciphertext taken apart; what it names is authentic, what it carries is not opened yet."""

    key_id: str
    material_id: str
    nonce: bytes
    body: bytes = field(repr=False)


def encrypt(
    plaintext: bytes,
    *,
    key_id: str,
    scope: str,
    material_id: str,
    secret: bytes,
    context: Mapping[str, str],
    seal: bytes,
) -> bytes:
    """The blob that only `decrypt` with the same scope, secret and context opens.

    `scope` is what it is bound to: the ARN of a single-Region key, the id of a multi-Region key (facts 2.1).
    """
    nonce = os.urandom(NONCE_BYTES)
    body = AESGCM(secret).encrypt(nonce, plaintext, _associated_data(scope, material_id, context))
    name = key_id.encode()
    blob = MAGIC + bytes([len(name)]) + name + bytes.fromhex(material_id) + nonce + body
    return blob + _seal(blob, seal)


def parse(blob: bytes, seal: bytes) -> Envelope:
    """Raises InvalidCiphertextException for everything that this installation did not make, byte for byte."""
    signed, mac = blob[:-SEAL_BYTES], blob[-SEAL_BYTES:]
    if not signed.startswith(MAGIC) or not hmac.compare_digest(_seal(signed, seal), mac):
        raise InvalidCiphertextException
    start = len(MAGIC) + 1
    end = start + signed[len(MAGIC)]
    nonce_at = end + MATERIAL_ID_BYTES
    body_at = nonce_at + NONCE_BYTES
    return Envelope(
        key_id=signed[start:end].decode(),
        material_id=signed[end:nonce_at].hex(),
        nonce=signed[nonce_at:body_at],
        body=signed[body_at:],
    )


def decrypt(envelope: Envelope, *, scope: str, secret: bytes, context: Mapping[str, str]) -> bytes:
    associated_data = _associated_data(scope, envelope.material_id, context)
    try:
        return AESGCM(secret).decrypt(envelope.nonce, envelope.body, associated_data)
    except InvalidTag as error:
        raise InvalidCiphertextException from error


def _associated_data(scope: str, material_id: str, context: Mapping[str, str]) -> bytes:
    """Length-prefixed, so that {"ab": "c"} and {"a": "bc"} differ; moto only concatenates."""
    fields = [scope, material_id]
    for name, value in sorted(context.items()):
        fields += [name, value]
    encoded = [item.encode() for item in fields]
    return b"".join(len(item).to_bytes(4, "big") + item for item in encoded)


def _seal(blob: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, blob, hashlib.sha256)[:SEAL_BYTES]
