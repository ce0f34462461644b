"""One region's KMS endpoint, on a real socket: does what a fault says, else what the KMS behind it does."""

import http.client
import os
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.cloud.ports import LOOPBACK, free_ports

FORWARD_SECONDS = 60.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: close() resets the connection
JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Reply:
    """What goes over the wire in the place of an answer."""

    status: int
    body: bytes
    content_type: str = JSON
    code: str | None = None  # x-amzn-ErrorType


class Region(ThreadingHTTPServer):
    """`on_request` gets the operation and the connection; it returns a reply, or None to let the KMS behind answer."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, behind: tuple[str, int], on_request: "Callable[[str, Handler], Reply | None]") -> None:
        self.connections: list[socket.socket] = []
        super().__init__((LOOPBACK, 0), Handler)
        self.behind = behind
        self.on_request = on_request
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def cut(self) -> None:
        """Every connection, as a peer that has waited too long."""
        for connection in self.connections:
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what half of these faults are about."""


class Handler(BaseHTTPRequestHandler):
    server: Region
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].removeprefix("TrentService.")
        reply = self.server.on_request(operation, self)
        if not self.close_connection:
            self.send(reply or self.forward(body))

    def forward(self, body: bytes) -> Reply:
        connection = http.client.HTTPConnection(*self.server.behind, timeout=FORWARD_SECONDS)
        try:
            connection.request("POST", "/", body, dict(self.headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), JSON, answer.headers.get("x-amzn-ErrorType"))
        finally:
            connection.close()

    def send(self, reply: Reply, *, only: int | None = None) -> None:
        """`only` so many bytes of the body, although all are promised."""
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.code is not None:
            self.send_header("x-amzn-ErrorType", reply.code)
        self.end_headers()
        self.wfile.write(reply.body[:only])
        self.wfile.flush()

    def reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()

    def stay_silent(self) -> None:
        """Until the test is over."""
        self.close_connection = True
        self.server.ended.wait(FORWARD_SECONDS)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the overridden method names it so
        pass


@contextmanager
def region(behind: tuple[str, int], on_request: Callable[[str, Handler], Reply | None]) -> Iterator[str]:
    """Its URL."""
    with running(behind, on_request) as server:
        yield server.url


@contextmanager
def running(behind: tuple[str, int], on_request: Callable[[str, Handler], Reply | None]) -> Iterator[Region]:
    with Region(behind, on_request) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


@contextmanager
def nothing_listening() -> Iterator[str]:
    """The URL of a port that refuses every connection."""
    (port,) = free_ports(1)
    yield f"http://{LOOPBACK}:{port}"


@contextmanager
def unknown_name() -> Iterator[str]:
    """A name that no resolver knows (RFC 6761)."""
    yield "http://kms.invalid"


@contextmanager
def full_backlog() -> Iterator[str]:
    """The URL of a port that answers no connection attempt: those that wait before leave no room."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((LOOPBACK, 0))
        server.listen(0)
        address = server.getsockname()
        for _ in range(8):  # Linux takes one or two more than the backlog
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            waiting.connect_ex(address)
        time.sleep(0.05)
        yield f"http://{LOOPBACK}:{address[1]}"


@contextmanager
def untrusted_certificate(folder: Path) -> Iterator[str]:
    """The URL of a TLS server whose certificate nobody has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(folder))
    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        cast("Any", server).handle_error = lambda *_arguments: None
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"https://{LOOPBACK}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    descriptor, name_of_file = tempfile.mkstemp(".pem", dir=folder)
    os.close(descriptor)
    file = Path(name_of_file)
    file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()) + certificate.public_bytes(pem))
    return file
