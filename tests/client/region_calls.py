"""Calls of one region in its several ways to fail: refused, silent, overtaken by another."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from kms_failover.client.call import Call
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.domain.data_keys.latency import FEWEST
from tests.client.kms_world import FOREVER, World, late_after, timed_out
from tests.domain.strategies import EAST


def client_of(world: World) -> Any:
    return world.kms[EAST]


def encrypt(world: World, kms: RegionalKms) -> Any:
    return kms.submit("encrypt", {"KeyId": world.arn(EAST), "Plaintext": b"m"}).future.result(FOREVER)


def know_the_tail(kms: RegionalKms) -> None:
    for _ in range(FEWEST):
        kms.latency.add(0.001)


def overtake(world: World, kms: RegionalKms, delay: float = 0.0) -> Call:
    """One call that another region was faster than, after `delay` of head start."""
    know_the_tail(kms)
    late_after(kms, delay)
    return cold_overtaking(world, kms)


def cold_overtaking(world: World, kms: RegionalKms) -> Call:
    call = start_silent(world, kms)
    kms.overtaken(call)
    return call


def start_silent(world: World, kms: RegionalKms) -> Call:
    world.kms[EAST].silent = True
    world.kms[EAST].begun.clear()
    call = kms.submit("encrypt", {"KeyId": "k"})
    assert world.kms[EAST].begun.wait(FOREVER)
    return call


def fault_twice(world: World, kms: RegionalKms) -> None:
    world.kms[EAST].fails = timed_out
    for _ in range(2):
        with pytest.raises(ReadTimeoutError):
            encrypt(world, kms)


def until_late(kms: RegionalKms, call: Call) -> int:
    """Whole seconds: the clock goes on while a test runs."""
    return round(kms.seconds_until_late(call))
