"""The parameters of a request, as far as a key set can take them: checked once, before any region is asked."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ParamValidationError

from kms_failover.domain.data_keys.bundle import MIN_COMMITTED_KEY_BYTES, NONCE_BYTES
from kms_failover.domain.data_keys.kms_limits import MAX_DATA_KEY_BYTES, MAX_PLAINTEXT_BYTES

MAX_MESSAGE_BYTES = MAX_PLAINTEXT_BYTES - NONCE_BYTES  # a message's nonce is wrapped with it
DEFAULT_ALGORITHM = ("EncryptionAlgorithm", "SYMMETRIC_DEFAULT")

SIZE = frozenset({"KeySpec", "NumberOfBytes"})
FOR_ALL = frozenset({"KeyId", "EncryptionContext"})
GENERATE = FOR_ALL | SIZE | {"MessageBytes"}
ENCRYPT = FOR_ALL | {"Plaintext"}
DECRYPT = FOR_ALL | {"CiphertextBlob"}
RE_ENCRYPT = frozenset(
    {
        "CiphertextBlob",
        "SourceKeyId",
        "SourceEncryptionContext",
        "DestinationKeyId",
        "DestinationEncryptionContext",
    }
)


def blob_in(request: Mapping[str, Any], name: str) -> bytes:
    """What boto3 takes for a blob: bytes, text, or a file."""
    value: Any = request.get(name)
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise ParamValidationError(report=f"{name} is no text that can be encoded") from error
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ParamValidationError(report=f"{name} must be bytes")
    return bytes(value)


def size_in(request: Mapping[str, Any]) -> dict[str, Any]:
    """KeySpec, NumberOfBytes, or what of them was said; KMS itself says that it must be one of the two."""
    spec, size = request.get("KeySpec"), request.get("NumberOfBytes")
    if spec is not None and not isinstance(spec, str):
        raise ParamValidationError(report="KeySpec must be a string")
    if size is not None and (type(size) is not int or not MIN_COMMITTED_KEY_BYTES <= size <= MAX_DATA_KEY_BYTES):
        raise ParamValidationError(
            report=f"NumberOfBytes must be from {MIN_COMMITTED_KEY_BYTES} (for a bundle) to {MAX_DATA_KEY_BYTES}"
        )
    return {name: value for name, value in (("KeySpec", spec), ("NumberOfBytes", size)) if value}


def message_bytes_in(request: Mapping[str, Any]) -> int | None:
    value = request.get("MessageBytes")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ParamValidationError(report="MessageBytes must be a number of bytes, or left out")
    return value


def refuse_others(request: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """What says no more than a default is let pass: `DryRun=False`, no grant tokens, the one algorithm there is."""
    unknown = request.keys() - allowed
    said = {name for name in unknown if request[name] and (name, request[name]) != DEFAULT_ALGORITHM}
    if said:
        raise ParamValidationError(report=f"not supported for a key set: {', '.join(sorted(said))}")


def context_in(request: Mapping[str, Any], name: str = "EncryptionContext") -> dict[str, str]:
    context = request.get(name)
    if context is None:
        return {}
    if type(context) is not dict and not isinstance(context, Mapping):
        raise ParamValidationError(report=f"{name} must be a dict of str to str")
    for key, value in context.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ParamValidationError(report=f"{name} must be a dict of str to str")
    return dict(context)
