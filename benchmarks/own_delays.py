"""The share of degraded keys in a healthy world, while the process itself is what is late."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
from botocore.credentials import DeferredRefreshableCredentials

from kms_failover import FailoverKms, Settings

from .data_plane import connected
from .kms import EAST, REPOSITORY, WEST, Endpoint, strict_kms
from .measure import Figure, rounded
from .ours import key_set

LATENCY_MS = 40
SATURATING = (64, 128, 256)  # threads on the 32 of a region
SECONDS = 5.0  # of each
CREDENTIALS_SECONDS, CREDENTIALS_THREADS = 3.0, 8
STARTS = 3
# A function of 128 MB has a fourteenth of a processor: it runs for so long, then is stopped for thirteen times as long
RUNS_SECONDS, STOPPED_SECONDS = 0.007, 0.093
LONGEST_START_SECONDS = 120.0


def degraded_by_own_delays() -> list[Figure]:
    with strict_kms("--latency", str(LATENCY_MS)) as endpoint:
        arns = endpoint.new_key(EAST), endpoint.new_key(WEST)
        figures = [_saturated(endpoint, arns, threads) for threads in SATURATING]
        return [*figures, _slow_credentials(endpoint, arns), _starved(endpoint, arns)]


def _saturated(endpoint: Endpoint, arns: tuple[str, str], threads: int) -> Figure:
    with connected() as connect:
        made, degraded = _keys(connect(endpoint, *arns), threads)
    return _figure(f"{threads} threads on a region's 32", made, degraded)


def _slow_credentials(endpoint: Endpoint, arns: tuple[str, str]) -> Figure:
    """As those of a web identity, fetched by the first request."""
    own = key_set(*arns)
    settings = Settings(endpoints=dict.fromkeys(own.regions, endpoint.url))
    with FailoverKms.connect(EAST, None, (own,), settings=settings, session=_session_of_late_credentials()) as kms:
        made, degraded = _keys(kms, CREDENTIALS_THREADS)
    return _figure(f"credentials after {CREDENTIALS_SECONDS} s, {CREDENTIALS_THREADS} threads", made, degraded)


def _session_of_late_credentials() -> boto3.Session:
    def fetch() -> dict[str, str]:
        time.sleep(CREDENTIALS_SECONDS)
        expiry = datetime.now(UTC) + timedelta(hours=1)
        return {"access_key": "test", "secret_key": "test", "token": "t", "expiry_time": expiry.isoformat()}

    inner: Any = botocore.session.get_session()
    inner._credentials = DeferredRefreshableCredentials(fetch, "late")  # noqa: SLF001 - as a provider would set them
    return boto3.Session(botocore_session=inner)


def _keys(kms: FailoverKms, threads: int) -> tuple[int, int]:
    """How many were made within SECONDS, and how many of them lack a wrap."""
    until = time.monotonic() + SECONDS

    def work(_number: int) -> list[bool]:
        kept = []
        while time.monotonic() < until:
            kept.append(kms.generate_data_key(KeyId="orders", KeySpec="AES_256")["KmsFailover"]["Degraded"])
        return kept

    with ThreadPoolExecutor(threads) as workers:
        results = [one for kept in workers.map(work, range(threads)) for one in kept]
    return len(results), sum(results)


def _starved(endpoint: Endpoint, arns: tuple[str, str]) -> Figure:
    degraded = sum(_degraded_in_a_starved_process(endpoint, arns) for _ in range(STARTS))
    share = RUNS_SECONDS / (RUNS_SECONDS + STOPPED_SECONDS)
    return _figure(f"first keys of {STARTS} cold processes that run for {share:.0%} of the time", STARTS, degraded)


def _degraded_in_a_starved_process(endpoint: Endpoint, arns: tuple[str, str]) -> bool:
    program = [sys.executable, "-m", "benchmarks.starved", *arns]
    environment = endpoint.environment | {"PYTHONPATH": os.pathsep.join(("layers/shared", "."))}
    with subprocess.Popen(  # noqa: S603 - a module of this folder
        program, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None  # noqa: S101 - opened above
        child.stdout.readline()  # it has connected
        ended = threading.Event()
        starving = threading.Thread(target=_starve, args=(child, ended))
        starving.start()
        try:
            answer = child.stdout.readline()
        finally:
            ended.set()
            starving.join()
        child.wait(LONGEST_START_SECONDS)
    return answer.strip() != "complete"


def _starve(child: subprocess.Popen[str], ended: threading.Event) -> None:
    while not ended.is_set() and child.poll() is None:
        child.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        child.send_signal(signal.SIGCONT)
        ended.wait(RUNS_SECONDS)


def _figure(name: str, made: int, degraded: int) -> Figure:
    return Figure(
        name=f"degraded in a healthy world, {name}",
        ours=rounded(degraded),
        peer=rounded(made),
        unit="keys that lack a wrap, peer: all that were made",
        ratio=round(degraded / made, 4) if made else 1.0,
        goal="none",
        ok=made > 0 and degraded == 0,
    )
