"""Calls of the strict KMS without HTTP and without botocore: thousands a second."""

import json
from base64 import b64decode, b64encode
from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from moto.core.request import Request

from local.strict_kms.responses import StrictKmsResponse

BLOBS = ("CiphertextBlob", "ImportToken", "Plaintext", "PublicKey")


class RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def call(region: str, operation: str, **arguments: Any) -> dict[str, Any]:
    """The answer, its blobs as bytes. Raises RefusedError."""
    body = json.dumps({name: _encoded(value) for name, value in arguments.items()}).encode()
    request = Request(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "SERVER_NAME": "kms",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_AMZ_TARGET": f"TrentService.{operation}",
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/kms/aws4_request",
        }
    )
    status, _, answer = StrictKmsResponse.dispatch(request, request.raw_url, request.headers)
    content: dict[str, Any] = json.loads(answer)
    if status != 200:
        raise RefusedError(content["__type"], content.get("message", ""))
    return content | {name: b64decode(content[name]) for name in BLOBS if name in content}


def new_key(**options: Any) -> str:
    return str(call("us-east-1", "CreateKey", **options)["KeyMetadata"]["KeyId"])


def state(region: str, key: str) -> str:
    return str(call(region, "DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"])


def refusal(region: str, operation: str, **arguments: Any) -> str:
    """The code that the call must be refused with."""
    return _refused(region, operation, arguments).code


def message(region: str, operation: str, **arguments: Any) -> str:
    """What is said to a call that must be refused."""
    return _refused(region, operation, arguments).message


def _refused(region: str, operation: str, arguments: dict[str, Any]) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        call(region, operation, **arguments)
    return refused.value


def _encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value.timestamp() if isinstance(value, datetime) else value
