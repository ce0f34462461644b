"""From a botocore exception to its class of fault (facts 3.2, 3.3): two families, ClientError and BotoCoreError."""

from botocore.exceptions import BotoCoreError, ClientError, ProxyConnectionError
from urllib3.exceptions import HTTPError as Urllib3Error

from kms_failover.domain.data_keys.fault import FaultClass, classify_code, classify_exception_names
from kms_failover.errors import CommitmentError, KmsFailoverError, RegionUnavailableError

# All that a call of KMS can raise and that says something about KMS; what else is raised is a defect
KMS_ERRORS = (ClientError, BotoCoreError, KmsFailoverError)

_OWN: dict[type[KmsFailoverError], FaultClass] = {
    RegionUnavailableError: FaultClass.REGION,
    CommitmentError: FaultClass.CIPHERTEXT,
}


def classify(error: BaseException) -> FaultClass | None:
    """None for what is no KMS answer and no network fault at all: a defect, which nobody may swallow."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return classify_code(code_of(error), status)
    if isinstance(error, KmsFailoverError):
        return next((fault for kind, fault in _OWN.items() if isinstance(error, kind)), None)
    if isinstance(error, ProxyConnectionError) and _is_proxy_away(error):
        return FaultClass.CALLER
    return classify_exception_names([ancestor.__name__ for ancestor in type(error).__mro__])


def _is_proxy_away(error: ProxyConnectionError) -> bool:
    """It could not be reached itself: urllib3's own error. A proxy that was reached and refused is a plain OSError."""
    return isinstance(getattr(error.kwargs.get("error"), "original_error", None), Urllib3Error)


def code_of(error: BaseException) -> str:
    """AWS's error code, or the class name where nothing was answered: `ReadTimeoutError`."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__
