"""A recipient's RSA public key: plaintexts leave encrypted under it, so that nothing on the way reads them."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kms_failover.errors import RecipientError

ALGORITHM = "RSAES_OAEP_SHA_256"  # as KMS names it, for its own recipients and for imports
SMALLEST_BITS, LARGEST_BITS = 2048, 4096  # KMS's own wrapping keys (facts 1.1)
OVERHEAD_BYTES = 66  # RFC 8017, 7.1.1: a message has at most k - 2 * hLen - 2 bytes


class Recipient:
    def __init__(self, public_key: bytes) -> None:
        """`public_key`: DER, SubjectPublicKeyInfo. RecipientError for anything but RSA of a usual size that works."""
        try:
            key = load_der_public_key(public_key)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise RecipientError("Recipient.PublicKey is no public key in DER (SubjectPublicKeyInfo)") from error
        if not isinstance(key, rsa.RSAPublicKey) or not SMALLEST_BITS <= key.key_size <= LARGEST_BITS:
            raise RecipientError(f"Recipient.PublicKey must be RSA of {SMALLEST_BITS} to {LARGEST_BITS} bits")
        self._key = key
        try:
            self.encrypt(b"")
        except ValueError as error:  # an even modulus, an exponent of 1: numbers that are no key
            raise RecipientError("Recipient.PublicKey is no RSA key that anything can be encrypted under") from error

    def encrypt(self, plaintext: bytes) -> bytes:
        """RSA-OAEP with SHA-256 for both hashes (RFC 8017); RecipientError for a plaintext too long for the key."""
        longest = self._key.key_size // 8 - OVERHEAD_BYTES
        if len(plaintext) > longest:
            raise RecipientError(f"the plaintext is longer than the {longest} bytes that Recipient.PublicKey takes")
        return self._key.encrypt(plaintext, padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
