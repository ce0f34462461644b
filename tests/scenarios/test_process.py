"""FailoverKms in a process: shared by threads, left without ceremony, frozen and thawed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kms_failover.domain.data_keys.settings import Settings
from proofs.fault_matrix.faults import silence
from proofs.fault_matrix.faulty_kms import Region, region, running
from proofs.fault_matrix.matrix import CONTEXT, FIRST, REGIONS, Kms

REPOSITORY = Path(__file__).resolve().parents[2]
LONG_SECONDS = 60.0  # for a child to end by itself; it needs its time-outs at most

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("real time")]


def test_one_client_serves_32_threads(kms: Kms) -> None:
    with kms.failover(dict.fromkeys(REGIONS, kms.url), Settings()) as failover, ThreadPoolExecutor(32) as threads:

        def round_trip(number: int) -> bytes:
            context = CONTEXT | {"number": str(number)}
            made = failover.generate_data_key(KeyId="orders", KeySpec="AES_256", EncryptionContext=context)
            sealed = failover.encrypt(KeyId="orders", Plaintext=str(number).encode(), EncryptionContext=context)
            opened = [
                failover.decrypt(CiphertextBlob=one["CiphertextBlob"], EncryptionContext=context)["Plaintext"]
                for one in (made, sealed)
            ]
            assert opened == [made["Plaintext"], str(number).encode()]
            key: bytes = made["Plaintext"]
            return key

        keys = list(threads.map(round_trip, range(200)))

    assert len(set(keys)) == 200


def test_after_close_no_thread_is_left(kms: Kms) -> None:
    before = set(threading.enumerate())
    with kms.failover(dict.fromkeys(REGIONS, kms.url), Settings()) as failover:
        failover.generate_data_key(KeyId="orders", KeySpec="AES_256")
        during = set(threading.enumerate()) - before

    for thread in during:
        thread.join(LONG_SECONDS)

    assert during
    assert not [thread for thread in during if thread.is_alive()]


def test_a_process_ends_by_itself_although_a_region_is_silent(kms: Kms) -> None:
    with ExitStack() as stack:
        endpoints = dict.fromkeys(REGIONS, kms.url)
        endpoints[FIRST] = stack.enter_context(region(kms.behind, silence))
        child = stack.enter_context(started(kms, endpoints))

        answered, complaints = child.communicate("\n", timeout=LONG_SECONDS)

    assert FIRST in json.loads(answered)["MissingRegions"]
    assert child.returncode == 0
    assert "Traceback" not in complaints
    assert "Exception" not in complaints


def test_a_process_that_was_frozen_goes_on_with_every_region(kms: Kms) -> None:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(kms.behind, lambda *_: None)) for name in REGIONS}
        child = stack.enter_context(started(kms, {name: server.url for name, server in servers.items()}))
        before = ask(child)
        child.send_signal(signal.SIGSTOP)
        cut(servers.values())
        child.send_signal(signal.SIGCONT)

        after = [ask(child) for _ in range(3)]

    assert [answer["MissingRegions"] for answer in (before, *after)] == [[]] * 4
    assert [answer["AnsweredBy"] for answer in (before, *after)] == [FIRST] * 4


def test_a_forked_child_has_keys_and_regions_of_its_own(kms: Kms) -> None:
    with started(kms, dict.fromkeys(REGIONS, kms.url), module="tests.scenarios.forked") as process:
        said, complaints = process.communicate(timeout=LONG_SECONDS)

    lines = said.split("\n")[:-1]
    assert process.returncode == 0, complaints
    assert len(lines) == 6
    assert len(set(lines)) == 6
    assert "Traceback" not in complaints  # both ended with a reservoir at work, and closed nothing
    assert all(line.endswith(" 0") for line in lines)


@contextmanager
def started(
    kms: Kms, endpoints: dict[str, str], module: str = "tests.scenarios.child"
) -> Iterator[subprocess.Popen[str]]:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    paths = {"PYTHONPATH": os.pathsep.join(str(REPOSITORY / path) for path in ("layers/shared", "."))}
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", module, kms.key_set.model_dump_json(), json.dumps(endpoints)],
        cwd=REPOSITORY,
        env=os.environ | keys | paths,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def ask(child: subprocess.Popen[str]) -> dict[str, Any]:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    answer: dict[str, Any] = json.loads(child.stdout.readline())
    return answer


def cut(servers: Any) -> None:
    for server in servers:
        assert isinstance(server, Region)
        assert server.connections, "nothing was connected"
        server.cut()
