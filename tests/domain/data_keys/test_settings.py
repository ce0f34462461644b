"""Settings: the defaults fit together, and what makes no sense is refused by name."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from kms_failover.domain.data_keys.settings import CacheLimits, ReservoirLimits, Settings
from kms_failover.errors import ConfigurationError


def test_what_trades_safety_for_speed_is_off_until_it_is_asked_for() -> None:
    assert (Settings().cache, Settings().reservoir) == (None, None)


def test_the_deadline_leaves_room_for_both_turns_of_both_time_outs() -> None:
    default = Settings()

    longest_call = default.connect_timeout_seconds + default.read_timeout_seconds

    assert default.deadline_seconds >= default.region_attempts * longest_call


@pytest.mark.parametrize(
    ("make", "wrong", "accepted"),
    [
        (Settings, {"deadline_seconds": 0}, {"deadline_seconds": 900.0}),
        (Settings, {"connect_timeout_seconds": -1.0}, {"connect_timeout_seconds": 0.1}),
        (Settings, {"read_timeout_seconds": float("nan")}, {"read_timeout_seconds": 1}),
        (Settings, {"wrap_deadline_seconds": "1"}, {"wrap_deadline_seconds": 0.5}),
        (Settings, {"first_hedge_delay_seconds": 0.6}, {"first_hedge_delay_seconds": 0.5}),
        (Settings, {"deadline_seconds": 0.4}, {"deadline_seconds": 0.5}),
        (Settings, {"cache": True}, {"cache": None}),
        (Settings, {"cache": ReservoirLimits()}, {"cache": CacheLimits(max_age_seconds=1)}),
        (Settings, {"reservoir": 16}, {"reservoir": ReservoirLimits(keys=16)}),
        (Settings, {"endpoints": None}, {"endpoints": {}}),
        (Settings, {"endpoints": "http://x"}, {"endpoints": {"us-east-1": "http://x"}}),
        (Settings, {"endpoints": {"us-east-1": "127.0.0.1:80"}}, {"endpoints": {"us-east-1": "http://127.0.0.1:80"}}),
        (Settings, {"endpoints": {"us-east-1": "http://"}}, {"endpoints": {"us-east-1": "https://h/path"}}),
        (Settings, {"endpoints": {"us-east-1": 5}}, {"endpoints": {"us-east-1": "http://[::1]:80"}}),
        (Settings, {"min_hedge_delay_seconds": 0.6}, {"min_hedge_delay_seconds": 0.5}),
        (Settings, {"hedge_budget": 1.1}, {"hedge_budget": 0}),
        (Settings, {"min_wraps": 0}, {"min_wraps": 8}),
        (Settings, {"min_wraps": 1.5}, {"min_wraps": 2}),
        (Settings, {"min_wraps": True}, {"min_wraps": 1}),
        (Settings, {"region_attempts": 11}, {"region_attempts": 10}),
        (Settings, {"threads_per_region": 0}, {"threads_per_region": 1}),
        (CacheLimits, {"max_age_seconds": 86_401}, {"max_age_seconds": 86_400}),
        (CacheLimits, {"max_age_seconds": 1, "max_uses": 2**32 + 1}, {"max_age_seconds": 1, "max_uses": 2**32}),
        (CacheLimits, {"max_age_seconds": 1, "max_bytes": 0}, {"max_age_seconds": 1, "max_bytes": 1}),
        (CacheLimits, {"max_age_seconds": 1, "max_entries": 0}, {"max_age_seconds": 1, "max_entries": 1}),
        (ReservoirLimits, {"keys": 0}, {"keys": 1}),
        (ReservoirLimits, {"makers": 65}, {"makers": 64}),
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused_by_name_and_its_neighbour_is_not(
    make: Callable[..., Any], wrong: dict[str, Any], accepted: dict[str, Any]
) -> None:
    make(**accepted)

    with pytest.raises(ConfigurationError, match=list(wrong)[-1]):
        make(**wrong)


def test_settings_do_not_change_under_way() -> None:
    endpoints = {"us-east-1": "https://vpce.example"}
    settings = Settings(endpoints=endpoints)

    endpoints["us-east-1"] = "https://elsewhere.example"
    changed: Any = settings

    assert settings.endpoints["us-east-1"] == "https://vpce.example"
    with pytest.raises(TypeError):
        changed.endpoints["us-east-1"] = "x"
    with pytest.raises(FrozenInstanceError):
        changed.min_wraps = 2
