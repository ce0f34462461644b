"""What every call goes through: signed Region, strict arguments, quota, latency, lock, error shape, trail."""

import base64
import json
import re
from typing import Any, cast

from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import JsonRESTError
from moto.core.utils import camelcase_to_underscores
from moto.kms.models import kms_backends
from moto.kms.responses import KmsResponse

from . import trail
from .errors import (
    DryRunOperationException,
    ThrottlingException,
    UnknownOperationException,
    UnrecognizedClientException,
    status_of,
)
from .models import StrictKmsBackend, settle_account
from .validation import decode_arguments, is_operation, parse_json

CONTENT_TYPE = "application/x-amz-json-1.1"
CREDENTIAL_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/(?P<region>[a-z0-9-]+)/")
# these take the lock themselves, for as long as they look at keys; all others hold it throughout
LOCKING_THEMSELVES = frozenset(
    {
        "CreateKey",
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateRandom",
        "GetParametersForImport",
        "ReEncrypt",
    }
)
# moto's own handlers look at no key state; ours do that themselves
GUARDED = {
    "CreateAlias": "TargetKeyId",
    "CreateGrant": "KeyId",
    "TagResource": "KeyId",
    "UntagResource": "KeyId",
    "UpdateAlias": "TargetKeyId",
    "UpdateKeyDescription": "KeyId",
}
# botocore kms:GetKeyPolicy, kms:PutKeyPolicy; moto wants it said
DEFAULTS = {"PolicyName": "default"}
# moto's handlers read these as bytes, all others as they came
BYTES_FOR_MOTO = frozenset({"CiphertextBlob", "Message", "Plaintext"})


class StrictHandling(KmsResponse):
    raw_arguments: dict[str, Any]
    arguments: dict[str, Any]

    @property
    def kms_backend(self) -> StrictKmsBackend:
        return cast("StrictKmsBackend", kms_backends[self.current_account][self.region])

    def get_region_from_url(self, request: Any, full_url: str) -> str:
        """The signed Region wins over host name and user agent, which moto believes first."""
        scope = CREDENTIAL_SCOPE.search(request.headers.get("Authorization", ""))
        return scope["region"] if scope else super().get_region_from_url(request, full_url)

    def call_action(self) -> TYPE_RESPONSE:
        """In place of moto's, which lists all methods of the class and searches the answer for XML at each call."""
        operation = self._get_action() or ""
        status, headers, error_code = 200, {"Content-Type": CONTENT_TYPE}, None
        try:
            body = self._checked_call(operation)
        except JsonRESTError as refusal:
            status, body, error_code = _error_shape(refusal)
            headers["x-amzn-ErrorType"] = error_code
        except Exception:
            self._count(operation, "KMSInternalException")
            raise
        self._count(operation, error_code)
        return status, headers, "{}" if body == "null" else body

    def _count(self, operation: str, error_code: str | None) -> None:
        backend = kms_backends[self.current_account].get(self.region)
        if isinstance(backend, StrictKmsBackend):
            known = operation if is_operation(operation) else "unknown"  # callers may invent names without end
            backend.installation.calls.record(self.region, known, error_code)

    def _checked_call(self, operation: str) -> str:
        if self.region not in kms_backends[self.current_account]:
            raise UnrecognizedClientException(f"there is no Region {self.region}")
        self._take_time_and_quota(operation)
        raw = parse_json(self.body)
        self.arguments = decode_arguments(operation, raw)
        self.raw_arguments = cast("dict[str, Any]", raw) or {}
        handler = getattr(self, camelcase_to_underscores(operation), None)
        if handler is None:
            raise UnknownOperationException(f"{operation} is not implemented by the strict KMS")
        settle_account(self.current_account)  # related keys in other Regions too: what ends there shows here
        if operation in LOCKING_THEMSELVES:
            return self._answer_and_tell(operation, handler)
        with self.kms_backend.installation.lock:  # the event too: events come in the order of what they tell
            self._require_state(operation)
            return self._answer_and_tell(operation, handler)

    def _take_time_and_quota(self, operation: str) -> None:
        installation = self.kms_backend.installation
        if (seconds := installation.latency(self.region)) > 0:
            installation.sleep(seconds)
        if not installation.limiter.take(self.current_account, self.region, operation, installation.now()):
            raise ThrottlingException(  # facts 2.4
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
            )

    def _require_state(self, operation: str) -> None:
        if operation in GUARDED:
            named = self.arguments[GUARDED[operation]]
            self.kms_backend.resolve(named, alias_allowed=False).require(operation)

    def _answer_and_tell(self, operation: str, handler: Any) -> str:
        """A dry run gets as far as the call would have; those that change something stop it earlier (facts 2.3)."""
        answer = cast("str", handler())
        if self.arguments.get("DryRun"):
            raise would_have_succeeded()
        trail.record(self.kms_backend, operation, self.arguments, answer)
        return answer

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        """The inherited one decodes the whole body once per parameter."""
        source = self.arguments if param_name in BYTES_FOR_MOTO else self.raw_arguments
        value = source.get(param_name, DEFAULTS.get(param_name))
        return if_none if value is None else value

    def _validate_cmk_id(self, key_id: str) -> None:
        self.kms_backend.resolve(key_id, alias_allowed=False)

    def _validate_key_id(self, key_id: str) -> None:
        self.kms_backend.resolve(key_id)


def would_have_succeeded() -> DryRunOperationException:
    return DryRunOperationException("The request would have succeeded, but the DryRun option is set.")


def _error_shape(refusal: JsonRESTError) -> tuple[int, str, str]:
    """Status, body and code of an error; moto's own all say 400."""
    code = refusal.relative_error_type
    said = {"message": refusal.message} if refusal.message else {}
    return status_of(code), json.dumps({"__type": code} | said), code


def json_answer(**members: object) -> str:
    """awsJson1.1: blobs in base64, timestamps in epoch seconds."""
    return json.dumps(
        {
            name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in members.items()
        }
    )
