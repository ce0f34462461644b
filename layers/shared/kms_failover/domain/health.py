"""From observations to a verdict: what one region concludes about another region's KMS, for one key set."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from kms_failover.domain.key_set import Model, Rules

LEAST_BETWEEN_ROUNDS = timedelta(seconds=5)  # half of the probe's 10 s
MAX_DOUBLINGS = 4  # repeated impairments within an hour lengthen the way back, up to 16 times


class Outcome(StrEnum):
    OK = "ok"
    REGION_FAULT = "region fault"
    KEY_FAULT = "key fault"
    INCONCLUSIVE = "inconclusive"  # throttled, denied or misconfigured: says nothing about the region


class Source(StrEnum):
    PROBE = "probe"
    DATA_PLANE = "data-plane"
    HEALTH_EVENT = "aws.health"
    ALARM = "alarm"
    KMS_EVENT = "aws.kms"
    DRILL = "drill"


class Observation(Model):
    """One signal about one region's KMS: seen from `observer`, at `at`; `id` makes a repeat the same observation."""

    key_set: str
    observer: str
    region: str
    source: Source
    outcome: Outcome
    at: AwareDatetime
    id: str
    code: str = ""
    latency_ms: Annotated[float, Field(ge=0)] = 0.0


class Verdict(StrEnum):
    HEALTHY = "healthy"
    SUSPECT = "suspect"
    IMPAIRED = "impaired"
    UNKNOWN = "unknown"


class RegionHealth(Model):
    """A verdict with what it rests on; `impairments` are the times of the past hour at which the region was lost."""

    region: str
    verdict: Verdict = Verdict.UNKNOWN
    key_usable: bool = True
    since: AwareDatetime
    last_fault_at: AwareDatetime | None = None
    impairments: tuple[AwareDatetime, ...] = ()
    reason: str = "nothing observed yet"
    recovery_announced: bool = True
    answers: bool = True

    @property
    def is_refuge(self) -> bool:
        """Whether a route may flee to this region: its latest probe round was answered, whatever others report."""
        return self.routable and self.answers and self.verdict is not Verdict.UNKNOWN

    @property
    def routable(self) -> bool:
        """Whether a route may prefer this region. The unknown stay where they are: silence alone moves nothing."""
        return self.key_usable and self.verdict is not Verdict.IMPAIRED


def judge(previous: RegionHealth, observations: Sequence[Observation], rules: Rules, now: datetime) -> RegionHealth:
    """The verdict at `now`, given all of the window's observations of this region, in any order, repeats included.

    With the default rules, faults of the probe at 12:00:00, :10 and :20 make it impaired at :20; if the data plane
    has reported a fault as well, it is impaired at :10.
    """
    ordered = sorted(set(observations), key=lambda o: (o.at, o.id))
    probes = [o for o in ordered if o.source is Source.PROBE]
    faults = [o for o in ordered if o.outcome is Outcome.REGION_FAULT]
    streak = _trailing_faults(probes)
    last_fault_at = max((o.at for o in faults), default=previous.last_fault_at)
    if previous.last_fault_at and (last_fault_at is None or previous.last_fault_at > last_fault_at):
        last_fault_at = previous.last_fault_at
    corroborated = _corroboration(faults, streak, rules, now)
    verdict, reason = _verdict(previous, probes, streak, corroborated, last_fault_at, rules, now)
    impairments = tuple(t for t in previous.impairments if now - t < timedelta(hours=1))
    if verdict is Verdict.IMPAIRED and previous.verdict is not Verdict.IMPAIRED:
        impairments = (*impairments, now)
    changed = verdict is not previous.verdict
    recovered = verdict is Verdict.HEALTHY and previous.verdict is Verdict.IMPAIRED
    return RegionHealth(
        region=previous.region,
        verdict=verdict,
        key_usable=_key_usable(previous, probes),
        since=now if changed else previous.since,
        last_fault_at=last_fault_at,
        impairments=impairments,
        recovery_announced=previous.recovery_announced and not recovered,
        answers=_is_fresh(probes, rules, now) and not streak,
        reason=reason if changed or verdict is Verdict.IMPAIRED else previous.reason,
    )


def _trailing_faults(probes: Sequence[Observation]) -> list[Observation]:
    """The run of region faults at the end. What says nothing about the region neither breaks nor extends it.

    Faults that lie closer than half a round count as one: a doubled probe must not halve the time to a verdict.
    """
    streak: list[Observation] = []
    for probe in reversed(probes):
        if probe.outcome is Outcome.REGION_FAULT:
            if not streak or streak[-1].at - probe.at >= LEAST_BETWEEN_ROUNDS:
                streak.append(probe)
        elif probe.outcome is not Outcome.INCONCLUSIVE:
            break
    return streak[::-1]


def _corroboration(
    faults: Sequence[Observation], streak: Sequence[Observation], rules: Rules, now: datetime
) -> Observation | None:
    """Another signal's fault, near the beginning of the probe's own streak or later."""
    start = streak[0].at if streak else now
    earliest = start - timedelta(seconds=rules.corroboration_seconds)
    return next((o for o in reversed(faults) if o.source is not Source.PROBE and o.at >= earliest), None)


def _verdict(
    previous: RegionHealth,
    probes: Sequence[Observation],
    streak: Sequence[Observation],
    corroboration: Observation | None,
    last_fault_at: datetime | None,
    rules: Rules,
    now: datetime,
) -> tuple[Verdict, str]:
    needed = rules.faults_to_impair_when_corroborated if corroboration else rules.faults_to_impair
    if len(streak) >= needed:
        agrees = f"; {corroboration.source} agrees ({corroboration.code})" if corroboration else ""
        return Verdict.IMPAIRED, f"{len(streak)} probe rounds in a row failed, the last with {streak[-1].code}{agrees}"
    if previous.verdict is Verdict.IMPAIRED:
        return _recovery(previous, probes, streak, last_fault_at, rules, now)
    if not _is_fresh(probes, rules, now):
        return Verdict.UNKNOWN, f"no probe round within {rules.unknown_after_seconds} s"
    if streak:
        return Verdict.SUSPECT, f"{len(streak)} probe round(s) failed with {streak[-1].code}"
    known_before = previous.verdict is Verdict.HEALTHY and corroboration and corroboration.at <= previous.since
    if corroboration and not known_before:
        return Verdict.SUSPECT, f"{corroboration.source} reports {corroboration.code}; the probe does not see it"
    return Verdict.HEALTHY, "probe rounds succeed"


def _recovery(
    previous: RegionHealth,
    probes: Sequence[Observation],
    streak: Sequence[Observation],
    last_fault_at: datetime | None,
    rules: Rules,
    now: datetime,
) -> tuple[Verdict, str]:
    doublings = min(max(len(previous.impairments) - 1, 0), MAX_DOUBLINGS)
    dwell = timedelta(seconds=rules.healthy_after_seconds * 2**doublings)
    reference = last_fault_at or previous.since
    answered = any(o.outcome is Outcome.OK and o.at > reference for o in probes)
    if answered and _is_fresh(probes, rules, now) and not streak and now - reference >= dwell:
        return Verdict.HEALTHY, f"{int(dwell.total_seconds())} s without a region fault"
    return Verdict.IMPAIRED, previous.reason


def _is_fresh(probes: Sequence[Observation], rules: Rules, now: datetime) -> bool:
    return bool(probes) and now - probes[-1].at <= timedelta(seconds=rules.unknown_after_seconds)


def _key_usable(previous: RegionHealth, probes: Sequence[Observation]) -> bool:
    conclusive = [o for o in probes if o.outcome in {Outcome.OK, Outcome.KEY_FAULT}]
    return conclusive[-1].outcome is Outcome.OK if conclusive else previous.key_usable
