"""What people are told: the alarm on the silent region's KMS, as the local cloud's page of messages shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

from proofs.drill.context import Drill
from proofs.drill.places import DEPLOYMENT, PREFERRED, REGIONS
from proofs.drill.waiting import poll

ALARM = f"{DEPLOYMENT}-kms-impaired-{PREFERRED}"
ALARM_MINUTE_SECONDS = 20.0  # of the local cloud's; a round of the probe takes ten, so that each minute has some
TOLD_SECONDS = 8 * ALARM_MINUTE_SECONDS  # three of them on an idle machine, the one under way included


def wait_for_alarm(drill: Drill, state: str, *, since: str) -> None:
    """Each region's stack has this alarm and a topic. What they told before the moment `since` is over."""
    after = drill.at(since) or 0.0
    told = dict.fromkeys(REGIONS, state)
    seen = poll(
        drill.progress,
        f"{ALARM} to tell {state}",
        lambda: {region: told_state(drill.cloud.messages(), region, after=after) for region in REGIONS},
        lambda states: states == told,
        deadline_seconds=TOLD_SECONDS,
    )
    drill.checks.add(f"{ALARM} tells people {state}, in each region's topic", expected=told, observed=seen)
    if seen == told:
        drill.mark(f"people are told: {state}", detail=f"the topics' messages about {ALARM}")


def told_state(messages: Sequence[Mapping[str, Any]], region: str, *, after: float) -> str:
    """The state in the newest message; they come the newest first."""
    told = (one["state"] for one in messages if one["alarm"] == ALARM and one["region"] == region and one["at"] > after)
    return str(next(told, "nothing"))
