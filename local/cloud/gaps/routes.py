"""Addresses of our own beside ministack's: the health of the whole, events of AWS services, switches of Automation."""

import json
from typing import Any

from .automation_calls import set_latitude
from .aws_events import put_aws_event
from .event_shape import BadEventError

LARGEST_EVENT_BYTES = 1 << 20  # EventBridge's own limit for an entry [AWS docs: eb-quota]


def add_routes(ministack: Any) -> Any:
    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        match scope.get("path") if scope["type"] == "http" else None:
            case "/_local/health":
                await _answer(send, 200, {"status": "ok"})
            case "/_local/events":
                await _accept_event(receive, send)
            case "/_local/automation":
                await _switch_automation(receive, send)
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


async def _switch_automation(receive: Any, send: Any) -> None:
    """`{"function_error_fails": true}` and its like, the fields of Latitude; an empty object changes nothing."""
    try:
        switches = set_latitude(json.loads(await _body(receive)))
    except (BadEventError, TypeError, ValueError) as error:
        await _answer(send, 400, {"message": str(error)})
    else:
        await _answer(send, 200, switches)


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
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
