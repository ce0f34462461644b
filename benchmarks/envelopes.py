"""Whole encryptions of 1 KB, each contestant in a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .contestant import REPOSITORY, Contestant
from .kms import EAST, WEST, Endpoint, silence, strict_kms
from .measure import Figure, at_least, contestants_rates

PEERS_PYTHON = str(REPOSITORY / ".venv-peers" / "bin" / "python")
LATENCY_MILLISECONDS = "20"
THREADS = 32
ROUNDS = 7
PEER_GIVES_UP_SECONDS = 400.0  # 180 s when measured


def from_the_cache() -> list[Figure]:
    """Two-region wraps in the cache, against a Tink envelope without any network, and the SDK's own cache."""
    with strict_kms() as endpoint:
        arns = endpoint.new_key(EAST), endpoint.new_key(WEST)
        with (
            _ours(endpoint, "cached", *arns) as ours,
            _peer(endpoint, "tink") as tink,
            _peer(endpoint, "caching", arns[0]) as caching,
        ):
            against_tink = contestants_rates(ours, tink, rounds=ROUNDS, calls=5_000)
            against_sdk = contestants_rates(ours, caching, rounds=ROUNDS, calls=1_000)
    name = "data key from the cache, AES-256-GCM of 1 KB, one thread"
    unit = "encrypts/s, peer: "
    return [
        at_least(1.0, name=name, ours=against_tink[0], peer=against_tink[1], unit=f"{unit}Tink KmsEnvelopeAead"),
        at_least(1.0, name=name, ours=against_sdk[0], peer=against_sdk[1], unit=f"{unit}caching Encryption SDK"),
    ]


def two_region_wraps() -> list[Figure]:
    """20 ms a call injected. One thread; one thread with keys made ahead; 32 threads."""
    with strict_kms("--latency", LATENCY_MILLISECONDS) as endpoint:
        arns = endpoint.new_key(EAST), endpoint.new_key(WEST)
        with (
            _ours(endpoint, "plain", *arns) as plain,
            _ours(endpoint, "reservoir", *arns) as reservoir,
            _peer(endpoint, "multi-keyring", *arns) as peer,
        ):
            alone = contestants_rates(plain, peer, rounds=ROUNDS, calls=20)
            ahead = contestants_rates(reservoir, peer, rounds=ROUNDS, calls=40)
        with (
            _ours(endpoint, "plain", *arns, threads=THREADS) as plain,
            _peer(endpoint, "multi-keyring", *arns, threads=THREADS) as peer,
        ):
            many = contestants_rates(plain, peer, rounds=ROUNDS, calls=6)
    unit = "encrypts/s, peer: MPL two-region multi-keyring"
    name = "two-region wrap, 20 ms a call"
    return [
        at_least(3.0, name=f"{name}, one thread, reservoir", ours=ahead[0], peer=ahead[1], unit=unit),
        at_least(3.0, name=f"{name}, {THREADS} threads", ours=many[0] * THREADS, peer=many[1] * THREADS, unit=unit),
        at_least(3.0, name=f"{name}, one thread, defaults", ours=alone[0], peer=alone[1], unit=unit),
    ]


@contextmanager
def peer_in_an_outage() -> Iterator[Callable[[], float]]:
    """Starts the peer's encryption into a silent region; what is yielded waits for its end, and tells its seconds.

    Raises RuntimeError if it ended in any other way than a failure.
    """
    with strict_kms() as endpoint, silence() as silent:
        arns = endpoint.new_key(EAST), endpoint.new_key(WEST)
        process = subprocess.Popen(  # noqa: S603 - a module of this folder
            [PEERS_PYTHON, "-m", "benchmarks.peers.outage", *arns],
            cwd=REPOSITORY,
            env=endpoint.environment | {f"ENDPOINT_{EAST}": silent},
            stdout=subprocess.PIPE,
            text=True,
        )

        def seconds() -> float:
            said, _ = process.communicate(timeout=PEER_GIVES_UP_SECONDS)
            if process.returncode:
                raise RuntimeError(f"the peer's outage was not measured: status {process.returncode}")
            return float(said.split()[0])

        try:
            yield seconds
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _ours(endpoint: Endpoint, way: str, *arns: str, threads: int = 1) -> Contestant:
    environment = endpoint.environment | {"THREADS": str(threads)}
    return Contestant(sys.executable, "benchmarks.ours", way, *arns, environment=environment)


def _peer(endpoint: Endpoint, way: str, *arns: str, threads: int = 1) -> Contestant:
    environment = endpoint.environment | {"THREADS": str(threads)}
    return Contestant(PEERS_PYTHON, "benchmarks.peers.envelopes", way, *arns, environment=environment)
