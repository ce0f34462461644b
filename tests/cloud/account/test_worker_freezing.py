"""Workers stand still between invocations, and connections are forgotten (gaps/worker_freezing has the sources)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.account.clients import Account
from tests.cloud.account.functions import a_function, invoke
from tests.cloud.waiting import awaited

pytestmark = [
    pytest.mark.xdist_group("local-cloud"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc"),
]

CALL = "lambda event, context: {'process': os.getpid(), 'port': port(), 'got': call(), 'connected': port()}"
# One connection to the front, kept from call to call
CONNECTION = """
import http.client, os, urllib.parse
address = urllib.parse.urlsplit(os.environ['AWS_ENDPOINT_URL'])
connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
def port():
    return connection.sock and connection.sock.getsockname()[1]
def call():
    try:
        connection.request('GET', '/_local/health')
        return connection.getresponse().read().decode()
    except OSError as error:
        connection.close()
        return type(error).__name__
"""
HEALTHY = '{"status": "ok"}'
AT_ONCE, NEVER = 0.001, 3600.0


class Worker:
    """A function with one worker, which keeps a connection."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._function = a_function(account, CALL, imports=CONNECTION)

    def call(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(invoke(self._account, self._function)["Payload"])
        return answer


def state(process: int) -> str:
    """`T` for a stopped process; man 5 proc."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_worker_stands_still_between_its_invocations(account: Account) -> None:
    worker = Worker(account)
    account.cloud.limits.set(connection_idle_seconds=NEVER)

    process = worker.call()["process"]

    awaited(lambda: state(process) == "T")
    assert worker.call()["process"] == process


def test_a_connection_that_was_idle_for_long_is_reset_when_it_is_used_again(account: Account) -> None:
    worker = Worker(account)
    account.cloud.limits.set(connection_idle_seconds=AT_ONCE)

    first, second, third = worker.call(), worker.call(), worker.call()

    assert first["got"] == third["got"] == HEALTHY
    assert second["got"] == "ConnectionResetError"
    assert first["process"] == second["process"] == third["process"]
    assert first["connected"] == second["port"]  # nobody had told it


def test_a_connection_that_was_idle_for_a_while_is_kept(account: Account) -> None:
    worker = Worker(account)
    account.cloud.limits.set(connection_idle_seconds=NEVER)

    first, second = worker.call(), worker.call()

    assert second["got"] == HEALTHY
    assert second["connected"] == first["connected"]


def test_without_the_switch_a_worker_runs_on_and_keeps_its_connection(account: Account) -> None:
    worker = Worker(account)
    account.cloud.limits.set(connection_idle_seconds=AT_ONCE)
    frozen = worker.call()

    account.cloud.limits.clear()
    thawed = worker.call()

    assert thawed["got"] == HEALTHY
    assert thawed["port"] == frozen["connected"]
    assert state(thawed["process"]) != "T"


def test_a_frozen_worker_is_ended_with_its_function(account: Account) -> None:
    worker = Worker(account)
    account.cloud.limits.set(connection_idle_seconds=NEVER)
    process = worker.call()["process"]

    account.client("lambda").delete_function(FunctionName=worker._function)

    awaited(lambda: not Path(f"/proc/{process}").exists())
