"""Connections that the other side has forgotten. Nobody tells the client, and its next byte meets a RST.

So does a NAT gateway after 350 idle seconds [AWS docs: nat-gateway-troubleshooting], and so does the front with the
connections named to it: `POST /_local/dead-connections` with the client's ports as JSON, `[50312, 50314]`.
"""

import asyncio
import json
import socket
import struct
import urllib.request
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from aiohttp import web

PATH = "/_local/dead-connections"
CONTROL_SECONDS = 10.0
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # linger on, for 0 seconds: a close then sends RST instead of FIN


def add_dead_connections(front: web.Application) -> None:
    open_connections: WeakSet[asyncio.Transport] = WeakSet()
    dead: WeakSet[asyncio.Transport] = WeakSet()

    def forget(ports: Iterable[int]) -> list[int]:
        wanted = set(ports)
        found = [one for one in open_connections if not one.is_closing() and _client_port(one) in wanted]
        dead.update(found)
        return sorted(_client_port(one) for one in found)

    @web.middleware  # type: ignore[untyped-decorator]  # aiohttp is in the tools' environment only
    async def reset_dead(request: web.Request, handler: Any) -> Any:
        """Before anything is passed on: what is lost here was never carried out."""
        if request.path == PATH:
            try:
                return web.json_response({"forgotten": forget(await request.json())})
            except (TypeError, ValueError) as error:
                return web.json_response({"message": f"a JSON list of ports is needed: {error}"}, status=400)
        if request.transport is None:
            return await handler(request)
        if request.transport in dead:
            _reset(request.transport)
            raise asyncio.CancelledError
        open_connections.add(request.transport)
        return await handler(request)

    front.middlewares.append(reset_dead)


def kill_connections(front: str, ports: Iterable[int]) -> list[int]:
    """Returns those that the front at this URL had."""
    body = json.dumps(list(ports)).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{front}{PATH}", method="POST", data=body, headers=headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 - our own front, on loopback
        forgotten: list[int] = json.load(answer)["forgotten"]
    return forgotten


def _client_port(connection: asyncio.Transport) -> int:
    port: int = connection.get_extra_info("peername")[1]
    return port


def _reset(connection: asyncio.Transport) -> None:
    connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    connection.abort()
