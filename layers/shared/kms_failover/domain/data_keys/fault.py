"""What a KMS error means: the table of facts 3.2, by code and class, never by message."""

from enum import StrEnum

HTTP_SERVER_ERROR = 500


class FaultClass(StrEnum):
    REGION = "region fault"  # evidence that a region is impaired: another region may succeed
    THROTTLE = "throttle"  # no outage: KMS answers, and failing over would double the load elsewhere
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
# A proxy's word that it cannot reach the origin is among them (docs/decisions/0018).
_BY_EXCEPTION: dict[str, FaultClass] = {
    "ConnectionError": FaultClass.REGION,
    "HTTPClientError": FaultClass.REGION,
    "EndpointConnectionError": FaultClass.REGION,
    "ResponseParserError": FaultClass.REGION,
    "BotoCoreError": FaultClass.CALLER,
}


# Without an AWS code, so by something in KMS's place: a captive portal, a wrong VPC endpoint, a load balancer. 400, 413
# and 431 are what a front end says to a request that no region would take, 407 is a proxy's: these are the caller's.
_NOT_KMS = frozenset({301, 302, 303, 307, 308, 403, 404, 408, 421})
_TOO_MANY_REQUESTS = 429


def classify_code(code: str, http_status: int) -> FaultClass:
    """The class of a modeled or unmodeled KMS error code; an unknown 5xx is the region's, any other the caller's.

    botocore gives an answer without a code its status for one.
    """
    if known := _BY_CODE.get(code):
        return known
    if code in {"", str(http_status)} and http_status in _NOT_KMS:
        return FaultClass.REGION
    if code in {"", str(http_status)} and http_status == _TOO_MANY_REQUESTS:
        return FaultClass.THROTTLE
    return FaultClass.REGION if http_status >= HTTP_SERVER_ERROR else FaultClass.CALLER


def classify_exception_names(names: list[str]) -> FaultClass | None:
    """The class of an exception given its class names, nearest ancestor first; None where no family is known."""
    return next((_BY_EXCEPTION[name] for name in names if name in _BY_EXCEPTION), None)
