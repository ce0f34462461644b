"""What an error means: the whole table of facts 3.2, and both of botocore's families."""

import socket
from typing import Any

import botocore.exceptions as boto
import botocore.session
import pytest
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProxyError

from kms_failover.adapters.classify import classify, code_of
from kms_failover.domain.data_keys.fault import FaultClass, classify_code, classify_exception_names

TABLE = {
    FaultClass.REGION: [
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalFailure",
        "InternalServerError",
    ],
    FaultClass.THROTTLE: [
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "LimitExceededException",
    ],
    FaultClass.KEY: ["DisabledException", "KMSInvalidStateException", "NotFoundException"],
    FaultClass.CALLER: [
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
    ],
    FaultClass.CIPHERTEXT: ["InvalidCiphertextException", "IncorrectKeyException"],
}
KNOWN = [(code, fault) for fault, codes in TABLE.items() for code in codes]


def client_error(code: str, status: int = 400) -> boto.ClientError:
    response = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(response, "Decrypt")  # type: ignore[arg-type]  # as little of a response as is read


@pytest.mark.parametrize(("code", "fault"), KNOWN)
@pytest.mark.parametrize("status", [0, 400, 409, 500, 503])
def test_a_known_code_means_the_same_whatever_the_status(code: str, fault: FaultClass, status: int) -> None:
    assert classify(client_error(code, status)) is fault


@given(st.text(), st.integers(500, 599))
def test_an_unknown_5xx_is_the_regions(code: str, status: int) -> None:
    if code in dict(KNOWN):
        return

    assert classify_code(code, status) is FaultClass.REGION


@given(st.text(), st.integers(0, 499))
def test_an_unknown_4xx_is_the_callers(code: str, status: int) -> None:
    if code in dict(KNOWN) or code in {"", str(status)}:
        return

    assert classify_code(code, status) is FaultClass.CALLER


@pytest.mark.parametrize("no_code", [str, lambda _status: ""], ids=["status", "empty"])
@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (302, FaultClass.REGION),
        (403, FaultClass.REGION),
        (404, FaultClass.REGION),
        (421, FaultClass.REGION),
        (429, FaultClass.THROTTLE),
        (400, FaultClass.CALLER),
        (413, FaultClass.CALLER),
        (407, FaultClass.CALLER),
        (502, FaultClass.REGION),
    ],
)
def test_an_answer_without_a_code_is_somebody_elses_than_kms(no_code: Any, status: int, fault: FaultClass) -> None:
    assert classify(client_error(no_code(status), status)) is fault


def proxy_error(original: Exception) -> boto.ProxyConnectionError:
    """As botocore raises it: around urllib3's, around what happened."""
    return boto.ProxyConnectionError(proxy_url="http://p", error=ProxyError("Unable to connect to proxy", original))


URL = {"endpoint_url": "https://kms.us-east-1.amazonaws.com"}


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (boto.EndpointConnectionError(error="DNS", **URL), FaultClass.REGION),
        (boto.ConnectTimeoutError(error="t", **URL), FaultClass.REGION),
        (boto.ReadTimeoutError(error="t", **URL), FaultClass.REGION),
        (boto.ConnectionClosedError(error="t", **URL), FaultClass.REGION),
        (boto.ConnectionError(error=OSError()), FaultClass.REGION),
        (boto.HTTPClientError(error="t"), FaultClass.REGION),
        (boto.ResponseStreamingError(error="t"), FaultClass.REGION),
        (boto.SSLError(error=OSError(), **URL), FaultClass.REGION),
        (ResponseParserError("an answer that is no JSON"), FaultClass.REGION),
        (proxy_error(OSError("Tunnel connection failed: 502 Bad Gateway")), FaultClass.REGION),
        (proxy_error(NewConnectionError(HTTPConnection("p"), "refused")), FaultClass.CALLER),
        (proxy_error(NameResolutionError("p", HTTPConnection("p"), socket.gaierror())), FaultClass.CALLER),
        (boto.ParamValidationError(report="r"), FaultClass.CALLER),
        (boto.NoCredentialsError(), FaultClass.CALLER),
        (boto.CredentialRetrievalError(provider="p", error_msg="m"), FaultClass.CALLER),
        (boto.TokenRetrievalError(provider="p", error_msg="m"), FaultClass.CALLER),
        (boto.UnknownEndpointError(service_name="kms", region_name="r"), FaultClass.CALLER),
        (boto.NoRegionError(), FaultClass.CALLER),
        (boto.EndpointProviderError(msg="m"), FaultClass.CALLER),
    ],
    ids=lambda value: type(value).__name__,
)
def test_botocores_own_family_is_classified_too(error: BaseException, fault: FaultClass) -> None:
    assert classify(error) is fault
    assert code_of(error) == type(error).__name__


def test_every_class_of_botocores_network_families_is_a_region_fault_a_proxys_word_as_well() -> None:
    network = [
        kind
        for kind in vars(boto).values()
        if isinstance(kind, type) and issubclass(kind, boto.ConnectionError | boto.HTTPClientError)
    ]

    unlike = {
        k.__name__ for k in network if classify_exception_names([a.__name__ for a in k.__mro__]) != "region fault"
    }

    assert len(network) >= 8
    assert unlike == set()


@pytest.mark.parametrize("defect", [TypeError(), KeyError("k"), RuntimeError(), MemoryError()])
def test_a_defect_is_no_fault_of_kms_at_all(defect: BaseException) -> None:
    assert classify(defect) is None


def test_an_error_without_a_code_or_a_status_is_the_callers() -> None:
    bare = boto.ClientError({}, "Decrypt")

    assert classify(bare) is FaultClass.CALLER
    assert code_of(bare) == "Unknown"


@pytest.mark.parametrize("operation", ["GenerateDataKey", "Encrypt", "Decrypt"])
def test_every_exception_that_kms_models_for_what_is_called_is_in_the_table(operation: str) -> None:
    model = botocore.session.Session().get_service_model("kms").operation_model(operation)

    modeled = {shape.name for shape in model.error_shapes}

    assert "DisabledException" in modeled
    assert modeled <= {code for code, _ in KNOWN}


def test_every_exception_of_botocores_two_families_has_a_class() -> None:
    families = [kind for kind in vars(boto).values() if isinstance(kind, type) and issubclass(kind, boto.BotoCoreError)]

    assert len(families) > 50
    for kind in families:
        names = [ancestor.__name__ for ancestor in kind.__mro__]
        assert classify_exception_names(names) is not None, kind
