"""What boto3 answers, looked at: something in KMS's place can answer too."""

from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError

from kms_failover.domain.data_keys.kms_limits import MAX_BLOB_BYTES
from kms_failover.errors import MalformedAnswerError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

# What an answer must hold; botocore takes HTML with status 200 for an answer that holds nothing
_ANSWERS = {
    "generate_data_key": ("CiphertextBlob", "Plaintext"),
    "encrypt": ("CiphertextBlob",),
    "decrypt": ("Plaintext",),
}
# What botocore's parser raises over bytes that are no answer: not UTF-8, not Base64, JSON of another shape
_UNREADABLE = (ResponseParserError, ValueError, TypeError, AttributeError, KeyError)
_BYTES = {"AES_256": 32, "AES_128": 16}


def answer_of(client: "KMSClient", region: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What boto3 answers and raises; MalformedAnswerError for an answer that is none, or lacks what was asked for."""
    try:
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
    except _UNREADABLE as error:
        if not _came_from_the_parser(error):
            raise  # credentials, a caller's hook, a defect: nothing that a region said
        raise MalformedAnswerError(region, f"an answer to {operation} that is no KMS answer") from error
    for name in _ANSWERS[operation]:
        if not isinstance(answer.get(name), bytes) or not answer[name]:
            raise MalformedAnswerError(region, f"an answer to {operation} without {name}")
    if len(answer.get("CiphertextBlob", b"")) > MAX_BLOB_BYTES:
        raise MalformedAnswerError(region, f"an answer to {operation} with more than a blob")
    wanted = parameters.get("NumberOfBytes") or _BYTES.get(parameters.get("KeySpec", ""))
    if wanted is not None and len(answer["Plaintext"]) != wanted:
        raise MalformedAnswerError(region, f"an answer to {operation} with a key of another length")
    return answer


def _came_from_the_parser(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "botocore.parsers":
            return True
        trace = trace.tb_next
    return False
