"""Addresses of our own beside ministack's: the health of the whole, events of AWS services, messages of topics."""

import json
from typing import Any

from local.cloud.message_page import JSON_TYPE, asks_for_json, messages_document
from local.cloud.state import MESSAGES_PATH

from .aws_events import put_aws_event
from .event_shape import BadEventError
from .topic_messages import messages

LARGEST_EVENT_BYTES = 1 << 20  # EventBridge's own limit for an entry [AWS docs: eb-quota]


def add_routes(ministack: Any) -> Any:
    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        match scope.get("path") if scope["type"] == "http" else None:
            case "/_local/health":
                await _answer(send, 200, {"status": "ok"})
            case "/_local/events":
                await _accept_event(receive, send)
            case path if path == MESSAGES_PATH:
                await _show_messages(scope, send)
            case _:
                await ministack(scope, receive, send)

    return gateway


async def _accept_event(receive: Any, send: Any) -> None:
    try:
        put_aws_event(await _body(receive))
    except BadEventError as error:
        await _answer(send, 400, {"message": str(error)})
    else:
        await _answer(send, 200, {"status": "accepted"})


async def _show_messages(scope: Any, send: Any) -> None:
    accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    as_json = asks_for_json(scope["query_string"].decode("latin-1"), accept)
    content_type, body = messages_document(messages, as_json=as_json)
    await _send(send, 200, content_type, body)


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
    await _send(send, status, JSON_TYPE, json.dumps(content).encode())


async def _send(send: Any, status: int, content_type: str, body: bytes) -> None:
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
