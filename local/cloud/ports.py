"""Ports on loopback."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


class PortBusyError(Exception):
    """Somebody else listens on a port that was asked for by number."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} on {LOOPBACK} is taken; choose another with --port, or leave it out.")
        self.port = port


def free_ports(count: int) -> list[int]:
    """Different ports, free a moment ago. All are held until the last is chosen, so none comes twice."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]


def require_free(port: int) -> None:
    """Raises PortBusyError. A port that only lingers in TIME_WAIT counts as free, as it does for the servers."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortBusyError(port) from error
