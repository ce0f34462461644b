"""Whether a request that failed can have reached AWS: only then may it have been carried out."""

import ssl
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, SSLError  # noqa: A004  # botocore's own name

SERVER_ERROR = 500  # HTTP: from here on nobody has read the request and found it wrong


class SentRequests:
    """Counts the requests of one operation that leave, where botocore sends them: after credentials and signing."""

    def __init__(self) -> None:
        self._times = 0

    def watch(self, client: Any, operation: str) -> None:
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register_first(f"before-send.{service}.{operation}", self._count)

    def _count(self, **_: object) -> None:
        self._times += 1

    def may_have_arrived(self, error: BaseException) -> bool:
        """False is certain: nothing was sent, no connection was made, or AWS refused it. `error` is the last one."""
        if self._times != 1:
            return self._times > 1
        if isinstance(error, ClientError):
            return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= SERVER_ERROR
        return not _never_connected(error)


def _never_connected(error: BaseException) -> bool:
    """Refused, no such host, connect time-out, a proxy that is not there, a certificate that nobody trusts."""
    if isinstance(error, SSLError):  # once the connection stands it can break by one as well
        cause = error.kwargs.get("error")
        return any(isinstance(one, ssl.SSLCertVerificationError) for one in (cause, *getattr(cause, "args", ())))
    return isinstance(error, ConnectionError)
