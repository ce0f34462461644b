"""From observations to a verdict: what one region concludes about another region's KMS, for one key set."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kms_failover.domain.key_set import Rules
from kms_failover.domain.plain_text import shown
from kms_failover.domain.routing.complaints import doubts_to_store, is_answered, is_believed, run_began, weighed
from kms_failover.domain.routing.findings import Findings, findings_of, in_time
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.hold_down import hold_down, loss_or_return
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.rounds import Round
from kms_failover.domain.timing import CLOCK_SKEW

LONGEST_REASON = 600  # letters: it may name what a stranger reports


def judge(previous: RegionHealth, observations: Sequence[Observation], rules: Rules, now: datetime) -> RegionHealth:
    """The verdict at `now`, given the window's observations of this region, in any order, repeats included.

    Those about a key set's own key are to be that key set's only. With the default rules, faults of the probe at
    12:00:00, :10 and :20 make the region impaired at :20; if the data plane has reported a fault as well, at :10.
    """
    found = findings_of(in_time(observations, now - rules.window, now + CLOCK_SKEW), previous)
    found = weighed(found, previous, rules, now)
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
        "doubts": doubts_to_store(previous, found),
        "drill_at": next((o.at for o in _reported(found, rules, now) if o.source is Source.DRILL), None),
        **loss_or_return(previous, now, routable=routable),
    }
    new = {name: value for name, value in known.items() if getattr(previous, name) != value}
    return previous.but(**new) if new else previous


_REASON_MAY_CHANGE = frozenset({Verdict.IMPAIRED, Verdict.UNKNOWN})  # of the others, why it came to be is told


def _verdict(previous: RegionHealth, found: Findings, rules: Rules, now: datetime) -> tuple[Verdict, str]:
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


def _too_many_faults(rounds: Sequence[Round], rules: Rules, *, corroborated: bool) -> str:
    """`3 of the last 3`; empty where neither criterion holds. Another signal adds one, it takes none away."""
    criteria = [(rules.faults_to_impair, rules.rounds)]
    if corroborated:
        criteria.append((rules.faults_to_impair_when_corroborated, rules.rounds_when_corroborated))
    for k, n in criteria:
        failed = sum(probe.fault for probe in rounds[:n])
        if failed >= k:
            return f"{failed} of the last {n}"
    return ""


def _reported(found: Findings, rules: Rules, now: datetime) -> list[Observation]:
    """Others' faults, near the beginning of the probe's own run of faults or later; latest first.

    An alarm is no other signal, for it is worked out from the probe's rounds: it makes a region suspect at most.
    """
    start = run_began(found, rules, now)
    earliest = start - timedelta(seconds=rules.corroboration_seconds)
    return [
        o
        for o in found.reports
        if o.outcome is Outcome.REGION_FAULT
        and o.at >= earliest
        and is_believed(o, found)
        and (o.source is not Source.DATA_PLANE or not is_answered(o, found, start, rules))
    ]


def _recovery(previous: RegionHealth, found: Findings, rules: Rules, now: datetime) -> tuple[Verdict, str]:
    time = hold_down(rules.healthy_after_seconds, previous.losses)
    reference = found.last_fault_at or previous.since
    fresh = _is_fresh(found.rounds, rules, now)
    if fresh and not found.rounds[0].fault and found.rounds[0].at > reference and now - reference >= time:
        return Verdict.HEALTHY, f"{int(time.total_seconds())} s without a region fault"
    return Verdict.IMPAIRED, previous.reason


def _key(previous: RegionHealth, found: Findings, rules: Rules, now: datetime) -> tuple[bool, str]:
    """Whether the key set's own key can be used. An event about a key is a reason to ask it, not an answer."""
    if previous.key_usable:
        latest = _lost_rounds(found.key_rounds, rules)
        if not latest:
            return True, ""
        event = next((o for o in found.reports if o.outcome is Outcome.KEY_FAULT), None)
        after = f", after {event.code}" if event else ""
        return False, f"{len(latest)} probes of it in a row failed with {latest[0].code}{after}"
    time = hold_down(rules.key_usable_after_seconds, previous.losses)
    quiet = found.last_key_fault_at is None or now - found.last_key_fault_at >= time
    return (True, "") if quiet and _key_answers(previous, found) is True else (False, previous.key_reason)


def _lost_rounds(rounds: Sequence[Round], rules: Rules) -> Sequence[Round]:
    """The run of faults that loses a key: few where KMS says what is wrong with it, more where it is merely silent."""
    named, any_kind = rounds[: rules.key_faults_to_leave], rounds[: rules.key_silences_to_leave]
    if len(named) == rules.key_faults_to_leave and all(probe.outcome is Outcome.KEY_FAULT for probe in named):
        return named
    return any_kind if len(any_kind) == rules.key_silences_to_leave and all(p.fault for p in any_kind) else ()


def _key_answers(previous: RegionHealth, found: Findings) -> bool | None:
    """The result of its latest check; it is checked less often than observations are looked at."""
    if found.refused:
        return None
    return not found.key_rounds[0].fault if found.key_rounds else previous.key_answers


def _is_fresh(rounds: Sequence[Round], rules: Rules, now: datetime) -> bool:
    return bool(rounds) and now - rounds[0].at <= timedelta(seconds=rules.unknown_after_seconds)


def _is_ready(found: Findings, rules: Rules, now: datetime) -> bool:
    latest = found.rounds[: rules.minimum_answers]
    fresh = _is_fresh(latest, rules, now)
    return fresh and len(latest) == rules.minimum_answers and not any(probe.fault for probe in latest)
