"""Connects a process to its region's state and to every region's KMS."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from kms_failover.adapters.engine import Engine
from kms_failover.adapters.regional_kms import RegionalKms
from kms_failover.adapters.reports import FaultReporter
from kms_failover.adapters.routes import RouteReader
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.naming import Deployment

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

TABLE_TIMEOUT_SECONDS = 1.0  # a route that is not there at once is taken from memory


@dataclass(frozen=True)
class Connection:
    """`client` is the local region's boto3 client."""

    engine: Engine
    routes: RouteReader
    client: "KMSClient"


def connect(
    region: str, deployment: str, key_sets: tuple[KeySet, ...] = (), *, regions: tuple[str, ...] = ()
) -> Connection:
    """For code that runs in `region`; `regions` beside it are connected at once, others when they are first asked."""
    config = Config(
        connect_timeout=TABLE_TIMEOUT_SECONDS,
        read_timeout=TABLE_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    table = boto3.resource("dynamodb", region_name=region, config=config).Table(Deployment(deployment).state_table)
    state = StateTable(table, region)
    routes = RouteReader(region, state, key_sets)
    kms = Regions(FaultReporter(region, state, routes.key_sets))
    for name in dict.fromkeys((region, *regions)):
        kms[name]
    return Connection(Engine(region, kms), routes, kms[region].client)


class Regions(dict[str, RegionalKms]):
    """Connects to a region when it is first asked for, one at a time: making a boto3 client is not safe for threads."""

    def __init__(self, on_fault: Callable[[str, str], None]) -> None:
        super().__init__()
        self._on_fault = on_fault
        self._lock = threading.Lock()

    def __missing__(self, region: str) -> RegionalKms:
        with self._lock:
            if region not in self:
                self[region] = RegionalKms.connect(region, self._on_fault)
            return self[region]
