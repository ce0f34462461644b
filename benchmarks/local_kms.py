"""GenerateDataKey over HTTP from one boto3 client: the strict KMS against plain moto's own server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving

from .measure import Figure, rates

REPOSITORY = Path(__file__).resolve().parents[1]
ROUNDS, CALLS = 7, 200
FEWEST_CALLS_A_SECOND = 200  # issue: drills and benchmarks that stand on it must not wait for it


def data_keys_over_http() -> Figure:
    strict_port, moto_port = free_ports(2)
    strict = [sys.executable, "-m", "local.strict_kms", "--port", str(strict_port)]
    moto = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(moto_port)]
    with _served(strict, strict_port) as ours, _served(moto, moto_port) as peer:
        ours_rate, peer_rate = rates(_call(ours), _call(peer), rounds=ROUNDS, calls=CALLS)
    return Figure(
        name="local KMS: GenerateDataKey over HTTP, one client",
        ours=round(ours_rate, 1),
        peer=round(peer_rate, 1),
        unit="calls/s, peer: plain moto's server",
        ratio=round(ours_rate / peer_rate, 2),
        goal=f"at least {FEWEST_CALLS_A_SECOND} calls/s",
        ok=ours_rate >= FEWEST_CALLS_A_SECOND,
    )


def _call(client: Any) -> Any:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    return lambda: client.generate_data_key(KeyId=key, KeySpec="AES_256")


@contextmanager
def _served(command: list[str], port: int) -> Iterator[Any]:
    """A client of the server that the command starts."""
    with serving(command, port, folder=REPOSITORY):
        client = boto3.client(
            "kms",
            region_name="us-east-1",
            endpoint_url=f"http://{LOOPBACK}:{port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - no secret
        )
        yield client
        client.close()
