"""GenerateDataKey over HTTP from one boto3 client: the strict KMS against plain moto's own server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving

from .kms import EAST, REPOSITORY, Endpoint, strict_kms
from .measure import Figure, rates, rounded

ROUNDS, CALLS = 7, 200
FEWEST_CALLS_A_SECOND = 200  # drills and benchmarks that stand on it must not wait for it


def data_keys_over_http() -> list[Figure]:
    with strict_kms() as ours, _moto() as peer:
        ours_rate, peer_rate = rates(_call(ours), _call(peer), rounds=ROUNDS, calls=CALLS)
    return [
        Figure(
            name="local KMS: GenerateDataKey over HTTP, one client",
            ours=rounded(ours_rate),
            peer=rounded(peer_rate),
            unit="calls/s, peer: plain moto's server",
            ratio=round(ours_rate / peer_rate, 2),
            goal=f"at least {FEWEST_CALLS_A_SECOND} calls/s",
            ok=ours_rate >= FEWEST_CALLS_A_SECOND,
        )
    ]


def _call(endpoint: Endpoint) -> Any:
    client, key = endpoint.client(EAST), endpoint.new_key(EAST)
    return lambda: client.generate_data_key(KeyId=key, KeySpec="AES_256")


@contextmanager
def _moto() -> Iterator[Endpoint]:
    (port,) = free_ports(1)
    with serving([sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)], port, folder=REPOSITORY):
        yield Endpoint(f"http://{LOOPBACK}:{port}")
