"""The settings of the strict S3, while it runs: `cloud.objects.change(replication_seconds=[60, 3600])`."""

import json
import urllib.error
import urllib.request
from typing import Any

SECONDS = 10.0


class ObjectStore:
    """What can be set is in local/strict_s3/settings.py."""

    def __init__(self, url: str) -> None:
        self._base = f"{url}/_strict_s3"

    def settings(self) -> dict[str, Any]:
        return self._ask("GET", "settings")

    def change(self, **changes: Any) -> None:
        """Raises ValueError with the reason where the strict S3 refuses; then nothing is changed."""
        self._ask("PUT", "settings", changes)

    def reset(self) -> None:
        """All settings as they are when it starts."""
        self._ask("DELETE", "settings")

    def calls(self) -> dict[str, dict[str, Any]]:
        """By the region of the request: {"us-west-2": {"CopyObject": {"succeeded": 3, "failed": {"NoSuchKey": 1}}}}."""
        calls: dict[str, dict[str, Any]] = self._ask("GET", "calls")["calls"]
        return calls

    def _ask(self, method: str, path: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if changes is None else json.dumps(changes).encode()
        request = urllib.request.Request(f"{self._base}/{path}", data=data, method=method)  # noqa: S310 - ours, loopback
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
                content: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["message"]) from None
        return content
