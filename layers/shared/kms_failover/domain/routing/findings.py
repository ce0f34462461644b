"""What a window's observations come to, before anything is concluded from it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from kms_failover.domain.routing.doubts import Doubt
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.observation import DOUBTED, Observation, Outcome, Source
from kms_failover.domain.routing.rounds import Round, rounds_of


class Findings(NamedTuple):
    """What the observations come to; rounds and reports newest first."""

    rounds: list[Round]
    key_rounds: list[Round]
    reports: list[Observation]
    reported_at: dict[Source, list[datetime]]  # faults that are reported, also those taken back; newest first
    last_fault_at: datetime | None
    last_key_fault_at: datetime | None
    key_checked_at: datetime | None
    last_code: str
    refused: bool  # the key's latest check was
    doubts: tuple[Doubt, ...] = ()
    counted: frozenset[tuple[Source, datetime]] = frozenset()  # of `reported_at`


def in_time(observations: Iterable[Observation], earliest: datetime, latest: datetime) -> list[Observation]:
    """Newest first, each once."""
    known = {(o.at, o.source, o.id, o.key_set): o for o in observations if earliest <= o.at <= latest}
    return [known[key] for key in sorted(known, reverse=True)]


_FAULTS = frozenset({Outcome.KEY_FAULT, Outcome.REGION_FAULT})


def findings_of(newest_first: Sequence[Observation], previous: RegionHealth) -> Findings:
    """Rounds that throttling or refusals made mute neither break nor extend a run: they are left out."""
    regional: list[Observation] = []
    own: list[Observation] = []
    reports: list[Observation] = []
    for seen in newest_first:
        if seen.source is not Source.PROBE:
            reports.append(seen)
        elif not seen.key_set:
            regional.append(seen)
        elif seen.subject in {"", previous.key_arn}:  # else another key's, that this one has replaced
            own.append(seen)
    answers = [o for o in regional if o.outcome in {Outcome.OK, Outcome.REGION_FAULT}]
    words = [o for o in own if o.outcome is not Outcome.INCONCLUSIVE]
    of_subjects: dict[tuple[str, str], Observation] = {}
    for report in reports:
        of_subjects.setdefault((report.source, report.subject or report.id), report)  # the latest of each
    return Findings(
        rounds=rounds_of(answers),
        key_rounds=rounds_of([o for o in words if o.outcome is not Outcome.REFUSED]),
        reports=list(of_subjects.values()),
        reported_at={
            s: [o.at for o in reports if o.source is s and o.outcome is Outcome.REGION_FAULT] for s in DOUBTED
        },
        last_fault_at=_latest(previous.last_fault_at, [o for o in answers if o.outcome in _FAULTS]),
        last_key_fault_at=_latest(previous.last_key_fault_at, [o for o in words if o.outcome in _FAULTS]),
        key_checked_at=_latest(previous.key_checked_at, words),
        last_code=next((o.code for o in regional if o.code), ""),
        refused=bool(words) and words[0].outcome is Outcome.REFUSED,
    )


def _latest(known: datetime | None, newest_first: Sequence[Observation]) -> datetime | None:
    """The later of what is known and what has been seen."""
    seen = newest_first[0].at if newest_first else None
    return max(filter(None, (known, seen)), default=None)
