"""Signatures of messages and of digests by asymmetric keys (botocore kms:Sign)."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from .errors import ValidationException

HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def sign(key: SigningKey, algorithm: str, message: bytes, *, is_digest: bool) -> bytes:
    """The algorithm is one of the key's spec. Raises ValidationException for a digest of another length."""
    scheme = _scheme(algorithm, message, is_digest=is_digest)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(scheme))
    return key.sign(message, _padding(algorithm), scheme)


def is_valid(key: SigningKey, algorithm: str, message: bytes, signature: bytes, *, is_digest: bool) -> bool:
    """As `sign`."""
    scheme = _scheme(algorithm, message, is_digest=is_digest)
    try:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            key.public_key().verify(signature, message, ec.ECDSA(scheme))
        else:
            key.public_key().verify(signature, message, _padding(algorithm), scheme)
    except InvalidSignature:
        return False
    return True


def _scheme(algorithm: str, message: bytes, *, is_digest: bool) -> Prehashed | hashes.HashAlgorithm:
    chosen = _hash(algorithm)
    if not is_digest:
        return chosen
    if len(message) != chosen.digest_size:  # recorded: test_sign_verify, 2023-04-13
        raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.")
    return Prehashed(chosen)


def _padding(algorithm: str) -> padding.AsymmetricPadding:
    if "PSS" not in algorithm:
        return padding.PKCS1v15()
    # a salt as long as the digest (recorded: test_verify_salt_length, 2025-04-02); moto's is as long as it can be
    return padding.PSS(mgf=padding.MGF1(_hash(algorithm)), salt_length=padding.PSS.DIGEST_LENGTH)


def _hash(algorithm: str) -> hashes.HashAlgorithm:
    return HASHES[algorithm.rsplit("_", 1)[1]]
