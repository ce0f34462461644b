"""The limits of the local cloud's account, from outside: `limits.set(state_bytes=1000)`."""

import json
import urllib.error
import urllib.request
from typing import Any

from .account_limits import BadLimitError

PATH = "/_local/limits"
CONTROL_SECONDS = 10.0


class Limits:
    """They stay until they are set again or cleared. `local.cloud.account_limits` lists them."""

    def __init__(self, gateway: str) -> None:
        self._url = f"{gateway}{PATH}"

    def set(self, **limits: float | None) -> dict[str, Any]:
        """All of them: what is not named is as AWS has it. Raises BadLimitError. Answers what holds now."""
        return self._call("PUT", limits)

    def clear(self) -> None:
        self._call("PUT", {})

    def current(self) -> dict[str, Any]:
        return self._call("GET", None)

    def _call(self, method: str, body: object) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url, method=method, data=data)  # noqa: S310 - our own, on loopback
        try:
            with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 - the same
                limits: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise BadLimitError(json.load(error)["message"]) from error
        return limits
