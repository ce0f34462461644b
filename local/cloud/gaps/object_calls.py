"""S3 calls: ministack says who may make them, the strict S3 answers them, byte for byte.

ministack 1.5.33's own S3 accepts much of what S3 refuses (docs/fidelity.md). Its IAM, though, is the only one that
knows the Lambda roles. So a request goes through it, and on to the strict S3 as it came: its raw path, all its headers
and its body.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yarl
from ministack import app
from ministack.core import iam_actions
from ministack.services import s3

from local.cloud.environment import ACCOUNT
from local.strict_s3.forwarding import WITHIN

SECONDS = 900.0
HOP_BY_HOP = frozenset({b"transfer-encoding", b"connection", b"keep-alive", b"expect"})
NOT_FOR_CLIENTS = frozenset({WITHIN.encode()})
ADDED_BY_SERVERS = frozenset({b"date", b"server"})

type Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class ObjectAnswer:
    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@dataclass
class Exchange:
    """A request as it came, and the strict S3's answer to it."""

    scope: Any = field(repr=False)
    body: bytearray = field(default_factory=bytearray, repr=False)
    answer: ObjectAnswer | None = None


_exchange: ContextVar[Exchange | None] = ContextVar("the request that is being answered", default=None)


class StrictS3Calls:
    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self.policies: dict[str, str] = {}  # by bucket

    async def handle(self, method: str, path: str, _headers: Any, body: bytes, query: Any) -> Any:
        """The request is authenticated and authorised by now. What ministack then sends is replaced by the answer."""
        exchange = _exchange.get()
        if exchange is None:
            raise RuntimeError("S3 was called inside ministack, which has no objects of its own here")
        exchange.answer = answer = await self._ask(exchange)
        if answer.status < 300:  # noqa: PLR2004
            self._follow_policy(method, path.strip("/"), query, body)
        return answer.status, {}, b""

    def _follow_policy(self, method: str, bucket: str, query: Any, body: bytes) -> None:
        if method == "PUT" and "policy" in query:
            self.remember_policy(bucket, body.decode())
        elif method == "DELETE" and "/" not in bucket and set(query) <= {"policy"}:
            self.remember_policy(bucket, None)  # with the bucket, or alone

    def remember_policy(self, bucket: str, document: str | None) -> None:
        """For ministack's IAM."""
        if document is None:
            self.policies.pop(bucket, None)
        else:
            self.policies[bucket] = document

    async def _ask(self, exchange: Exchange) -> ObjectAnswer:
        if self._session is None:  # it belongs to the loop that handles requests
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            )
        scope = exchange.scope
        sent = [(_text(name), _text(value)) for name, value in _without(scope["headers"], HOP_BY_HOP | NOT_FOR_CLIENTS)]
        async with self._session.request(
            scope["method"],
            self._raw_url(scope),
            data=bytes(exchange.body) or None,
            headers=sent,
            allow_redirects=False,
        ) as answer:
            kept = _without(answer.raw_headers, HOP_BY_HOP | ADDED_BY_SERVERS)
            return ObjectAnswer(answer.status, kept, await answer.read())

    def _raw_url(self, scope: Any) -> yarl.URL:
        query = scope.get("query_string", b"").decode("ascii")
        return yarl.URL(f"{self._url}{scope['raw_path'].decode('ascii')}{'?' if query else ''}{query}", encoded=True)


def with_strict_s3(ministack: Any) -> Any:
    """The ASGI application, which keeps each request as it came and sends what the strict S3 has answered."""

    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await ministack(scope, receive, send)
            return
        exchange = Exchange(scope)

        async def receive_and_keep() -> Any:
            message = await receive()
            exchange.body += message.get("body", b"")
            return message

        async def send_what_s3_answered(message: Any) -> None:
            if (answer := exchange.answer) is None:
                await send(message)
            elif message["type"] == "http.response.start":
                await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
                await send({"type": "http.response.body", "body": answer.body})

        _exchange.set(exchange)
        await ministack(scope, receive_and_keep, send_what_s3_answered)

    return gateway


def install(calls: StrictS3Calls) -> None:
    app.SERVICE_HANDLERS["s3"] = calls.handle
    iam_actions._S3_OBJECT_QUERY_ACTIONS["encryption"] = {"PUT": "UpdateObjectEncryption"}  # ministack's register
    # three functions of its own S3, which it asks before a request is authorised; there is no register
    s3.validate_object_request = lambda *_: None
    s3.bucket_policy_for_arn = lambda arn: _policy_for(calls, arn)
    s3.format_head_response = lambda _path, _headers, response: response


def _policy_for(calls: StrictS3Calls, arn: str) -> Any:
    """The policy and its owner's account, as ministack's own function gives them."""
    document = calls.policies.get(arn.removeprefix("arn:aws:s3:::").partition("/")[0])
    return None if document is None else (document, ACCOUNT)


def _without(headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in names]


def _text(header: bytes) -> str:
    """As aiohttp will encode it again."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
