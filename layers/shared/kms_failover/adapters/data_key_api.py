"""The data_keys function's requests: the KMS API's JSON, over Invoke or a Function URL."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Annotated, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kms_failover.adapters.failover_kms import FailoverKms
from kms_failover.adapters.failure import Failure
from kms_failover.domain.fault import FaultClass

OPERATIONS = {
    "GenerateDataKey": "generate_data_key",
    "GenerateDataKeyWithoutPlaintext": "generate_data_key_without_plaintext",
    "Encrypt": "encrypt",
    "Decrypt": "decrypt",
    "ReEncrypt": "re_encrypt",
    "Rewrap": "rewrap",
}
_STATUS = {FaultClass.THROTTLE: 429, FaultClass.REGION: 503, FaultClass.KEY: 409}


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not Base64") from error


Blob = Annotated[bytes, BeforeValidator(_decoded)]


class DataKeyRequest(BaseModel):
    """One operation; names as in the KMS API. Blobs are Base64. Hides its input in errors: it may be a plaintext."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    Operation: str
    KeyId: str | None = None
    KeySpec: str | None = None
    NumberOfBytes: int | None = None
    Plaintext: Blob | None = Field(None, repr=False)
    CiphertextBlob: Blob | None = None
    EncryptionContext: dict[str, str] | None = None
    SourceKeyId: str | None = None
    SourceEncryptionContext: dict[str, str] | None = None
    DestinationKeyId: str | None = None
    DestinationEncryptionContext: dict[str, str] | None = None


class DataKeyApi:
    def __init__(self, kms: FailoverKms) -> None:
        self._kms = kms

    def answer(self, event: Any) -> dict[str, Any]:
        """For an Invoke the answer itself; for a Function URL an HTTP response. Never raises for a caller's fault."""
        if isinstance(event, Mapping) and "requestContext" in event and "Operation" not in event:
            status, body = self._perform(_body(event))
            return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
        return self._perform(event)[1]

    def _perform(self, payload: Any) -> tuple[int, dict[str, Any]]:
        try:
            request = DataKeyRequest.model_validate(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(map(str, first["loc"])) or "the request"
            return _refused(f"{field}: {first['msg']}")
        if request.Operation not in OPERATIONS:
            known = ", ".join(OPERATIONS)
            return _refused(f"Operation must be one of {known}")
        try:
            response = getattr(self._kms, OPERATIONS[request.Operation])(
                **request.model_dump(exclude={"Operation"}, exclude_none=True)
            )
        except (ClientError, BotoCoreError) as error:
            failure = Failure.of(error)
            return _STATUS.get(failure.fault, 400), {"Error": failure.as_error}
        return 200, {name: _encoded(value) for name, value in response.items() if name != "ResponseMetadata"}


def _body(event: Mapping[str, Any]) -> Any:
    text = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (ValueError, TypeError, RecursionError):  # the last: brackets in brackets in brackets
        return None


def _encoded(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _refused(message: str) -> tuple[int, dict[str, Any]]:
    return 400, {"Error": Failure("ValidationException", message, FaultClass.CALLER).as_error}
