"""The strict KMS over HTTP/1.1, one thread per connection, connections kept alive.

moto's own server speaks HTTP/1.0 and goes through Flask; this hands `POST /` straight to the handler.
"""

import json
import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any

from moto.core.request import Request, environ_key_for_header

from .errors import KmsError, KMSInternalException, SerializationException, UnknownOperationException
from .handling import CONTENT_TYPE
from .installation import Installation
from .mock import install, settle_all
from .responses import StrictKmsResponse

TARGET_PREFIX = "TrentService."
LARGEST_BODY_BYTES = 1 << 20  # the largest call is a PutKeyPolicy of 128 KiB
IDLE_SECONDS = 120.0
TICK_SECONDS = 0.25
POLL_SECONDS = 0.05
HEALTH_PATH = "/_strict_kms/health"
CALLS_PATH = "/_strict_kms/calls"

logger = logging.getLogger(__name__)


class StrictKmsServer(ThreadingHTTPServer):
    """Serves from `start` to `stop`, in background threads. Port 0 takes a free one; see `url`.

    One per process: it takes the place of moto's KMS, and gives it back in `stop`.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, installation: Installation, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), StrictKmsHandler)
        self.installation = installation
        self.url = f"http://{host}:{self.server_address[1]}"
        self._connections: set[socket.socket] = set()
        self._connections_lock = Lock()
        self._stopping = Signal()

    def start(self) -> None:
        self._uninstall = install(self.installation)
        self._threads_of_ours = [
            Thread(target=self.serve_forever, args=(POLL_SECONDS,), name="strict-kms-accept", daemon=True),
            Thread(target=self._tick, name="strict-kms-expiry", daemon=True),
        ]
        for thread in self._threads_of_ours:
            thread.start()

    def stop(self) -> None:
        """Idle connections are cut: their clients would otherwise keep threads waiting for IDLE_SECONDS."""
        self._stopping.set()
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            for connection in self._connections:
                _cut(connection)
        for thread in self._threads_of_ours:
            thread.join()
        self._uninstall()

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self._settle()

    def _settle(self) -> None:
        try:
            settle_all()
        except Exception:  # the entry point of its thread: what is due stays due
            logger.exception("defect in what time does to keys")

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        logger.debug("connection of %s ended early", client_address, exc_info=True)  # noqa: LOG014 - called from one


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # the client was faster
        logger.debug("connection was already closed")


class StrictKmsHandler(BaseHTTPRequestHandler):
    server: StrictKmsServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one write

    def do_GET(self) -> None:
        if self.path == HEALTH_PATH:
            self._send(200, json.dumps({"status": "ok"}))
        elif self.path == CALLS_PATH:
            self._send(200, json.dumps({"calls": self.server.installation.calls.snapshot()}))
        else:
            self._send(404, json.dumps({"message": "not found"}))

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True  # what is left unread would be taken for the next request
            self._refuse(SerializationException(f"a body needs Content-Length, at most {LARGEST_BODY_BYTES} bytes"))
        elif not self.headers.get("X-Amz-Target", "").startswith(TARGET_PREFIX):
            self._refuse(UnknownOperationException("X-Amz-Target names no operation of KMS"))
        else:
            self._answer(body)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def _answer(self, body: bytes) -> None:
        request = Request(self._environ(body))
        try:
            status, headers, answer = StrictKmsResponse.dispatch(request, request.raw_url, request.headers)
        except Exception:  # the entry point: a defect of ours is an internal error to the caller
            logger.exception("defect in %s", self.headers.get("X-Amz-Target"))
            self._refuse(KMSInternalException("The strict KMS has a defect; see its log."))
        else:
            self._send(status, answer, headers.get("x-amzn-ErrorType"))

    def _environ(self, body: bytes) -> dict[str, Any]:
        """The WSGI view of the request; moto's own way there costs as much as the call itself."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "SERVER_NAME": self.server.server_address[0],
            "SERVER_PORT": str(self.server.server_address[1]),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": CONTENT_TYPE,
        }
        return environ | {environ_key_for_header(name): value for name, value in self.headers.items()}

    def _refuse(self, refusal: KmsError) -> None:
        self._send(refusal.code, refusal.description, refusal.error_type)

    def _send(self, status: int, body: str, error_type: str | None = None) -> None:
        payload = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(payload)))
        if error_type is not None:
            self.send_header("x-amzn-ErrorType", error_type)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the overridden method names it so
        logger.debug(format, *args)
