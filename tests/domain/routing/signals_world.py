"""Events of AWS and of drills, and a service that takes them."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.aws_events import repeat_key
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.observation import Observation, Outcome
from kms_failover.domain.routing.signals import IgnoredEvent, SignalService
from kms_failover.domain.routing.verdict import judge
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, IRELAND, NOON, RULES, WEST, arn, observation

EVENTS = Path(__file__).parents[3] / "events"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"  # of the example events
MULTI_REGION_ID = "mrk-1234abcd12ab34cd56ef1234567890ab"
ANY_TIME = NOON.replace(year=2001)
LATE = NOON + timedelta(hours=5)


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def changed(name: str, **detail: Any) -> dict[str, Any]:
    """The example with other fields in `detail`; None leaves a field out."""
    made = event(name)
    made["detail"] = {key: value for key, value in (made["detail"] | detail).items() if value is not None}
    return made


OWN = [path.stem for path in sorted(EVENTS.glob("*.json")) if repeat_key(event(path.stem))]


def with_keys(name: str, **key_ids: str) -> KeySet:
    regions = {"east": EAST, "west": WEST, "ireland": IRELAND}
    members = tuple(MemberKey(region=regions[at], arn=arn(regions[at], key_id)) for at, key_id in key_ids.items())
    return KeySet(name=name, members=members)


class World:
    """Seen from us-west-2, at `now`."""

    def __init__(self, now: datetime = NOON + timedelta(hours=4)) -> None:
        self.state = MemoryState(WEST)
        self.wakes = 0
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.key_sets: tuple[KeySet, ...] = (
            with_keys("orders", east=KEY_ID, west="aaaa"),
            with_keys("invoices", east=KEY_ID, west="bbbb"),
            with_keys("others", east="cccc", west="dddd"),
            with_keys("related", east=MULTI_REGION_ID, west=MULTI_REGION_ID),
            with_keys("eu", ireland=KEY_ID),
        )
        self.service = SignalService(WEST, lambda: self.key_sets, self.state, self.wake, self.ask, lambda: now)

    def ask(self, region: str, key_sets: tuple[str, ...]) -> bool:
        self.asked.append((region, key_sets))
        return True

    def wake(self) -> None:
        self.wakes += 1

    def handle(self, *events: Any) -> "World":
        for one in events:
            self.service.handle(one)
        return self

    @property
    def written(self) -> set[Observation]:
        return set(self.state.observations(ANY_TIME))

    @property
    def outcomes(self) -> set[Outcome]:
        return {one.outcome for one in self.written}

    @property
    def ignored(self) -> tuple[IgnoredEvent, ...]:
        return self.state.ignored_events(100)

    def verdict(self, now: datetime, *probes: Observation, region: str = EAST) -> RegionHealth:
        """What the controller makes of it for "orders"."""
        known = (*self.state.observations(ANY_TIME), *probes)
        about = [one for one in known if one.region == region and one.key_set in {"", "orders"}]
        healthy = RegionHealth(region=region, verdict=Verdict.HEALTHY, since=NOON - timedelta(hours=9))
        return judge(healthy, about, RULES, now)


def probe(seconds: float, outcome: Outcome) -> Observation:
    return observation(seconds, outcome).but(key_set="")


TWO_FAULTS = (probe(30, Outcome.REGION_FAULT), probe(40, Outcome.REGION_FAULT))  # enough if another signal agrees


@st.composite
def health_updates(draw: st.DrawFn) -> dict[str, Any]:
    """Of one of two issues: each has its updates at fixed times, and comes as pages and copies."""
    issue, update, page = draw(st.sampled_from("ab")), draw(st.integers(0, 3)), draw(st.integers(1, 3))
    made = changed(
        "aws-health-kms-open",
        eventArn=f"arn:aws:health:us-east-1::event/KMS/{issue}",
        communicationId=f"{issue}-{update}",
        lastUpdatedTime=f"Mon, 23 Nov 2026 12:0{update // 2}:00 GMT",
        statusCode="closed" if update == 3 else "open",
        page=str(page),
        backupEvent=draw(st.sampled_from(["true", "false"])),
    )
    return made | {
        "id": draw(st.uuids()).hex,
        "time": f"2026-11-23T13:0{page}:00Z",
        "region": draw(st.sampled_from([EAST, WEST])),
    }


@st.composite
def alarms(draw: st.DrawFn) -> dict[str, Any]:
    minute = draw(st.integers(0, 2))
    value = ("ALARM", "OK", "INSUFFICIENT_DATA")[minute]
    return changed("cloudwatch-alarm", state={"value": value, "timestamp": f"2026-11-23T12:0{minute}:00.000+0000"})


@st.composite
def drills(draw: st.DrawFn) -> dict[str, Any]:
    number = draw(st.integers(0, 3))
    made = changed("drill-region-impaired", drill=f"drill {number % 2}", recovered=number > 1)
    return made | {"id": f"drill-{number}", "time": f"2026-11-23T12:0{number // 3}:00Z"}
