"""What each key spec is for, which material it takes and how that is wrapped (facts 1.1, 1.2)."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.kms.utils import AbstractPrivateKey, ECDSAPrivateKey, RSAPrivateKey

from .errors import IncorrectKeyMaterialException, UnsupportedOperationException, ValidationException
from .wrapping import AES_KEY_WRAP, MODULUS_BITS, OAEP

SYMMETRIC = "SYMMETRIC_DEFAULT"
SYMMETRIC_BYTES = 32  # facts 1.2
HMAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}  # at least; facts 1.2
LONGEST_HMAC_BYTES = 128  # 1024 bits; facts 1.2
CURVES = {
    "ECC_NIST_P256": "secp256r1",
    "ECC_NIST_P384": "secp384r1",
    "ECC_NIST_P521": "secp521r1",
    "ECC_SECG_P256K1": "secp256k1",
}

ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
SIGN_VERIFY = "SIGN_VERIFY"
GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
KEY_AGREEMENT = "KEY_AGREEMENT"
# botocore kms:CreateKey, less what is not offered: moto has no DeriveSharedSecret and no encryption by RSA
USAGES = (
    {SYMMETRIC: (ENCRYPT_DECRYPT,)}
    | dict.fromkeys(HMAC_BYTES, (GENERATE_VERIFY_MAC,))
    | dict.fromkeys(MODULUS_BITS, (SIGN_VERIFY,))
    | dict.fromkeys(CURVES, (SIGN_VERIFY,))
)


class ImportedRsaKey(RSAPrivateKey):
    """moto's, with a pair that was not generated here."""

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        self.key_size = private_key.key_size
        self.private_key = private_key


class ImportedEcdsaKey(ECDSAPrivateKey):
    """moto's, with a pair that was not generated here."""

    def __init__(self, spec: str, private_key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__(spec)
        self.private_key = private_key


def usage_of(spec: str, wanted: str | None) -> str:
    """The usage of a new key. Only for symmetric encryption keys it may be left out (botocore kms:CreateKey)."""
    if spec not in USAGES:
        raise UnsupportedOperationException(f"the strict KMS has no keys of spec {spec}")
    usage = wanted or (ENCRYPT_DECRYPT if spec == SYMMETRIC else None)
    if usage is None:
        raise ValidationException(  # recorded: test_hmac_create_key_invalid_operations, 2023-04-13
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        )
    if spec in MODULUS_BITS and usage == ENCRYPT_DECRYPT:
        raise UnsupportedOperationException("the strict KMS has no RSA keys for encryption")
    if spec in CURVES and usage == KEY_AGREEMENT:
        raise UnsupportedOperationException("the strict KMS has no keys for key agreement")
    if usage not in USAGES[spec]:
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    return usage


def require_wrapping(spec: str, algorithm: str, wrapping_spec: str) -> None:
    """Facts 1.1. Which error AWS gives for a pairing that it does not offer is UNCONFIRMED."""
    offered = algorithm in OAEP + AES_KEY_WRAP and wrapping_spec in MODULUS_BITS  # SM2 is for China Regions only
    if spec in MODULUS_BITS:
        offered = offered and algorithm in AES_KEY_WRAP
    elif spec not in CURVES:
        offered = offered and algorithm in OAEP
    if spec == "ECC_NIST_P521" and wrapping_spec == "RSA_2048":
        offered = offered and algorithm in AES_KEY_WRAP  # too long for OAEP
    if not offered:
        raise UnsupportedOperationException(f"{algorithm} with {wrapping_spec} is not supported for {spec} keys.")


def require_material(spec: str, secret: bytes) -> None:
    """Raises IncorrectKeyMaterialException for bytes that are no key of this spec (facts 1.2)."""
    if spec == SYMMETRIC and len(secret) != SYMMETRIC_BYTES:
        raise IncorrectKeyMaterialException(f"The key material must be {SYMMETRIC_BYTES} bytes long.")
    if spec in HMAC_BYTES and not HMAC_BYTES[spec] <= len(secret) <= LONGEST_HMAC_BYTES:
        raise IncorrectKeyMaterialException(
            f"The key material must be {HMAC_BYTES[spec]} to {LONGEST_HMAC_BYTES} bytes long."
        )
    if spec in MODULUS_BITS or spec in CURVES:
        private_key_of(spec, secret)


def private_key_of(spec: str, secret: bytes) -> AbstractPrivateKey:
    """From PKCS #8 DER (facts 1.2). Raises IncorrectKeyMaterialException for anything else."""
    try:
        private_key = serialization.load_der_private_key(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is encrypted
        raise IncorrectKeyMaterialException("The key material is no private key in PKCS #8 DER.") from error
    if isinstance(private_key, rsa.RSAPrivateKey) and private_key.key_size == MODULUS_BITS.get(spec):
        return ImportedRsaKey(private_key)
    if isinstance(private_key, ec.EllipticCurvePrivateKey) and private_key.curve.name == CURVES.get(spec):
        return ImportedEcdsaKey(spec, private_key)
    raise IncorrectKeyMaterialException(f"The key material is no private key of spec {spec}.")
