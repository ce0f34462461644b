"""What a person on call reads first of the runbook's answers; `--json` has the rest."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kms_failover.domain.plain_text import shown
from kms_failover.domain.runbook.status import MAX_DEBTS
from kms_failover_command.apply_text import applied_lines
from kms_failover_command.times import in_utc
from kms_failover_command.work_text import reimport_lines, sweep_lines

SHOWN_CHANGES = 5

STATES_THAT_OPEN = frozenset({"Enabled", "Updating"})  # facts 1.8
_WORDS = {"PendingImport": "pending import", "PendingDeletion": "pending deletion", "Disabled": "disabled"}

type Answer = Mapping[str, Any]


def text(answer: Answer) -> str:
    """Whatever the answer's texts say, it has the lines that it would have without them.

    An answer of another version's function is shown as far as it is known, and then whole.
    """
    lines: list[str] = []
    try:
        for line in _lines(answer):
            lines.append(line)  # noqa: PERF402  # those before the first that cannot be shown are kept
    except (LookupError, TypeError, ValueError, AttributeError):
        lines.append("  the answer is of another version than this command; all of it:")
        lines += json.dumps(answer, indent=2).split("\n")
    return "\n".join(map(shown, lines))


def _lines(answer: Answer) -> Iterator[str]:
    if "applied" in answer or "valid" in answer:
        yield from applied_lines(answer)
    elif "Reimport" in answer:
        yield from reimport_lines(answer["Reimport"])
    elif "Backfills" in answer:
        yield from sweep_lines(answer["Debt"], answer["Backfills"])
    elif "Intent" in answer:
        yield from _order_and_status(answer)
    else:
        yield from json.dumps(answer, indent=2).split("\n")


def _order_and_status(answer: Answer) -> Iterator[str]:
    if "Replaced" in answer:
        yield from _order(answer)
    if "StatusError" in answer:
        yield f"  the status cannot be shown: {answer['StatusError']}"
    else:
        yield from _status(answer)


def _order(answer: Answer) -> Iterator[str]:
    """That it is given, what it overrules, and what happens next: the status beside it is from before."""
    yield f"{answer['KeySet']}: the order is given: {_intent(answer['Intent'])}"
    if answer["Replaced"]:
        yield f"  replaces {_intent(answer['Replaced'])}"
    if "DebtOwedToTarget" in answer:
        owed = answer["DebtOwedToTarget"]
        at_least = "at least " if owed >= MAX_DEBTS else ""
        yield f"  owed to the preferred region when it was given: {at_least}{owed} objects"
    if "Warning" in answer:
        yield f"  WARNING: {answer['Warning']}"
    yield "  each region follows by itself, within seconds: look again with status"


def _status(answer: Answer) -> Iterator[str]:
    yield f"{answer['KeySet']}, seen from {answer['Observer']}"
    yield from (f"  UNREAD   {one['Item']}: {one['Reason']}" for one in answer["Unreadable"])
    yield from (f"  REFUSED  member {one['Arn']}: {one['Reason']}" for one in answer["RefusedMembers"])
    yield from _route(answer["Route"], judged=answer["Judged"])
    yield f"  intent   {_intent(answer['Intent'])}"
    if answer["Prevented"] is not None:
        yield f"  HELD     {answer['Prevented']}"
    yield f"  return   {answer['Return']}"
    for region, verdict in answer["Verdicts"].items():
        since = f" since {in_utc(verdict['Since'])}" if verdict["Since"] else ""
        yield f"  {region:<14} {verdict['Verdict']}{since}: {verdict['Reason']}"
        if verdict["Drill"]:
            drill = f"since {in_utc(verdict['Drill']['Since'])}; ends by itself at {in_utc(verdict['Drill']['EndsBy'])}"
            yield f"                 A DRILL IS ON {drill}"
        if not verdict["KeyUsable"]:
            last = f"; its last fault: {in_utc(verdict['KeyFaultAt'])}" if verdict["KeyFaultAt"] else ""
            quiet = f"usable again after {verdict['KeyQuietSeconds']} s or more without a fault"
            yield f"                 KEY NOT USABLE: {verdict['KeyReason']}{last}; {quiet}"
        elif not verdict["KeyAnswers"]:
            yield "                 its key has not answered yet, or refuses the probe"
        elif not verdict["KeyHasAnsweredSince"]:
            yield "                 its key has not answered since the region came back: RECOVERED is told when it has"
    more = answer["DebtIsMore"]
    debts = (f"{region} {'at least ' if region in more else ''}{count}" for region, count in answer["Debt"].items())
    yield "  debt     " + ", ".join(debts)
    yield from (f"  refused  {r['bucket']}/{r['key']}: {r['reason']}" for r in answer["Refusals"])
    for bucket, cover in answer["Coverage"].items():
        yield f"  bucket   {bucket}: {_coverage(cover)}"
    for region, material in answer["Material"].items():
        yield f"  material {region}: {_material(region, material)}"
        yield from (f"           - {line}" for line in _material_troubles(material))
    yield from (f"  ignored  {e['source']} {e['detail_type']}: {e['reason']}" for e in answer["IgnoredEvents"])
    yield from _history(answer["History"], answer["News"])


def _route(route: Answer, *, judged: bool) -> Iterator[str]:
    if not route["Regions"]:
        yield f"  route    UNKNOWN: {route['Reason']}"
        return
    changes = f"{route['ChangesWithinTheHour']} of {route['ChangesAllowed']} changes within the hour"
    yield f"  route    {' > '.join(route['Regions'])}  (epoch {route['Epoch']}; {changes})"
    since = f"{in_utc(route['DecidedAt'])}: {route['Reason']}" if judged else "ever: nothing has been decided yet"
    yield f"  since    {since}"
    yield from (f"           - then {line}" for line in route["Evidence"])


def _history(routes: Iterable[Answer], news: Iterable[Answer]) -> Iterator[str]:
    """The latest changes of route and readiness, newest first."""
    changes = [(in_utc(route["DecidedAt"]), " > ".join(route["Regions"]), route["Reason"]) for route in routes]
    changes += [(in_utc(each["at"]), f"{each['kind']} {each['region']}", each["reason"]) for each in news]
    for at, what, reason in sorted(changes, key=lambda change: change[0], reverse=True)[:SHOWN_CHANGES]:
        yield f"  history  {at} {what}: {reason}"


def _coverage(cover: Answer) -> str:
    at_least = "at least " if cover["OwedIsMore"] else ""
    counts = f"{at_least}{cover['Owed']} objects owed, {at_least}{cover['Refused']} refused"
    later = f"; {cover['Later']}" if cover["Later"] else ""
    if cover["Share"] is None:
        return f"coverage UNKNOWN, {counts}: {cover['Unknown']}{later}"
    share = "100%" if cover["Share"] == 1 else f"{min(cover['Share'], 0.9999):.2%}"  # not rounded up to all
    return f"{share} covered of {cover['Listed']} objects listed at {in_utc(cover['ListedAt'])}, {counts}{later}"


def _intent(intent: Answer) -> str:
    """Who wants what, why, and until when."""
    what = "failback" if intent["failback"] else intent["mode"]
    insist = " (insisted)" if intent["insist"] else ""
    until = f", until {in_utc(intent['expires_at'])}" if intent["expires_at"] else ""
    at = f" at {in_utc(intent['at'])}" if intent["at"] else ""  # of one that could not be read nobody knows
    said = f" by {intent['author']}{at}{until}" if intent["author"] else ""
    reason = f": {intent['reason']}" if intent["reason"] else ""
    return f"{what} {intent['region'] or ''}".rstrip() + insist + said + reason


def _material(region: str, material: Answer | None) -> str:
    """What cannot be used comes first; and how old all of it is."""
    if material is None:
        return f"NOT LOOKED AT: no run of reimport in {region} has seen the key"
    if material["Concern"] == "unread" and material["KeyState"] is None:
        return "UNREAD: nothing is done to the key until its record can be read"
    state, valid_to, days = material["KeyState"], material["ValidTo"], material["DaysLeft"]
    if state is None and material["ImportedAt"] is None:
        return f"NOT LOOKED AT: each run of reimport in {region} failed before it saw the key"
    valid = f"valid to {in_utc(valid_to)}, {days} days left" if valid_to else "never expires"
    if state is None:
        return f"{valid}, as imported; NOT LOOKED AT since"
    seen = f"KMS showed {state} {_ago(material['SecondsSinceSeen'])} ago"
    if state in STATES_THAT_OPEN:
        return f"{valid}; {seen}"
    in_words = _WORDS.get(state, state)
    return f"NOT USABLE: {in_words}; {seen}" + (f"; {valid}" if state == "Disabled" else "")


def _material_troubles(material: Answer | None) -> Iterator[str]:
    if material is None:
        return
    if material["Concern"]:
        yield f"NEEDS YOU ({material['Concern']}): {material['Reason']}"
    if material["Failure"]:
        again = material["FailuresInARow"]
        times = f"{again} failures in a row, the last" if again > 1 else "failed" if again else "last failed"
        yield f"{times} at {in_utc(material['FailedAt'])}: {material['Failure']}"


def _ago(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{max(seconds, 0)} s"
