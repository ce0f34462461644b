"""Many callers at once meet a region that falls silent, beside the same burst while all is well."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kms_failover import FailoverKms, Settings

from .data_plane import connected
from .kms import EAST, WEST, Relay, falling_silent, strict_kms
from .measure import Figure, rounded, timed

CALLERS = (64, 128, 200, 500)
LATENCY_MS = 20
WARM_CALLS = 60
ROUNDS = 3
MOST_SECONDS_MORE = 0.3
RECOVERY_SECONDS = 60.0  # a trial comes every `breaker_open_seconds`
CONTEXT = {"order": "42"}


@dataclass(frozen=True)
class Burst:
    """Of one request by each caller: how many failed, and the seconds of the slowest."""

    failed: int
    slowest: float


def bursts_into_silence() -> list[Figure]:
    """Each with a client that has worked; the second silence begins as soon as the region has answered again."""
    with strict_kms("--latency", str(LATENCY_MS)) as endpoint, falling_silent(endpoint.url) as relay:
        east, west = endpoint.new_key(EAST), endpoint.new_key(WEST)
        figures = []
        for operation in ("decrypt", "generate"):
            for callers in CALLERS:
                rounds = []
                for _ in range(ROUNDS):
                    with connected() as connect:
                        kms = connect(endpoint, east, west, settings=Settings(endpoints={EAST: relay.url}))
                        rounds.append(_round(kms, relay, operation, callers))
                figures += _figures(operation, callers, rounds)
    return figures


def _round(kms: FailoverKms, relay: Relay, operation: str, callers: int) -> tuple[Burst, Burst, Burst]:
    """In health, in silence, and in a second silence soon after that."""
    call = _call(kms, operation)
    timed(lambda: kms.generate_data_key(KeyId="orders", KeySpec="AES_256"), WARM_CALLS)
    burst(call, callers)  # so that both have met that many: connections, threads
    health = burst(call, callers)
    with _silent(relay):
        first = burst(call, callers)
    _recover(kms)
    with _silent(relay):
        return health, first, burst(call, callers)


def _call(kms: FailoverKms, operation: str) -> Callable[[], Any]:
    make = partial(kms.generate_data_key, KeyId="orders", KeySpec="AES_256", EncryptionContext=CONTEXT)
    blob = make()["CiphertextBlob"]
    return make if operation == "generate" else partial(kms.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT)


@contextmanager
def _silent(relay: Relay) -> Iterator[None]:
    relay.silent = True
    try:
        yield
    finally:
        relay.silent = False


def _recover(kms: FailoverKms) -> None:
    until = time.monotonic() + RECOVERY_SECONDS
    while kms.generate_data_key(KeyId="orders", KeySpec="AES_256")["KmsFailover"]["AnsweredBy"] != EAST:
        if time.monotonic() > until:
            raise RuntimeError(f"{EAST} has not come back within {RECOVERY_SECONDS} s")
        time.sleep(0.05)


def burst(call: Callable[[], Any], callers: int) -> Burst:
    """Timed from the moment in which all are let go: a thread that gets to run later has waited as well."""
    let_go: list[float] = []
    start = threading.Barrier(callers, action=lambda: let_go.append(time.perf_counter()))

    def one(_number: int) -> tuple[bool, float]:
        start.wait()
        try:
            call()
        except (ClientError, BotoCoreError):
            return True, time.perf_counter()
        return False, time.perf_counter()

    with ThreadPoolExecutor(callers) as threads:
        results = list(threads.map(one, range(callers)))
    return Burst(sum(failed for failed, _ in results), max(ended for _, ended in results) - let_go[0])


def _figures(operation: str, callers: int, rounds: list[tuple[Burst, Burst, Burst]]) -> list[Figure]:
    healths, firsts, seconds = zip(*rounds, strict=True)
    health = max(one.slowest for one in healths)
    figures = []
    for name, silences in (("silence", firsts), ("a second silence", seconds)):
        slowest, failed = max(one.slowest for one in silences), sum(one.failed for one in silences)
        figures.append(
            Figure(
                name=f"burst into {name}, {operation}, {callers} threads at once; the slowest of all, {failed} failed",
                ours=rounded(slowest),
                peer=rounded(health),
                unit="s, peer: the same burst while all is well",
                ratio=round(slowest / health, 2),
                goal=f"at most {MOST_SECONDS_MORE} s more, none fails",
                ok=not failed and slowest <= health + MOST_SECONDS_MORE,
            )
        )
    return figures
