"""The composite view: everything about one key set that a person on call would ask for."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from kms_failover.domain.debt import Debt, Refusal
from kms_failover.domain.health import RegionHealth, Verdict
from kms_failover.domain.judgement import Judgement, first_judgement
from kms_failover.domain.key_set import Bucket, Failback, KeySet, Origin
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.route import AN_HOUR, Intent, Mode, Route, decide, in_force, returns_to
from kms_failover.domain.signals import IgnoredEvent

MAX_DEBTS = 10_000  # counted: a few seconds' reading
MAX_REFUSALS = 100  # shown; all are kept
MAX_IGNORED_EVENTS = 10
MAX_HISTORY = 50


class ViewState(Protocol):
    """What is read for the view. Satisfied by the state table."""

    region: str

    def judgement(self, key_set: str) -> Judgement | None: ...
    def history(self, key_set: str, at_most: int) -> tuple[Route, ...]: ...
    def intents(self, key_set: str) -> tuple[Intent, ...]: ...
    def debts(self, key_set: str, owed_to: str = "") -> Iterable[Debt]: ...
    def refusals(self, key_set: str) -> Iterable[Refusal]: ...
    def material(self, key_set: str, region: str) -> MaterialRecord | None: ...
    def ignored_events(self, at_most: int) -> tuple[IgnoredEvent, ...]: ...


class ObjectCounts(Protocol):
    def objects(self, bucket: str) -> int | None:
        """How many objects the bucket has; None where that is not known."""


def view(state: ViewState, counts: ObjectCounts, key_set: KeySet, now: datetime) -> dict[str, Any]:
    """JSON-ready values; of what is too much to read within seconds, the beginning."""
    known = state.judgement(key_set.name)
    judgement = known or first_judgement(key_set, state.region, now)
    intent = in_force(state.intents(key_set.name), now)
    debts = list(islice(state.debts(key_set.name), MAX_DEBTS))
    debt = dict.fromkeys(key_set.regions, 0) | Counter(debt.owed_to for debt in debts)
    return {
        "KeySet": key_set.name,
        "Observer": state.region,
        "Judged": known is not None and bool(known.verdicts),
        "Route": _route(judgement.route)
        | {
            "Evidence": list(judgement.route.evidence),
            "SecondsSinceChange": int((now - judgement.route.decided_at).total_seconds()),
            "ChangesWithinTheHour": sum(now - t < AN_HOUR for t in judgement.route.changes),
            "ChangesAllowed": key_set.rules.changes_per_hour,
        },
        "Intent": intent.model_dump(mode="json"),
        "Verdicts": {region: _verdict(judgement.health.get(region), key_set) for region in key_set.regions},
        "Debt": debt,
        "DebtIsMore": len(debts) == MAX_DEBTS,
        "Coverage": {bucket.name: _coverage(counts, bucket, debts) for bucket in key_set.buckets_in(state.region)},
        "Return": _return(key_set, judgement, intent, debt, now),
        "Refusals": [
            refusal.model_dump(mode="json", include={"bucket", "key", "reason"})
            for refusal in islice(state.refusals(key_set.name), MAX_REFUSALS)
        ],
        "Material": {
            member.region: _material(state.material(key_set.name, member.region), now)
            for member in key_set.members
            if member.origin is Origin.EXTERNAL
        },
        "History": [_route(route) for route in state.history(key_set.name, MAX_HISTORY)],
        "IgnoredEvents": [event.model_dump(mode="json") for event in state.ignored_events(MAX_IGNORED_EVENTS)],
    }


def _coverage(counts: ObjectCounts, bucket: Bucket, debts: Sequence[Debt]) -> dict[str, Any]:
    """What opens with this region's key alone; `Share` is None while S3 has not counted the objects yet."""
    owed = sum(debt.bucket == bucket.name and debt.owed_to == bucket.region for debt in debts)
    objects = counts.objects(bucket.name)
    share = max(0.0, 1 - owed / objects) if objects else None
    return {"Objects": objects, "Owed": owed, "Share": share}


def _return(key_set: KeySet, judgement: Judgement, intent: Intent, debt: Mapping[str, int], now: datetime) -> str:
    """What the way back to the preferred region waits for."""
    head, preferred = judgement.route.regions[0], key_set.regions[0]
    if head == preferred:
        return "not needed"
    health = judgement.health.get(preferred)
    if health is None or not health.may_be_returned_to:
        well = health is not None and health.verdict is Verdict.HEALTHY and health.ready
        return f"waits for the key in {preferred} to be usable" if well else f"waits for {preferred} to be healthy"
    if returns_to(key_set, judgement.route, judgement.health, intent) is None:
        return f"waits for an operator: {_unsaid(key_set, intent)}"
    if debt.get(preferred, 0) > key_set.rules.debt_allowed_to_return:
        return f"waits for {debt[preferred]} objects owed to {preferred} to be repaid"
    if decide(key_set, judgement.route, judgement.health, intent, now, debt.get(preferred, 0)).regions[0] == head:
        recent = sorted(t for t in judgement.route.changes if now - t < AN_HOUR)
        allowed = key_set.rules.changes_per_hour
        until = recent[-allowed] + AN_HOUR
        return f"waits until {until:%H:%M} UTC: {len(recent)} changes within an hour, {allowed} are allowed"
    return "at the controller's next run"


def _unsaid(key_set: KeySet, intent: Intent) -> str:
    if intent.mode is Mode.AUTOMATIC:
        return "failback"
    return "release" if key_set.failback is Failback.AUTOMATIC else "release, then failback"


def _route(route: Route) -> dict[str, Any]:
    return {
        "Regions": list(route.regions),
        "Epoch": route.epoch,
        "Reason": route.reason,
        "DecidedAt": route.decided_at.isoformat(),
    }


def _verdict(health: RegionHealth | None, key_set: KeySet) -> dict[str, Any]:
    if health is None:
        unknown = {"Verdict": "unknown", "Since": None, "Reason": "nothing observed yet"}
        return unknown | {"KeyUsable": True, "KeyAnswers": None}
    found = {
        "Verdict": health.verdict.value,
        "Since": health.since.isoformat(),
        "Reason": health.reason,
        "KeyUsable": health.key_usable,
        "KeyAnswers": health.key_answers,
    }
    if health.key_usable:
        return found
    quiet = {"KeyFaultAt": _iso(health.last_key_fault_at), "KeyQuietSeconds": key_set.rules.key_usable_after_seconds}
    return found | {"KeyReason": health.key_reason} | quiet


def _material(record: MaterialRecord | None, now: datetime) -> dict[str, Any] | None:
    """None: nothing has been imported by the service yet."""
    if record is None:
        return None
    return {
        "KeyMaterialId": record.key_material_id,
        "ValidTo": _iso(record.valid_to),
        "DaysLeft": (record.valid_to - now).days if record.valid_to else None,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
