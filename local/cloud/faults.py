"""Faults on the wire, through microburst's control interface.

A rule is microburst's: {"service": "kms", "region": "us-east-1", "operation": "Decrypt", "error": {"code": "..."},
"latency": 500, "reset": true, "probability": 0.3, "times": 2, ...}. The Region is the one the request is signed for.
"""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SILENCE_MS = 3_600_000.0  # longer than any client waits
CONTROL_SECONDS = 10.0
KMS = "kms"
EVERY_SERVICE = "*"

type Rule = Mapping[str, Any]


def silence_rule(service: str, region: str | None) -> dict[str, Any]:
    where = {} if region is None else {"region": region}
    return {"service": service, **where, "timeout_ms": SILENCE_MS}


class Faults:
    """The faults of both fronts. They stay until they are lifted, or their own `times` or `ttl_s` is used up."""

    def __init__(self, *, front: str, kms_front: str) -> None:
        self._front = front
        self._kms_front = kms_front

    def silence(self, service: str = KMS, region: str | None = None) -> None:
        """Requests are accepted and never answered. Without a Region, in all of them."""
        self.add(silence_rule(service, region))

    def lift(self, service: str = KMS, region: str | None = None) -> None:
        """Ends a silence. What hangs in it is reset at once: a client that retries succeeds."""
        rule = silence_rule(service, region)
        for base in self._fronts_of(rule):
            _control(base, "DELETE", "rules", [rule])

    @contextmanager
    def silenced(self, service: str = KMS, region: str | None = None) -> Iterator[None]:
        self.silence(service, region)
        try:
            yield
        finally:
            self.lift(service, region)

    def add(self, rule: Rule) -> None:
        """The first rule that matches a request decides. A rule without a service is for all of them."""
        for base in self._fronts_of(rule):
            _control(base, "PATCH", "rules", [dict(rule)])

    def clear(self) -> None:
        for base in (self._front, self._kms_front):
            _control(base, "DELETE", "rules", [])

    def fired(self) -> list[dict[str, Any]]:
        """What was injected, oldest first: `service`, `operation`, `region`, `action`, `ts` (epoch seconds).

        microburst keeps the last 2000 of each front.
        """
        events: list[dict[str, Any]] = []
        for base in (self._front, self._kms_front):
            events += _control(base, "GET", "fired?limit=2000")
        return sorted(events, key=lambda event: float(event["ts"]))

    def _fronts_of(self, rule: Rule) -> tuple[str, ...]:
        match rule.get("service", EVERY_SERVICE):
            case "*":
                return (self._front, self._kms_front)
            case "kms":
                return (self._kms_front,)
            case _:
                return (self._front,)


def _control(base: str, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own front, on loopback
        f"{base}/_microburst/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 - the same
        return json.load(answer)
