"""From observations to a verdict: what one region concludes about another region's KMS, for one key set."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, Self

from pydantic import AwareDatetime, Field

from kms_failover.domain.key_set import Rules
from kms_failover.domain.model import Arn, Code, KeySetName, Model, Reason, Region, at_most
from kms_failover.domain.plain_text import shown
from kms_failover.domain.routing.doubts import Complaints, Doubt, Round, kept
from kms_failover.domain.timing import SKEW_SECONDS

LEAST_BETWEEN_ROUNDS = timedelta(seconds=4)  # the probe's own least pause; what lies closer is one round
LONGEST_REASON = 600  # letters: it may name what a stranger reports
MAX_DOUBLINGS = 4  # repeated losses within an hour lengthen the way back, up to 16 times
LOSSES_FOLLOW_WITHIN = timedelta(hours=1)  # of a return; a later loss is a first one again
CLOCK_SKEW = timedelta(seconds=SKEW_SECONDS)  # what claims to come from later counts when its time has come


class Outcome(StrEnum):
    OK = "ok"
    REGION_FAULT = "region fault"
    KEY_FAULT = "key fault"
    REFUSED = "refused"  # the observer may not use this key: no fault of it, but no answer either
    INCONCLUSIVE = "inconclusive"  # throttled, or nobody had time to ask: says nothing


class Source(StrEnum):
    PROBE = "probe"
    DATA_PLANE = "data-plane"
    HEALTH_EVENT = "aws.health"
    ALARM = "alarm"
    KMS_EVENT = "aws.kms"
    DRILL = "drill"


DOUBTED = (Source.DATA_PLANE, Source.DRILL)  # anybody's words; AWS's own are not put by others (facts 8.2)


class Observation(Model):
    """One signal about one region's KMS: seen from `observer`, at `at`; `id` makes a repeat the same observation.

    With a `key_set` it is about that key set's own key, without one about the whole region. Of several with one
    `subject` (an AWS Health event, an alarm) only the latest stands: a closing update takes the opening one back. The
    subject of a probe of a key set's own key is that key's ARN.
    """

    key_set: KeySetName = ""
    observer: Region
    region: Region
    source: Source
    outcome: Outcome
    at: AwareDatetime
    id: Annotated[str, Field(max_length=200)]
    subject: Annotated[str, at_most(2048)] = ""
    code: Code = ""
    latency_ms: Annotated[float, Field(ge=0)] = 0.0


class Verdict(StrEnum):
    HEALTHY = "healthy"
    SUSPECT = "suspect"
    IMPAIRED = "impaired"
    UNKNOWN = "unknown"


class RegionHealth(Model):
    """A verdict with what it rests on.

    `losses` counts those that followed each other's return within an hour; `lost_at` and `returned_at` are the latest.
    `key_answers` is the result of the latest check of the key with `key_arn`, made at `key_checked_at`. None: there was
    none, or the probe was denied.
    `doubts` are about those who were wrong about this region; `drill_at` is when the drill began that is on.
    """

    region: Region
    key_arn: Arn = ""
    verdict: Verdict = Verdict.UNKNOWN
    reason: Reason = "nothing observed yet"
    since: AwareDatetime
    key_usable: bool = True
    key_reason: Reason = ""
    key_answers: bool | None = None
    key_checked_at: AwareDatetime | None = None
    ready: bool = True
    last_fault_at: AwareDatetime | None = None
    last_key_fault_at: AwareDatetime | None = None
    losses: int = 0
    lost_at: AwareDatetime | None = None
    returned_at: AwareDatetime | None = None
    doubts: tuple[Doubt, ...] = ()
    drill_at: AwareDatetime | None = None

    @property
    def routable(self) -> bool:
        """Whether a route may prefer this region. The unknown stay where they are: silence alone moves nothing."""
        return self.key_usable and self.verdict is not Verdict.IMPAIRED

    @property
    def is_refuge(self) -> bool:
        """Whether a route may flee to this region: it answered its latest probe rounds, and the key when it was asked.

        Whatever others report of it.
        """
        return self.routable and self.ready and self.key_answers is True and self.verdict is not Verdict.UNKNOWN

    @property
    def key_has_answered(self) -> bool:
        """Whether the latest check of the key succeeded, and after the latest return: an older one may be outdated."""
        return self.key_answers is True and self._checked_since(self.returned_at)

    @property
    def may_be_returned_to(self) -> bool:
        """A flight takes the latest check of the key, however old; a return waits for one since the region is back."""
        return self.is_refuge and self.verdict is Verdict.HEALTHY and self.key_has_answered

    def needs_key_check(self, since: datetime) -> bool:
        """Whether the key was not checked since then, or since its region is back, and its region answers."""
        answers = self.verdict in {Verdict.HEALTHY, Verdict.SUSPECT}
        return answers and not (self._checked_since(since) and self._checked_since(self.returned_at))

    def _checked_since(self, moment: datetime | None) -> bool:
        return self.key_checked_at is not None and (moment is None or self.key_checked_at >= moment)

    def with_key(self, arn: str) -> Self:
        """The same region's health, of another key of the key set: no check of the one before counts for it."""
        new = {
            "key_usable": True,
            "key_reason": "",
            "key_answers": None,
            "key_checked_at": None,
            "last_key_fault_at": None,
        }
        return self if arn == self.key_arn else self.but(key_arn=arn, **new)

    def in_words(self) -> str:
        return f"{self.verdict} since {self.since:%H:%M:%S} UTC, {self.reason}{self._key_in_words()}"

    def _key_in_words(self) -> str:
        if not self.key_usable:
            return f"; its key is not usable: {self.key_reason}"
        if not self.key_answers:
            return "; its key has not answered"
        is_back = self.verdict is Verdict.HEALTHY and self.returned_at is not None
        return "; its key has not answered since" if is_back and not self._checked_since(self.returned_at) else ""


def judge(previous: RegionHealth, observations: Sequence[Observation], rules: Rules, now: datetime) -> RegionHealth:
    """The verdict at `now`, given the window's observations of this region, in any order, repeats included.

    Those about a key set's own key are to be that key set's only. With the default rules, faults of the probe at
    12:00:00, :10 and :20 make the region impaired at :20; if the data plane has reported a fault as well, at :10.
    """
    found = _findings(_in_time(observations, now - rules.window, now + CLOCK_SKEW), previous)
    found = _doubted(found, previous, rules, now)
    verdict, reason = _verdict(previous, found, rules, now)
    key_usable, key_reason = _key(previous, found, rules, now)
    changed = verdict is not previous.verdict
    routable = key_usable and verdict is not Verdict.IMPAIRED
    known = {
        "verdict": verdict,
        "reason": shown(reason, LONGEST_REASON) if changed or verdict in _REASON_MAY_CHANGE else previous.reason,
        "since": now if changed else previous.since,
        "key_usable": key_usable,
        "key_reason": shown(key_reason, LONGEST_REASON),
        "key_answers": _key_answers(previous, found),
        "key_checked_at": found.key_checked_at,
        "ready": _is_ready(found, rules, now),
        "last_fault_at": found.last_fault_at,
        "last_key_fault_at": found.last_key_fault_at,
        "doubts": _doubts(previous, found),
        "drill_at": next((o.at for o in _reported(found, rules, now) if o.source is Source.DRILL), None),
        **_losses(previous, now, routable=routable),
    }
    new = {name: value for name, value in known.items() if getattr(previous, name) != value}
    return previous.but(**new) if new else previous


def _losses(previous: RegionHealth, now: datetime, *, routable: bool) -> dict[str, object]:
    """What a loss or a return changes."""
    if previous.routable and not routable:
        follows = previous.returned_at is not None and now - previous.returned_at < LOSSES_FOLLOW_WITHIN
        return {"losses": previous.losses + 1 if follows else 1, "lost_at": now}
    return {"returned_at": now} if routable and not previous.routable else {}


_REASON_MAY_CHANGE = frozenset({Verdict.IMPAIRED, Verdict.UNKNOWN})  # of the others, why it came to be is told


class _Round(NamedTuple):
    at: datetime
    fault: bool
    code: str
    outcome: Outcome


class _Findings(NamedTuple):
    """What the observations come to; rounds and reports newest first."""

    rounds: list[_Round]
    key_rounds: list[_Round]
    reports: list[Observation]
    said: dict[Source, list[datetime]]  # faults that are reported, also those taken back; newest first
    last_fault_at: datetime | None
    last_key_fault_at: datetime | None
    key_checked_at: datetime | None
    last_code: str
    refused: bool  # the key's latest check was
    doubts: tuple[Doubt, ...] = ()
    heard: frozenset[tuple[Source, datetime]] = frozenset()  # of what is said


def _in_time(observations: Iterable[Observation], earliest: datetime, latest: datetime) -> list[Observation]:
    """Newest first, each once."""
    known = {(o.at, o.source, o.id, o.key_set): o for o in observations if earliest <= o.at <= latest}
    return [known[key] for key in sorted(known, reverse=True)]


_FAULTS = frozenset({Outcome.KEY_FAULT, Outcome.REGION_FAULT})


def _findings(newest_first: Sequence[Observation], previous: RegionHealth) -> _Findings:
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
    return _Findings(
        rounds=_rounds(answers),
        key_rounds=_rounds([o for o in words if o.outcome is not Outcome.REFUSED]),
        reports=list(of_subjects.values()),
        said={s: [o.at for o in reports if o.source is s and o.outcome is Outcome.REGION_FAULT] for s in DOUBTED},
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


def _rounds(newest_first: Sequence[Observation]) -> list[_Round]:
    rounds: list[_Round] = []
    for seen in newest_first:
        _add_round(rounds, seen)
    return rounds


def _add_round(rounds: list[_Round], seen: Observation) -> None:
    """What lies closer together than the least pause is one round, and a good answer in it counts.

    So a doubled probe does not halve the time to a verdict.
    """
    failed = seen.outcome is not Outcome.OK
    if rounds and rounds[-1].at - seen.at < LEAST_BETWEEN_ROUNDS:
        if not failed:
            rounds[-1] = rounds[-1]._replace(fault=False, outcome=seen.outcome)
    else:
        rounds.append(_Round(seen.at, failed, seen.code, seen.outcome))


def _verdict(previous: RegionHealth, found: _Findings, rules: Rules, now: datetime) -> tuple[Verdict, str]:
    rounds = found.rounds
    fresh = _is_fresh(rounds, rules, now)
    reported = _reported(found, rules, now)
    agreeing = next((o for o in reported if o.source is not Source.ALARM), None)
    if fresh and rounds[0].fault and (failed := _too_many_faults(rounds, rules, corroborated=agreeing is not None)):
        agrees = f"; {agreeing.source} agrees ({agreeing.code})" if agreeing else ""
        return Verdict.IMPAIRED, f"{failed} probe rounds failed with {rounds[0].code}{agrees}"
    if previous.verdict is Verdict.IMPAIRED:
        return _recovery(previous, found, rules, now)
    if not fresh:
        said = f"nothing but {found.last_code}" if found.last_code and not rounds else "no answer"
        return Verdict.UNKNOWN, f"{said} from the probe within {rules.unknown_after_seconds} s"
    if rounds[0].fault:
        return Verdict.SUSPECT, f"the latest probe round failed with {rounds[0].code}"
    if new := [o for o in reported if previous.verdict is not Verdict.HEALTHY or o.at > previous.since]:
        return Verdict.SUSPECT, f"{new[0].source} reports {new[0].code}; the probe does not see it"
    return Verdict.HEALTHY, "probe rounds succeed"


def _too_many_faults(rounds: Sequence[_Round], rules: Rules, *, corroborated: bool) -> str:
    """`3 of the last 3`; empty where neither criterion holds. Another signal adds one, it takes none away."""
    criteria = [(rules.faults_to_impair, rules.rounds)]
    if corroborated:
        criteria.append((rules.faults_to_impair_when_corroborated, rules.rounds_when_corroborated))
    for k, n in criteria:
        failed = sum(probe.fault for probe in rounds[:n])
        if failed >= k:
            return f"{failed} of the last {n}"
    return ""


def _reported(found: _Findings, rules: Rules, now: datetime) -> list[Observation]:
    """Others' faults, near the beginning of the probe's own run of faults or later; latest first.

    An alarm is no other signal, for it is worked out from the probe's rounds: it makes a region suspect at most.
    """
    start = _run_began(found, rules, now)
    earliest = start - timedelta(seconds=rules.corroboration_seconds)
    return [
        o
        for o in found.reports
        if o.outcome is Outcome.REGION_FAULT
        and o.at >= earliest
        and _is_believed(o, found)
        and (o.source is not Source.DATA_PLANE or not _is_answered(o, found, start, rules))
    ]


def _run_began(found: _Findings, rules: Rules, now: datetime) -> datetime:
    """When the probe's own run of faults did, if there is one."""
    considered = found.rounds[: max(rules.rounds, rules.rounds_when_corroborated)]
    return min((probe.at for probe in considered if probe.fault), default=now)


def _is_answered(complaint: Observation, found: _Findings, until: datetime, rules: Rules) -> bool:
    """Whether as many rounds have been good since as make a fault: what was wrong there was over, or not the region."""
    return sum(complaint.at < probe.at < until and not probe.fault for probe in found.rounds) >= rules.faults_to_impair


def _is_believed(report: Observation, found: _Findings) -> bool:
    return report.source not in DOUBTED or (report.source, report.at) in found.heard


def _doubted(found: _Findings, previous: RegionHealth, rules: Rules, now: datetime) -> _Findings:
    """The same, with what follows for those who go on reporting what no round has seen."""
    if not any(found.said.values()):
        return found._replace(doubts=previous.doubts)
    until = _run_began(found, rules, now)
    rounds = [Round(probe.at, probe.fault) for probe in reversed(found.rounds) if probe.at < until]
    doubts: list[Doubt] = []
    heard: set[tuple[Source, datetime]] = set()
    for source, newest_first in found.said.items():
        complaints = Complaints(source, newest_first[::-1], rounds, until, rules)
        doubt = complaints.weighed(_doubt(previous.doubts, source))
        doubts += [doubt] if doubt else []
        heard |= {(source, at) for at in complaints.heard(doubt)}
    return found._replace(doubts=tuple(doubts), heard=frozenset(heard))


def _doubt(doubts: Iterable[Doubt], source: str) -> Doubt | None:
    return next((doubt for doubt in doubts if doubt.source == source), None)


def _doubts(previous: RegionHealth, found: _Findings) -> tuple[Doubt, ...]:
    """As they are stored."""
    known = ((kept(_doubt(previous.doubts, doubt.source), doubt)) for doubt in found.doubts)
    return tuple(doubt for doubt in known if doubt is not None)


def _recovery(previous: RegionHealth, found: _Findings, rules: Rules, now: datetime) -> tuple[Verdict, str]:
    dwell = _dwell(rules.healthy_after_seconds, previous.losses)
    reference = found.last_fault_at or previous.since
    fresh = _is_fresh(found.rounds, rules, now)
    if fresh and not found.rounds[0].fault and found.rounds[0].at > reference and now - reference >= dwell:
        return Verdict.HEALTHY, f"{int(dwell.total_seconds())} s without a region fault"
    return Verdict.IMPAIRED, previous.reason


def _key(previous: RegionHealth, found: _Findings, rules: Rules, now: datetime) -> tuple[bool, str]:
    """Whether the key set's own key can be used. An event about a key is a reason to ask it, not an answer."""
    if previous.key_usable:
        latest = _lost_rounds(found.key_rounds, rules)
        if not latest:
            return True, ""
        event = next((o for o in found.reports if o.outcome is Outcome.KEY_FAULT), None)
        after = f", after {event.code}" if event else ""
        return False, f"{len(latest)} probes of it in a row failed with {latest[0].code}{after}"
    dwell = _dwell(rules.key_usable_after_seconds, previous.losses)
    quiet = found.last_key_fault_at is None or now - found.last_key_fault_at >= dwell
    return (True, "") if quiet and _key_answers(previous, found) is True else (False, previous.key_reason)


def _lost_rounds(rounds: Sequence[_Round], rules: Rules) -> Sequence[_Round]:
    """The run of faults that loses a key: few where KMS says what is wrong with it, more where it is merely silent."""
    named, any_kind = rounds[: rules.key_faults_to_leave], rounds[: rules.key_silences_to_leave]
    if len(named) == rules.key_faults_to_leave and all(probe.outcome is Outcome.KEY_FAULT for probe in named):
        return named
    return any_kind if len(any_kind) == rules.key_silences_to_leave and all(p.fault for p in any_kind) else ()


def _key_answers(previous: RegionHealth, found: _Findings) -> bool | None:
    """The result of its latest check; it is checked less often than observations are looked at."""
    if found.refused:
        return None
    return not found.key_rounds[0].fault if found.key_rounds else previous.key_answers


def _dwell(seconds: int, losses: int) -> timedelta:
    return timedelta(seconds=seconds * 2 ** min(max(losses - 1, 0), MAX_DOUBLINGS))


def _is_fresh(rounds: Sequence[_Round], rules: Rules, now: datetime) -> bool:
    return bool(rounds) and now - rounds[0].at <= timedelta(seconds=rules.unknown_after_seconds)


def _is_ready(found: _Findings, rules: Rules, now: datetime) -> bool:
    latest = found.rounds[: rules.minimum_answers]
    fresh = _is_fresh(latest, rules, now)
    return fresh and len(latest) == rules.minimum_answers and not any(probe.fault for probe in latest)
