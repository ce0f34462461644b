"""The faults of the matrix: what a region does instead of answering, and what that means (facts 3.2)."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from proofs.fault_matrix.faulty_kms import (
    Handler,
    Reply,
    full_backlog,
    nothing_listening,
    region,
    unknown_name,
    untrusted_certificate,
)

type Act = Callable[[str, Handler], Reply | None]


class Meaning(StrEnum):
    """What a fault says about other regions."""

    REGION = "region"
    KEY = "key"
    THROTTLE = "throttle"
    CALLER = "caller"
    NONE = "none"  # slow, or for moments: an answer comes in the end


@dataclass(frozen=True)
class Fault:
    """`raises` are the names of the exception, or the error code, where no region answers well.

    `operations` are those that it breaks; None, all.
    """

    name: str
    meaning: Meaning
    raises: tuple[str, ...]
    act: Act | None = None
    operations: tuple[str, ...] | None = None

    @contextmanager
    def region(self, behind: tuple[str, int], folder: Path) -> Iterator[str]:
        """The URL of a region that has this fault."""
        if self.act is not None:
            with region(behind, self._on_request) as url:
                yield url
            return
        with self._endpoint(folder) as url:
            yield url

    def _endpoint(self, folder: Path) -> AbstractContextManager[str]:
        """Of a fault that comes before any request."""
        endpoints: dict[str, Callable[[], AbstractContextManager[str]]] = {
            "refused": nothing_listening,
            "DNS failure": unknown_name,
            "connect silence": full_backlog,
            "TLS failure": lambda: untrusted_certificate(folder),
        }
        return endpoints[self.name]()

    def breaks(self, operation: str) -> bool:
        return self.operations is None or operation in self.operations

    def _on_request(self, operation: str, handler: Handler) -> Reply | None:
        assert self.act is not None
        return self.act(operation, handler) if self.breaks(operation) else None


def error(code: str, status: int = 400) -> Act:
    body = json.dumps({"__type": code, "message": "m"}).encode()
    return lambda _operation, _handler: Reply(status, body, code=code)


def reply(status: int, body: bytes, content_type: str = "application/x-amz-json-1.1") -> Act:
    return lambda _operation, _handler: Reply(status, body, content_type)


def silence(_operation: str, handler: Handler) -> Reply | None:
    handler.stay_silent()
    return None


def reset(_operation: str, handler: Handler) -> Reply | None:
    handler.reset()
    return None


def reset_in_the_middle(_operation: str, handler: Handler) -> Reply | None:
    handler.send(Reply(200, b'{"CiphertextBlob": "' + b"A" * 400), only=100)
    handler.reset()
    return None


def slow(_operation: str, handler: Handler) -> Reply | None:
    handler.server.ended.wait(2.0)
    return None


FLAP_SECONDS = 3.0


def flapping(_operation: str, handler: Handler) -> Reply | None:
    """Silent for 3 s, well for 3 s, by the clock."""
    if time.monotonic() % (2 * FLAP_SECONDS) < FLAP_SECONDS:
        handler.stay_silent()
    return None


HTML = b"<html><body><h1>Please sign in</h1></body></html>"
MALFORMED = ("DependencyTimeoutException",)  # this library's own finding, as the code that KMS has for it
R, K, T, C, N = Meaning.REGION, Meaning.KEY, Meaning.THROTTLE, Meaning.CALLER, Meaning.NONE

FAULTS: tuple[Fault, ...] = (
    Fault("refused", R, ("EndpointConnectionError",)),
    Fault("DNS failure", R, ("EndpointConnectionError",)),
    Fault("connect silence", R, ("ConnectTimeoutError",)),
    Fault("read silence", R, ("ReadTimeoutError",), silence),
    Fault("reset before the answer", R, ("ConnectionClosedError", "EndpointConnectionError"), reset),
    Fault("reset in the middle", R, ("ConnectionClosedError", "ResponseStreamingError"), reset_in_the_middle),
    Fault("truncated JSON", R, MALFORMED, reply(200, b'{"CiphertextBlob": "QUJD')),
    Fault("wrong bytes", R, MALFORMED, reply(200, bytes(range(128, 256)))),
    Fault("JSON of another shape", R, MALFORMED, reply(200, b'["CiphertextBlob"]')),
    Fault("half an answer", R, MALFORMED, reply(200, b'{"KeyId": "k"}')),
    Fault("HTML instead of JSON", R, MALFORMED, reply(200, HTML, "text/html")),
    Fault("502 with HTML", R, ("502",), reply(502, HTML, "text/html")),
    Fault("403 with HTML", R, ("403",), reply(403, HTML, "text/html")),
    Fault("500 without code", R, ("500",), reply(500, b"")),
    Fault("503 without code", R, ("503",), reply(503, b"{}")),
    Fault("500 InternalFailure", R, ("InternalFailure",), error("InternalFailure", 500)),
    Fault("503 ServiceUnavailable", R, ("ServiceUnavailableException",), error("ServiceUnavailableException", 503)),
    Fault("KMSInternal", R, ("KMSInternalException",), error("KMSInternalException", 500)),
    Fault("KMSInternal with status 400", R, ("KMSInternalException",), error("KMSInternalException")),
    Fault("DependencyTimeout", R, ("DependencyTimeoutException",), error("DependencyTimeoutException", 503)),
    Fault("KeyUnavailable", R, ("KeyUnavailableException",), error("KeyUnavailableException", 500)),
    Fault("TLS failure", R, ("SSLError",)),
    Fault("Throttling", T, ("ThrottlingException",), error("ThrottlingException")),
    Fault("Disabled", K, ("DisabledException",), error("DisabledException")),
    Fault("PendingImport", K, ("KMSInvalidStateException",), error("KMSInvalidStateException")),
    Fault("PendingDeletion", K, ("DisabledException",), error("DisabledException")),
    Fault("NotFound", K, ("NotFoundException",), error("NotFoundException")),
    Fault("AccessDenied", C, ("AccessDeniedException",), error("AccessDeniedException")),
    Fault("expired credentials", C, ("ExpiredTokenException",), error("ExpiredTokenException")),
    Fault("clock skew", C, ("InvalidSignatureException",), error("InvalidSignatureException")),
    Fault("2 s slowness", N, (), slow),
    Fault("flapping every 3 s", N, (), flapping),
    Fault("only GenerateDataKey broken", R, ("500",), reply(500, b""), ("GenerateDataKey",)),
    Fault("only Decrypt broken", R, ("500",), reply(500, b""), ("Decrypt",)),
)
