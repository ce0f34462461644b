"""Complaints about a region: which of them count, given what the probe's own rounds have seen since."""

from collections.abc import Iterable
from datetime import datetime

from kms_failover.domain.key_set import Rules
from kms_failover.domain.routing.doubts import Complaints, Doubt, kept
from kms_failover.domain.routing.findings import Findings
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.observation import DOUBTED, Observation, Source


def run_began(found: Findings, rules: Rules, now: datetime) -> datetime:
    """When the probe's own run of faults did, if there is one."""
    considered = found.rounds[: max(rules.rounds, rules.rounds_when_corroborated)]
    return min((probe.at for probe in considered if probe.fault), default=now)


def is_answered(complaint: Observation, found: Findings, until: datetime, rules: Rules) -> bool:
    """Whether as many rounds have been good since as make a fault: what was wrong there was over, or not the region."""
    return sum(complaint.at < probe.at < until and not probe.fault for probe in found.rounds) >= rules.faults_to_impair


def is_believed(report: Observation, found: Findings) -> bool:
    return report.source not in DOUBTED or (report.source, report.at) in found.counted


def weighed(found: Findings, previous: RegionHealth, rules: Rules, now: datetime) -> Findings:
    """The same, with what follows for those who go on reporting what no round has seen."""
    if not any(found.reported_at.values()):
        return found._replace(doubts=previous.doubts)
    until = run_began(found, rules, now)
    rounds = [probe for probe in reversed(found.rounds) if probe.at < until]
    doubts: list[Doubt] = []
    counted: set[tuple[Source, datetime]] = set()
    for source, newest_first in found.reported_at.items():
        complaints = Complaints(source, newest_first[::-1], rounds, until, rules)
        doubt = complaints.weighed(_doubt(previous.doubts, source))
        doubts += [doubt] if doubt else []
        counted |= {(source, at) for at in complaints.counted(doubt)}
    return found._replace(doubts=tuple(doubts), counted=frozenset(counted))


def _doubt(doubts: Iterable[Doubt], source: str) -> Doubt | None:
    return next((doubt for doubt in doubts if doubt.source == source), None)


def doubts_to_store(previous: RegionHealth, found: Findings) -> tuple[Doubt, ...]:
    """As they are stored."""
    known = ((kept(_doubt(previous.doubts, doubt.source), doubt)) for doubt in found.doubts)
    return tuple(doubt for doubt in known if doubt is not None)
