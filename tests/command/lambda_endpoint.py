"""Lambda's endpoint as an order meets it: it answers, or the connection ends."""

import io
import json
from dataclasses import dataclass
from ssl import SSLCertVerificationError
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import SSLError

from tests.domain.strategies import WEST

WHERE = ["--key-set", "orders", "--region", WEST]
WHO = ["--reason", "incident 4711", "--author", "ana"]
SAID = {"KeySet": "orders", "Reason": "incident 4711", "Author": "ana"}
LOOKS = {"FailIfRefused": False}  # at the answer, for `Error`

URL = "https://lambda.us-west-2.amazonaws.com"
UNTRUSTED = SSLError(SSLCertVerificationError("self-signed certificate"))


def sending(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> None:
    """The transport ends like this."""

    def send(_session: object, _request: object) -> None:
        raise raised

    monkeypatch.setattr(URLLib3Session, "send", send)


def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    """What Lambda's endpoint answers."""
    sending(monkeypatch, AssertionError())

    class Raw(io.BytesIO):
        def stream(self, *_: object, **__: object) -> Any:
            yield self.read()

    def send(_session: object, request: Any) -> AWSResponse:
        return AWSResponse(request.url, status, headers or {}, Raw(body))  # type: ignore[arg-type]  # its own mapping, or any

    monkeypatch.setattr(URLLib3Session, "send", send)


@dataclass(frozen=True)
class SentOrder:
    region: str
    payload: dict[str, Any]
    signed_by: str  # the access key's id


def orders_sent(monkeypatch: pytest.MonkeyPatch) -> list[SentOrder]:
    """Those that reach the endpoint, which refuses each."""
    orders: list[SentOrder] = []
    answering(monkeypatch, 200, b'{"Error": {"Code": "Refused", "Message": "no"}}')
    answer = URLLib3Session.send

    def send(session: URLLib3Session, request: Any) -> AWSResponse:
        signature = request.headers["Authorization"].decode()
        signed_by = signature.partition("Credential=")[2].partition("/")[0]
        orders.append(SentOrder(request.url.split(".")[1], json.loads(request.body), signed_by))
        return answer(session, request)

    monkeypatch.setattr(URLLib3Session, "send", send)
    return orders
