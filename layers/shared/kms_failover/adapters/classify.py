"""From a botocore exception to its class of fault (facts 3.2, 3.3): two families, ClientError and BotoCoreError."""

from botocore.exceptions import ClientError

from kms_failover.domain.fault import FaultClass, classify_code, classify_exception_names


def classify(error: BaseException) -> FaultClass | None:
    """None for what is no KMS answer and no network fault at all: a defect, which nobody may swallow."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return classify_code(code_of(error), status)
    return classify_exception_names([ancestor.__name__ for ancestor in type(error).__mro__])


def code_of(error: BaseException) -> str:
    """AWS's error code, or the class name where nothing was answered: `ReadTimeoutError`."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__
