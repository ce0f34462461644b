"""Public keys that are the same in every run. Nobody has their private halves: the moduli are drawn, not multiplied."""

from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EXPONENT = 65537


def numbers(bits: int) -> rsa.RSAPublicNumbers:
    drawn = int.from_bytes(Random(bits).randbytes(bits // 8))  # noqa: S311  # to be drawn again
    return rsa.RSAPublicNumbers(EXPONENT, drawn | 1 << (bits - 1) | 1)


def der(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def even(of: rsa.RSAPublicNumbers) -> bytes:
    """A key in form alone."""
    return der(rsa.RSAPublicNumbers(of.e, of.n - 1).public_key())


@cache
def usable() -> tuple[bytes, ...]:
    return tuple(der(numbers(bits).public_key()) for bits in (2048, 4096))


@cache
def elliptic() -> bytes:
    return der(ec.derive_private_key(4711, ec.SECP256R1()).public_key())
