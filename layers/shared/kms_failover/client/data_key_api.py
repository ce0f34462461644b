"""The data_keys function's requests: the KMS API's JSON, over Invoke or a Function URL."""

import base64
import binascii
import json
import logging
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Annotated, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, ValidationError

from kms_failover.client.failover_kms import FailoverKms
from kms_failover.client.failure import Failure
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.event_fields import json_object, problem_in
from kms_failover.errors import EventFormatError, RecipientError, RequestError

if TYPE_CHECKING:
    from kms_failover.client.recipient import Recipient

logger = logging.getLogger(__name__)

OPERATIONS = {
    "GenerateDataKey": "generate_data_key",
    "GenerateDataKeyWithoutPlaintext": "generate_data_key_without_plaintext",
    "Encrypt": "encrypt",
    "Decrypt": "decrypt",
    "ReEncrypt": "re_encrypt",
    "Rewrap": "rewrap",
}
WITH_RECIPIENT = ("GenerateDataKey", "Decrypt")  # as in KMS, those that answer with a plaintext
MAX_BATCH = 100  # their answers, of eight wraps each, are 0.3 MB; Lambda carries 6
BATCH_AT_ONCE = 8  # each holds a thread of a region or two, of 32
BATCH_SECONDS = 15.0  # after that none is begun; the last may take a deadline of 8 s, and the function has 30
NOT_BEGUN = Failure("DependencyTimeoutException", "not begun in time: ask again, with fewer", FaultClass.REGION)
UNFORESEEN = Failure("InternalError", "a mistake of data_keys' own, which is in its log", FaultClass.CALLER)

_STATUS = {FaultClass.THROTTLE: 429, FaultClass.REGION: 503, FaultClass.KEY: 409}


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not Base64") from error


Blob = Annotated[bytes, BeforeValidator(_decoded)]


class RecipientInfo(BaseModel):
    """Whose public key the plaintext is to be encrypted under; KMS takes an attestation document here instead."""

    model_config = ConfigDict(extra="forbid")

    KeyEncryptionAlgorithm: Literal["RSAES_OAEP_SHA_256"]
    PublicKey: Blob


class DataKeyRequest(BaseModel):
    """One operation; names as in the KMS API. Blobs are Base64. Hides its input in errors: it may be a plaintext."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    Operation: str
    KeyId: str | None = None
    KeySpec: str | None = None
    NumberOfBytes: StrictInt | None = None
    Plaintext: Blob | None = Field(None, repr=False)
    CiphertextBlob: Blob | None = None
    EncryptionContext: dict[str, str] | None = None
    Recipient: RecipientInfo | None = None
    SourceKeyId: str | None = None
    SourceEncryptionContext: dict[str, str] | None = None
    DestinationKeyId: str | None = None
    DestinationEncryptionContext: dict[str, str] | None = None


class DataKeyApi:
    """One request, or a batch: `{"Requests": [...]}` is answered with `{"Responses": [...]}`, each by itself."""

    def __init__(self, kms: FailoverKms) -> None:
        self._kms = kms

    def answer(self, event: Any) -> dict[str, Any]:
        """For an Invoke the answer itself; for a Function URL an HTTP response.

        Raises for no request: Lambda would log the error's text, which may hold anything.
        """
        if isinstance(event, Mapping) and "requestContext" in event and "Operation" not in event:
            status, body = self._respond(_body(event))
            return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
        return self._respond(event)[1]

    def _respond(self, payload: Any) -> tuple[int, dict[str, Any]]:
        if not isinstance(payload, Mapping) or "Requests" not in payload:
            return self._perform(payload)
        requests = payload["Requests"]
        if len(payload) > 1 or not isinstance(requests, list) or not 1 <= len(requests) <= MAX_BATCH:
            return _refused(f"a batch has nothing but Requests, a list of 1 to {MAX_BATCH}")
        deadline = time.monotonic() + BATCH_SECONDS

        def one(request: Any) -> dict[str, Any]:
            if time.monotonic() >= deadline:
                return {"Error": NOT_BEGUN.as_error}
            return self._perform(request)[1]

        context = copy_context()  # a context can be entered by one thread at a time: each gets a copy
        with ThreadPoolExecutor(BATCH_AT_ONCE, thread_name_prefix="kms-failover-batch") as threads:
            return 200, {"Responses": list(threads.map(lambda request: context.copy().run(one, request), requests))}

    def _perform(self, payload: Any) -> tuple[int, dict[str, Any]]:
        try:
            return 200, self._answer_to(_request(payload))
        except (RequestError, RecipientError) as error:
            return _refused(str(error))
        except ParamValidationError as error:
            return _refused(str(error.kwargs["report"]))
        except (ClientError, BotoCoreError) as error:
            failure = Failure.of(error)
            return _STATUS.get(failure.fault, 400), {"Error": failure.as_error}
        except Exception as error:  # noqa: BLE001  # a mistake of ours costs one answer: a batch's others hold data keys
            return _unforeseen(error)

    def _answer_to(self, request: DataKeyRequest) -> dict[str, Any]:
        recipient = None if request.Recipient is None else _recipient(request.Recipient)
        parameters = request.model_dump(exclude={"Operation", "Recipient"}, exclude_none=True)
        response = getattr(self._kms, OPERATIONS[request.Operation])(**parameters)
        if recipient is not None:
            response["CiphertextForRecipient"] = recipient.encrypt(response.pop("Plaintext"))
        return {name: _encoded(value) for name, value in response.items() if name != "ResponseMetadata"}


def _request(payload: Any) -> DataKeyRequest:
    """RequestError says what is wrong with it, and shows none of it: it may hold a plaintext."""
    try:
        request = DataKeyRequest.model_validate(json_object(payload, "a request"))
    except EventFormatError as error:
        raise RequestError(str(error)) from error
    except ValidationError as error:
        raise RequestError(problem_in(error)) from error
    if request.Operation not in OPERATIONS:
        raise RequestError(f"Operation must be one of {', '.join(OPERATIONS)}")
    if request.Recipient is not None and request.Operation not in WITH_RECIPIENT:
        raise RequestError(f"Recipient is for {' and '.join(WITH_RECIPIENT)}")
    return request


def _recipient(info: RecipientInfo) -> "Recipient":
    from kms_failover.client.recipient import Recipient

    return Recipient(info.PublicKey)


def _body(event: Mapping[str, Any]) -> Any:
    text = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (ValueError, TypeError, RecursionError):  # the last: brackets in brackets in brackets
        return None


def _encoded(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _unforeseen(error: Exception) -> tuple[int, dict[str, Any]]:
    """Logged by its class and place alone: the text of an error that nobody has foreseen may hold anything."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("a request failed: %s\n%s", type(error).__name__, where)
    return 500, {"Error": UNFORESEEN.as_error}


def _refused(message: str) -> tuple[int, dict[str, Any]]:
    return 400, {"Error": Failure("ValidationException", message, FaultClass.CALLER).as_error}
