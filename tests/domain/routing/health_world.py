"""Rounds of a probe, and what is known before them."""

from datetime import timedelta

from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.observation import Observation, Outcome
from tests.domain.strategies import EAST, NOON, observation

FAULT, OK, THROTTLED, KEY_FAULT = Outcome.REGION_FAULT, Outcome.OK, Outcome.INCONCLUSIVE, Outcome.KEY_FAULT
NEW = RegionHealth(region=EAST, since=NOON - timedelta(hours=1))


def probes(*outcomes: Outcome, end: float = 0, key_set: str = "") -> list[Observation]:
    """Rounds 10 s apart, the last one at `end`; of the region, or of a key set's own key."""
    return [observation(end - 10 * back, one, key_set=key_set) for back, one in enumerate(reversed(outcomes))]


def own(*outcomes: Outcome, end: float = 0) -> list[Observation]:
    return probes(*outcomes, end=end, key_set="orders")


def impaired(*, minutes_ago: int = 5, times: int = 1) -> RegionHealth:
    lost = NOON - timedelta(minutes=minutes_ago)
    return NEW.but(verdict=Verdict.IMPAIRED, since=lost, last_fault_at=lost, losses=times, lost_at=lost)
