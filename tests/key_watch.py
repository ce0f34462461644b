"""Watches the whole suite: no key that passes between this process and KMS may be in any line that it logs.

Keys are seen where they pass, at botocore's one way out; lines, where every logger hands its records on. botocore's and
urllib3's own DEBUG lines hold whole requests and answers by their nature: that level is the caller's choice.
"""

import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

SHORTEST_KEY_BYTES = 16
SECRET_NAMES = ("Plaintext", "SecretBinary", "SecretString")
TRANSPORT = ("botocore", "urllib3", "boto3", "s3transfer")


class KeyWatch:
    """Of one test at a time: `begin` forgets."""

    def __init__(self) -> None:
        self.keys: set[bytes] = set()
        self.lines: list[str] = []

    def begin(self) -> None:
        self.keys.clear()
        self.lines.clear()

    def saw(self, values: Any) -> None:
        if isinstance(values, dict):
            self.keys |= {key for name in SECRET_NAMES if (key := _bytes(values.get(name))) is not None}

    def heard(self, record: logging.LogRecord) -> None:
        if record.name.split(".")[0] in TRANSPORT and record.levelno <= logging.DEBUG:
            return
        line = logging.Formatter().format(record)
        extras = [value if isinstance(value, str) else repr(value) for value in vars(record).values()]
        self.lines.append(" ".join([line, *extras]))

    def leaks(self) -> list[str]:
        """Lines that show a key, in any of the forms in which bytes come to be written."""
        forms = {form for key in self.keys for form in forms_of(key)}
        return [line for line in self.lines if any(form in line for form in forms)]

    @contextmanager
    def watching(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            call, hand_on = BaseClient._make_api_call, logging.Logger.callHandlers  # type: ignore[attr-defined]  # not in the stubs

            def watched_call(client: Any, operation: str, parameters: Any) -> Any:
                self.saw(parameters)
                answer = call(client, operation, parameters)
                self.saw(answer)
                return answer

            def watched_record(logger: logging.Logger, record: logging.LogRecord) -> None:
                self.heard(record)
                hand_on(logger, record)

            patch.setattr(BaseClient, "_make_api_call", watched_call)
            patch.setattr(logging.Logger, "callHandlers", watched_record)
            patch.setattr(logging.getLogger("kms_failover"), "level", logging.DEBUG)
            yield


def forms_of(key: bytes) -> set[str]:
    encoded = base64.b64encode(key).decode()
    return {
        key.hex(),
        key.hex().upper(),
        encoded.rstrip("="),
        encoded.rstrip("=").translate(str.maketrans("+/", "-_")),
        repr(key)[2:-1],
        str(list(key))[1:-1],
        key.decode("latin-1"),
    }


def _bytes(value: object) -> bytes | None:
    key = value.encode() if isinstance(value, str) else value
    return bytes(key) if isinstance(key, bytes | bytearray) and len(key) >= SHORTEST_KEY_BYTES else None
