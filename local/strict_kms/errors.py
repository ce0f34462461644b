# ruff: noqa: N818 - the class names are AWS's error codes, as they go over the wire
"""What the strict KMS refuses with: KMS error codes, each with the HTTP status AWS declares for it."""

from moto.core.exceptions import JsonRESTError

DEFAULT_STATUS = 400
# facts 3.1: statuses of the Smithy model; everything else is 400
STATUS_BY_CODE = {
    "NotFoundException": 404,
    "DisabledException": 409,
    "KMSInvalidStateException": 409,
    "AlreadyExistsException": 409,
    "ConflictException": 409,
    "DryRunOperationException": 412,
    "KMSInternalException": 500,
    "KeyUnavailableException": 500,
    "DependencyTimeoutException": 503,
}


class KmsError(JsonRESTError):
    """The root of our own refusals. The class name is the error code on the wire.

    Messages go to the caller and into logs: never put key material, plaintext or tokens into one.
    """

    def __init__(self, message: str) -> None:
        error_code = type(self).__name__
        super().__init__(error_code, message)
        self.code = STATUS_BY_CODE.get(error_code, DEFAULT_STATUS)


class AccessDeniedException(KmsError): ...


class AlreadyExistsException(KmsError): ...


class DisabledException(KmsError): ...


class DryRunOperationException(KmsError): ...


class ExpiredImportTokenException(KmsError): ...


class IncorrectKeyException(KmsError): ...


class IncorrectKeyMaterialException(KmsError): ...


class InvalidCiphertextException(KmsError): ...


class InvalidImportTokenException(KmsError): ...


class InvalidKeyUsageException(KmsError): ...


class KMSInternalException(KmsError): ...


class KMSInvalidStateException(KmsError): ...


class LimitExceededException(KmsError): ...


class NotFoundException(KmsError): ...


class SerializationException(KmsError): ...


class ThrottlingException(KmsError): ...


class UnknownOperationException(KmsError): ...


class UnrecognizedClientException(KmsError): ...


class UnsupportedOperationException(KmsError): ...


class ValidationException(KmsError): ...


def cannot_read_ciphertext() -> AccessDeniedException:
    """The one answer for a ciphertext of a key that is not in this Region (facts 2.2)."""
    return AccessDeniedException(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, "
        "or you are not allowed to access."
    )
