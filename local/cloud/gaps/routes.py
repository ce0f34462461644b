"""Addresses of our own beside ministack's, and the calls that a service makes for its caller."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from local.cloud.account_limits import REGISTER, BadLimitError, parse_limits
from local.cloud.message_page import JSON_TYPE, asks_for_json, messages_document
from local.cloud.state import MESSAGES_PATH
from local.strict_s3.forwarding import ON_BEHALF_OF

from .automation_calls import set_latitude
from .aws_events import put_aws_event
from .event_shape import BadEventError
from .forwarded_calls import ForwardedCalls
from .topic_messages import messages

LARGEST_BODY_BYTES = 1 << 20  # EventBridge's own limit for an entry [AWS docs: eb-quota]

type Route = Callable[[Any, Any, Any], Awaitable[None]]


def add_routes(ministack: Any, forwarded: ForwardedCalls) -> Any:
    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await ministack(scope, receive, send)
        elif (route := ROUTES.get(scope["path"])) is not None:
            await route(scope, receive, send)
        elif ON_BEHALF_OF in (headers := _headers(scope)):
            status, answered, body = await forwarded.handle(headers, await _body(receive))
            await _send(send, status, answered, body)
        else:
            await ministack(scope, receive, send)

    return gateway


async def _health(_scope: Any, _receive: Any, send: Any) -> None:
    await _answer(send, 200, {"status": "ok"})


async def _accept_event(_scope: Any, receive: Any, send: Any) -> None:
    try:
        put_aws_event(await _body(receive))
    except BadEventError as error:
        await _answer(send, 400, {"message": str(error)})
    else:
        await _answer(send, 200, {"status": "accepted"})


async def _answer_limits(scope: Any, receive: Any, send: Any) -> None:
    try:
        if scope["method"] == "PUT":
            REGISTER.replace(parse_limits(json.loads(await _body(receive))))
    except (BadLimitError, BadEventError, json.JSONDecodeError) as error:
        await _answer(send, 400, {"message": str(error)})
    else:
        await _answer(send, 200, asdict(REGISTER.now))


async def _switch_automation(scope: Any, receive: Any, send: Any) -> None:
    """PUT `{"function_error_fails": true}` and its like, the fields of Latitude; what is not named stays."""
    try:
        switches = set_latitude(json.loads(await _body(receive)) if scope["method"] == "PUT" else {})
    except (BadEventError, TypeError, ValueError) as error:
        await _answer(send, 400, {"message": str(error)})
    else:
        await _answer(send, 200, switches)


async def _show_messages(scope: Any, _receive: Any, send: Any) -> None:
    as_json = asks_for_json(scope["query_string"].decode("latin-1"), _headers(scope).get("accept", ""))
    content_type, body = messages_document(messages, as_json=as_json)
    await _send(send, 200, {"content-type": content_type}, body)


ROUTES: dict[str, Route] = {
    "/_local/health": _health,
    "/_local/events": _accept_event,
    "/_local/limits": _answer_limits,
    "/_local/automation": _switch_automation,
    MESSAGES_PATH: _show_messages,
}


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY_BYTES:
            raise BadEventError(f"a body has at most {LARGEST_BODY_BYTES} bytes here")
    return body


def _headers(scope: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _answer(send: Any, status: int, content: object) -> None:
    await _send(send, status, {"content-type": JSON_TYPE}, json.dumps(content).encode())


async def _send(send: Any, status: int, headers: Mapping[str, str], body: bytes) -> None:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
