"""What is kept of reports: so much, whoever writes them, and however many there are."""

from datetime import datetime, timedelta

import pytest

from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.probe_memory import MOST_REGIONS, RULES, Attention
from tests.domain.strategies import EAST, NOON, WEST, observation


def reports(*regions: str, at: datetime) -> list[Observation]:
    """One of each region, a millisecond apart."""
    moments = [at + timedelta(milliseconds=number) for number in range(len(regions))]
    return [
        observation(0, Outcome.REGION_FAULT, Source.DATA_PLANE).but(region=region, at=moment)
        for region, moment in zip(regions, moments, strict=True)
    ]


@pytest.fixture
def attention() -> Attention:
    """Of a probe that asks two regions."""
    made = Attention()
    for region in (EAST, WEST):
        made.round_found(region, NOON - timedelta(seconds=5), Outcome.OK)
    return made


def test_a_flood_of_reports_leaves_a_bounded_number(attention: Attention) -> None:
    for second in range(1000):
        now = NOON + timedelta(seconds=second)
        attention.read(reports(*[EAST] * 50, at=now), now + timedelta(seconds=1))

    assert len(attention._history[EAST]._reports) <= RULES.window.total_seconds()


def test_a_flood_that_no_round_confirms_hastens_nothing_after_a_minute(attention: Attention) -> None:
    hastened = []
    for second in range(0, 600, 10):
        now = NOON + timedelta(seconds=second)
        if attention.read(reports(*[EAST] * 50, at=now), now + timedelta(seconds=1)):
            hastened.append(second)
        attention.round_found(EAST, now + timedelta(seconds=2), Outcome.OK)

    assert hastened
    assert max(hastened) <= 70


def test_reports_of_regions_that_are_none_leave_room_for_those_that_are(attention: Attention) -> None:
    attention.read(reports(*[f"nowhere-{number}" for number in range(1000)], at=NOON), NOON + timedelta(seconds=1))
    later = NOON + timedelta(seconds=20)

    seen = attention.read(reports(WEST, at=later), later + timedelta(seconds=1))

    assert len(attention._history) == MOST_REGIONS
    assert seen == {WEST}
