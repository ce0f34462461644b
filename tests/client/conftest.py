"""The world of two regions, and one of them."""

from collections.abc import Iterator

import pytest

from kms_failover.client.regional_kms import RegionalKms
from tests.client.kms_world import Later, World, kms_world
from tests.domain.strategies import EAST


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with kms_world(monkeypatch) as made:
        yield made


@pytest.fixture
def kms(world: World) -> RegionalKms:
    return world.regional[EAST]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Of what is waited for: the process is awake while it passes."""
    later = Later()
    for name in ("call.AWAKE", "call.time", "responsiveness.AWAKE"):
        monkeypatch.setattr(f"kms_failover.client.{name}", later)
    return later
