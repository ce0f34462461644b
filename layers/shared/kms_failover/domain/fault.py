"""What a KMS error means: the table of facts 3.2, by code and class, never by message."""

from enum import StrEnum

HTTP_SERVER_ERROR = 500


class FaultClass(StrEnum):
    REGION = "region fault"  # evidence that a region is impaired: another region may succeed
    THROTTLE = "throttle"  # failing over would double the load elsewhere
    KEY = "key fault"  # this member key cannot be used; another region's may
    CALLER = "caller fault"  # the same anywhere
    CIPHERTEXT = "ciphertext fault"  # these bytes do not open under that key


_BY_CODE: dict[str, FaultClass] = {
    **dict.fromkeys(
        (
            "KMSInternalException",
            "DependencyTimeoutException",
            "KeyUnavailableException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "InternalFailure",
            "InternalServerError",
        ),
        FaultClass.REGION,
    ),
    **dict.fromkeys(
        (
            "ThrottlingException",
            "Throttling",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "LimitExceededException",
        ),
        FaultClass.THROTTLE,
    ),
    **dict.fromkeys(("DisabledException", "KMSInvalidStateException", "NotFoundException"), FaultClass.KEY),
    **dict.fromkeys(("InvalidCiphertextException", "IncorrectKeyException"), FaultClass.CIPHERTEXT),
    **dict.fromkeys(  # named, so that an odd HTTP status does not make them a region's (facts 3.1)
        (
            "AccessDeniedException",
            "ValidationException",
            "InvalidKeyUsageException",
            "InvalidArnException",
            "InvalidGrantTokenException",
            "UnsupportedOperationException",
            "ExpiredTokenException",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "DryRunOperationException",
        ),
        FaultClass.CALLER,
    ),
}

# botocore's families (facts 3.3). A name stands for its subclasses too; the nearest ancestor that is named decides.
_BY_EXCEPTION: dict[str, FaultClass] = {
    "ProxyConnectionError": FaultClass.CALLER,
    "ConnectionError": FaultClass.REGION,
    "HTTPClientError": FaultClass.REGION,
    "EndpointConnectionError": FaultClass.REGION,
    "ResponseParserError": FaultClass.REGION,
    "BotoCoreError": FaultClass.CALLER,
}


def classify_code(code: str, http_status: int) -> FaultClass:
    """The class of a modeled or unmodeled KMS error code; an unknown 5xx is the region's, any other the caller's."""
    if known := _BY_CODE.get(code):
        return known
    return FaultClass.REGION if http_status >= HTTP_SERVER_ERROR else FaultClass.CALLER


def classify_exception_names(names: list[str]) -> FaultClass | None:
    """The class of an exception given its class names, nearest ancestor first; None where no family is known."""
    return next((_BY_EXCEPTION[name] for name in names if name in _BY_EXCEPTION), None)
