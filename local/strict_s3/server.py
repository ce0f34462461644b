"""The provider behind an HTTP server."""

import asyncio
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from rolo.gateway.asgi import AsgiGateway

from local.strict_kms.delivery import EventPoster

from .chain import S3Gateway
from .events import Event, ObjectEvents
from .kms_keys import KmsKeys
from .provider import StrictS3
from .settings import LiveSettings
from .storage import EncryptedStore

KEEP_ALIVE_SECONDS = 75
BACKLOG = 1024
THREADS = 64
QUEUED_EVENTS = 1_000_000  # one for each change of an object, delivered one after another


async def serve(host: str, port: int, account: str, kms_url: str, events_url: str | None, folder: Path) -> None:
    settings = LiveSettings()
    keys = KmsKeys(kms_url, settings)
    poster = EventPoster(events_url, queued_events=QUEUED_EVENTS) if events_url else None
    events = ObjectEvents(poster.publish if poster is not None else _nowhere)
    provider = StrictS3(EncryptedStore(str(folder), keys), keys, settings, events)
    gateway = S3Gateway(provider, settings, account)
    config = Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.backlog = BACKLOG
    config.h11_pass_raw_headers = True
    forever = asyncio.Event()
    app: Any = AsgiGateway(gateway, event_loop=asyncio.get_running_loop(), threads=THREADS)
    # with a trigger of our own hypercorn leaves SIGTERM alone, and its default suits a process without state
    await hypercorn_serve(app, config, shutdown_trigger=forever.wait)


def _nowhere(_event: Event) -> None:
    """Nobody asked for events."""
