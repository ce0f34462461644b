"""The settings of the strict S3, while it runs: `cloud.objects.change(replication_seconds=[60, 3600])`."""

import json
import urllib.error
import urllib.request
from typing import Any

SECONDS = 10.0


class ObjectStore:
    """What can be set is in local/strict_s3/settings.py."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_strict_s3/settings"

    def settings(self) -> dict[str, Any]:
        return self._ask("GET")

    def change(self, **changes: Any) -> None:
        """Raises ValueError with the reason where the strict S3 refuses; then nothing is changed."""
        self._ask("PUT", changes)

    def reset(self) -> None:
        """All settings as they are when it starts."""
        self._ask("DELETE")

    def _ask(self, method: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if changes is None else json.dumps(changes).encode()
        request = urllib.request.Request(self._url, data=data, method=method)  # noqa: S310 - ours, on loopback
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
                content: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["message"]) from None
        return content
