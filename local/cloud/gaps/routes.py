"""Addresses of our own beside ministack's: the health of the whole, events of AWS services, calls of a service."""

import json
from typing import Any

from local.strict_s3.forwarding import ON_BEHALF_OF

from .aws_events import put_aws_event
from .event_shape import BadEventError
from .forwarded_calls import ForwardedCalls

LARGEST_EVENT_BYTES = 1 << 20  # EventBridge's own limit for an entry [AWS docs: eb-quota]


def add_routes(ministack: Any, forwarded: ForwardedCalls) -> Any:
    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await ministack(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] == "/_local/health":
            await _answer(send, 200, {"status": "ok"})
        elif scope["path"] == "/_local/events":
            await _accept_event(receive, send)
        elif ON_BEHALF_OF in headers:
            status, answered, body = await forwarded.handle(headers, await _body(receive))
            await _send(send, status, [(name.encode(), value.encode()) for name, value in answered.items()], body)
        else:
            await ministack(scope, receive, send)

    return gateway


async def _accept_event(receive: Any, send: Any) -> None:
    try:
        put_aws_event(await _body(receive))
    except BadEventError as error:
        await _answer(send, 400, {"message": str(error)})
    else:
        await _answer(send, 200, {"status": "accepted"})


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_EVENT_BYTES:
            raise BadEventError(f"an event has at most {LARGEST_EVENT_BYTES} bytes")
    return body


async def _answer(send: Any, status: int, content: object) -> None:
    await _send(send, status, [(b"content-type", b"application/json")], json.dumps(content).encode())


async def _send(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
