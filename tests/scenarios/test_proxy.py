"""FailoverKms behind an HTTP proxy: its word that a region is unreachable, and a proxy that is away itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.exceptions import ProxyConnectionError

from kms_failover.client.failover_kms import FailoverKms
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from local.cloud.ports import LOOPBACK, free_ports
from proofs.fault_matrix.matrix import CREDENTIALS

EAST, WEST = "us-east-1", "us-west-2"
ORDERS = KeySet(
    name="orders",
    members=tuple(
        MemberKey(region=region, arn=f"arn:aws:kms:{region}:111122223333:key/{region}") for region in (EAST, WEST)
    ),
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("real time")]


class Proxy(ThreadingHTTPServer):
    """Answers CONNECT with `status`, and keeps whom it was asked for."""

    daemon_threads = True

    def __init__(self, status: int) -> None:
        super().__init__((LOOPBACK, 0), _Connect)
        self.status = status
        self.asked: list[str] = []


class _Connect(BaseHTTPRequestHandler):
    server: Proxy

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path.split(".")[1])
        self.send_error(self.server.status)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden method names it so
        pass


@contextmanager
def proxy(status: int) -> Iterator[Proxy]:
    with Proxy(status) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def failover(monkeypatch: pytest.MonkeyPatch, proxy_port: int, **settings: object) -> Iterator[FailoverKms]:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:{proxy_port}")
    own = Settings(first_hedge_delay_seconds=5.0, max_hedge_delay_seconds=5.0, **settings)  # type: ignore[arg-type]  # as given
    session = boto3.Session(**CREDENTIALS)
    with FailoverKms.connect(EAST, None, (ORDERS,), regions=(EAST, WEST), settings=own, session=session) as kms:
        yield kms


def faults(kms: FailoverKms) -> list[int]:
    return [one.breaker._faults for one in kms._connection.kms.values()]


@pytest.mark.parametrize("status", [502, 503, 504, 403])
def test_a_proxys_word_about_one_region_lets_the_next_one_try(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with proxy(status) as there, failover(monkeypatch, there.server_address[1]) as kms:
        with pytest.raises(ProxyConnectionError):
            kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

        assert there.asked == [EAST, WEST] * 2


def test_a_proxy_that_refuses_every_region_opens_no_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(407) as there, failover(monkeypatch, there.server_address[1]) as kms:
        with pytest.raises(ProxyConnectionError):
            kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

        assert faults(kms) == [0, 0]


def test_a_proxy_that_is_away_is_no_regions_fault_and_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    with failover(monkeypatch, port) as kms:
        sent: list[str] = []
        for region, one in kms._connection.kms.items():
            one.client.meta.events.register("before-send.kms", lambda region=region, **_event: sent.append(region))

        with pytest.raises(ProxyConnectionError):
            kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

        assert sent == [EAST]
        assert faults(kms) == [0, 0]
