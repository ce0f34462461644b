# ruff: noqa: N818 - the class names are AWS's error codes, as they go over the wire
"""What the strict KMS refuses with: moto's exceptions where moto has one that carries a message, else our own.

Messages go to the caller and into logs: never put key material, plaintext or tokens into one.
"""

from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import (
    AccessDeniedException,
    AlreadyExistsException,
    NotFoundException,
    ValidationException,
)

__all__ = [
    "AccessDeniedException",
    "AlreadyExistsException",
    "DisabledException",
    "DryRunOperationException",
    "ExpiredImportTokenException",
    "IncorrectKeyException",
    "IncorrectKeyMaterialException",
    "InvalidCiphertextException",
    "InvalidGrantTokenException",
    "InvalidImportTokenException",
    "InvalidKeyUsageException",
    "InvalidMarkerException",
    "KMSInternalException",
    "KMSInvalidSignatureException",
    "KMSInvalidStateException",
    "KmsError",
    "LimitExceededException",
    "MalformedPolicyDocumentException",
    "NotFoundException",
    "SerializationException",
    "TagException",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "UnsupportedOperationException",
    "ValidationException",
    "cannot_read_ciphertext",
    "status_of",
]

# facts 3.1: what the caller did wrong was 400 in every recording, whatever the service model declares
DEFAULT_STATUS = 400
# facts 3.1: of the faults of KMS there is no recording, so these are the model's (UNCONFIRMED on the wire)
STATUS_BY_CODE = {
    "KMSInternalException": 500,
    "KeyUnavailableException": 500,
    "DependencyTimeoutException": 503,
}


def status_of(code: str) -> int:
    """The HTTP status for an error code; moto's own exceptions all say 400."""
    return STATUS_BY_CODE.get(code, DEFAULT_STATUS)


class KmsError(JsonRESTError):
    """The root of what moto lacks. The class name is the error code on the wire.

    Without a message the answer has no such member, as recorded for ciphertexts, signatures and the like (facts 3.1).
    """

    def __init__(self, message: str = "") -> None:
        error_code = type(self).__name__
        super().__init__(error_code, message)
        self.code = status_of(error_code)


class DisabledException(KmsError): ...


class DryRunOperationException(KmsError): ...


class ExpiredImportTokenException(KmsError): ...


class IncorrectKeyException(KmsError): ...


class IncorrectKeyMaterialException(KmsError): ...


class InvalidCiphertextException(KmsError):
    """AWS says no more than this (recorded: test_encrypt_decrypt_encryption_context, 2025-09-22)."""


class InvalidGrantTokenException(KmsError): ...


class InvalidImportTokenException(KmsError): ...


class InvalidKeyUsageException(KmsError):
    """In place of moto's, which carries no message."""


class InvalidMarkerException(KmsError): ...


class KMSInternalException(KmsError): ...


class KMSInvalidSignatureException(KmsError): ...


class KMSInvalidStateException(KmsError): ...


class LimitExceededException(KmsError): ...


class MalformedPolicyDocumentException(KmsError): ...


class SerializationException(KmsError): ...


class TagException(KmsError): ...


class ThrottlingException(KmsError): ...


class UnknownOperationException(KmsError): ...


class UnrecognizedClientException(KmsError): ...


class UnsupportedOperationException(KmsError): ...


def cannot_read_ciphertext() -> AccessDeniedException:
    """The one answer for a ciphertext of a key that is not in this Region (facts 2.2)."""
    return AccessDeniedException(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
        "or you are not allowed to access."
    )
