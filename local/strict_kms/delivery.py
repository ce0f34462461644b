"""Events over HTTP, one per POST, from a background thread."""

import json
import logging
import urllib.request
from http.client import HTTPException
from queue import Full, Queue
from threading import Event as Signal
from threading import Thread

from .event_log import Event

QUEUED_EVENTS = 1000  # beyond this, new events are dropped and logged; a drill makes dozens of KMS's
POST_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.1  # doubled after each attempt: 1.5 s in all, enough for a receiver that restarts
TIMEOUT_SECONDS = 2.0
DRAIN_SECONDS = 0.5

logger = logging.getLogger(__name__)


class EventPoster:
    """At least once: an event whose answer was lost is posted again. Never blocks the caller of `publish`."""

    def __init__(
        self, url: str, *, first_pause_seconds: float = FIRST_PAUSE_SECONDS, queued_events: int = QUEUED_EVENTS
    ) -> None:
        self._url = url
        self._first_pause_seconds = first_pause_seconds
        self._queue: Queue[Event | None] = Queue(maxsize=queued_events)
        self._stopping = Signal()
        self._thread = Thread(target=self._run, name="local-events", daemon=True)
        self._thread.start()

    def publish(self, event: Event) -> None:
        try:
            self._queue.put_nowait(event)
        except Full:
            logger.warning("event %s dropped: %d are waiting", event["id"], self._queue.maxsize)

    def close(self) -> None:
        """Posts what is queued, for at most DRAIN_SECONDS."""
        try:
            self._queue.put_nowait(None)
        except Full:
            logger.warning("events are lost at the end: %d are waiting", self._queue.maxsize)
        self._thread.join(DRAIN_SECONDS)
        self._stopping.set()

    def _run(self) -> None:
        while (event := self._queue.get()) is not None and not self._stopping.is_set():
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        pause_seconds = self._first_pause_seconds
        for attempt in range(1, POST_ATTEMPTS + 1):
            try:
                self._post(event)
            except (HTTPException, OSError) as error:  # URLError is an OSError
                logger.warning(
                    "event %s not delivered, attempt %d of %d: %s", event["id"], attempt, POST_ATTEMPTS, error
                )
            else:
                return
            if attempt < POST_ATTEMPTS and self._stopping.wait(pause_seconds):
                break
            pause_seconds *= 2
        logger.error("event %s (%s) given up", event["id"], event["detail-type"])

    def _post(self, event: Event) -> None:
        request = urllib.request.Request(  # noqa: S310 - the URL is the operator's own
            self._url, data=json.dumps(event).encode(), headers={"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 - the same
            response.read()
