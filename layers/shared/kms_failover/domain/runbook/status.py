"""The composite view: everything about one key set that a person on call would ask for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from kms_failover.domain.key_material.material import PRESENT, Concern, MaterialRecord
from kms_failover.domain.key_set import Failback, KeySet, Origin
from kms_failover.domain.objects.coverage import CoverageState, coverage
from kms_failover.domain.objects.debt import Refusal
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.intent import Intent, Mode, in_force
from kms_failover.domain.routing.judgement import MAX_HISTORY, Judgement, first_judgement
from kms_failover.domain.routing.readiness import News, Situation
from kms_failover.domain.routing.route import AN_HOUR, Route, decide, returns_to, without_order
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook.status_answer import (
    CurrentRoute,
    Drill,
    MaterialStatus,
    RefusedObject,
    RegionVerdict,
    RouteChange,
    Status,
    UnusableKeyVerdict,
)
from kms_failover.errors import UnreadableItemError

MAX_DEBTS = 10_000  # counted, of each region: a few seconds' reading
MAX_REFUSALS = 100  # shown; all are kept
MAX_IGNORED_EVENTS = 10


UNREADABLE_ROUTE = "the route's item and its history cannot be read: see runbooks/README.md, items that cannot be read"


class ViewState(CoverageState, Protocol):
    """What is read for the view. Satisfied by the state table."""

    region: str

    def judgement(self, key_set: str) -> Judgement | None: ...
    def history(self, key_set: str, at_most: int) -> tuple[Route, ...]: ...
    def news(self, key_set: str, at_most: int) -> tuple[News, ...]: ...
    def intents(self, key_set: str) -> tuple[Intent, ...]: ...
    def owed(self, key_set: str, region: str, at_most: int) -> int: ...
    def refusals(self, key_set: str) -> Iterable[Refusal]: ...
    def material(self, key_set: str, region: str) -> MaterialRecord | None: ...
    def ignored_events(self, at_most: int) -> tuple[IgnoredEvent, ...]: ...


def view(state: ViewState, key_set: KeySet, now: datetime) -> Status:
    """Of what is too much to read within seconds, the beginning.

    Debt is counted up to a bound, each region for itself: those that `debt_is_more` names are owed this or more.
    """
    history = state.history(key_set.name, MAX_HISTORY)  # before the route, so that it shows nothing newer
    known, route_is_known = _judgement(state, key_set.name)
    judgement = known or first_judgement(key_set, state.region, now)
    intent = in_force(state.intents(key_set.name), now)
    most = max(MAX_DEBTS, key_set.rules.debt_allowed_to_return + 1)  # as far as the controller counts, if not further
    debt = {region: state.owed(key_set.name, region, most) for region in key_set.regions}
    more = [region for region, count in debt.items() if count >= most]
    imported = [member.region for member in key_set.members if member.origin is Origin.EXTERNAL]
    return Status(
        key_set=key_set.name,
        observer=state.region,
        judged=known is not None and bool(known.verdicts),
        route=_current_route(judgement.route, key_set, now, is_known=route_is_known),
        intent=intent,
        verdicts={region: _verdict(judgement.health.get(region), key_set) for region in key_set.regions},
        debt=debt,
        debt_is_more=tuple(more),
        coverage=coverage(state, key_set, state.region, most),
        prevented=_prevented(key_set, judgement, intent, debt, now) if route_is_known else None,
        way_back=_Return(key_set, judgement, intent, debt, more, now).waits_for() if route_is_known else "unknown",
        refusals=tuple(_refused(refusal) for refusal in islice(state.refusals(key_set.name), MAX_REFUSALS)),
        material={region: _material(state, key_set.name, region, now) for region in imported},
        history=tuple(RouteChange(**_route(route)) for route in history),
        news=state.news(key_set.name, MAX_HISTORY),
        ignored_events=state.ignored_events(MAX_IGNORED_EVENTS),
    )


def _judgement(state: ViewState, key_set: str) -> tuple[Judgement | None, bool]:
    """And whether the route that callers have is known; where there is no judgement yet, it is."""
    try:
        return state.judgement(key_set), True
    except UnreadableItemError:  # told
        return None, False


def _prevented(
    key_set: KeySet, judgement: Judgement, intent: Intent, debt: Mapping[str, int], now: datetime
) -> str | None:
    """Where the route would lead, and which order keeps it from there; None where none does."""
    route, health = judgement.route, judgement.health
    returning = returns_to(key_set, route, health, without_order(route))
    situation = Situation(key_set, route, health, intent, now)
    return situation.prevented_in_words(debt[returning] if returning else None) or None


@dataclass(frozen=True)
class _Return:
    """Why the route is not yet at the region that it should lead to: the forced one, else the preferred one."""

    key_set: KeySet
    judgement: Judgement
    intent: Intent
    debt: Mapping[str, int]
    more: Sequence[str]
    now: datetime

    def waits_for(self) -> str:
        """As the controller would find it at its next run, with the verdicts that it found at its last."""
        key_set, route, health, intent = self.key_set, self.judgement.route, self.judgement.health, self.intent
        ordered = self._awaited_order()
        target = ordered or key_set.regions[0]
        if route.regions[0] == target:
            return "not needed"
        allowed = key_set.rules.debt_allowed_to_return
        returning = returns_to(key_set, route, health, intent)
        owed = self.debt[returning] if returning else None
        if decide(key_set, route, health, intent, self.now, owed).regions[0] == target:
            follows = "at the controller's next run"
            return f"the order to lead to {ordered} is followed {follows}" if ordered else follows
        who = f"the order to lead to {ordered} waits" if ordered else "waits"
        if lacking := self._lacking(target):
            return f"{who} for {lacking}"
        if owed is None:
            return f"{who} for an operator: {_unsaid(key_set, intent)}"
        if owed > allowed:
            at_least = "at least " if target in self.more else ""
            return f"{who} for {at_least}{owed} objects owed to {target} to be repaid"
        recent = sorted(t for t in route.changes if self.now - t < AN_HOUR)
        until = recent[-key_set.rules.changes_per_hour] + AN_HOUR
        changes = f"{len(recent)} changes within an hour, {key_set.rules.changes_per_hour} are allowed"
        return f"{who} until {until:%H:%M} UTC: {changes}"

    def _awaited_order(self) -> str | None:
        region = self.intent.region if self.intent.mode is Mode.FORCE else None
        return region if region in self.key_set.regions and region != self.judgement.route.regions[0] else None

    def _lacking(self, region: str) -> str:
        """What a region lacks to be led to: an order that is new is content with answers, a return wants it healthy."""
        health, route = self.judgement.health.get(region), self.judgement.route
        forced = self.intent.mode is Mode.FORCE
        new = forced and self.intent.order > (route.intent_epoch, route.intent_written_in)
        if health is not None and (health.is_eligible_target if new else health.may_be_returned_to):
            return ""
        enough = {Verdict.HEALTHY, Verdict.SUSPECT} if new else {Verdict.HEALTHY}
        if health is not None and health.ready and health.verdict in enough:
            return f"the key in {region} to " + ("answer its probe" if health.key_usable else "be usable")
        answers = new and (health is None or health.verdict is not Verdict.IMPAIRED)
        return f"{region} to answer its probe" if answers else f"{region} to be healthy"


def _unsaid(key_set: KeySet, intent: Intent) -> str:
    if intent.mode is Mode.AUTOMATIC:
        return "failback"
    return "release" if key_set.failback is Failback.AUTOMATIC else "release, then failback"


def _route(route: Route) -> dict[str, Any]:
    decided_at = route.decided_at.isoformat()
    return {"regions": route.regions, "epoch": route.epoch, "reason": route.reason, "decided_at": decided_at}


def _current_route(route: Route, key_set: KeySet, now: datetime, *, is_known: bool) -> CurrentRoute:
    unknown = {"regions": (), "epoch": 0, "reason": UNREADABLE_ROUTE, "decided_at": None}
    return CurrentRoute(
        **(_route(route) if is_known else unknown),
        evidence=route.evidence,
        seconds_since_change=int((now - route.decided_at).total_seconds()),
        changes_within_the_hour=sum(now - t < AN_HOUR for t in route.changes),
        changes_allowed=key_set.rules.changes_per_hour,
    )


def _verdict(health: RegionHealth | None, key_set: KeySet) -> RegionVerdict:
    if health is None:
        return RegionVerdict(verdict="unknown", since=None, reason="nothing observed yet")
    found = RegionVerdict(
        verdict=health.verdict.value,
        since=health.since.isoformat(),
        reason=health.reason,
        key_usable=health.key_usable,
        key_answers=health.key_answers,
        key_has_answered_since=health.key_has_answered,
        key_heard_at=_iso(health.key_checked_at),
        drill=_drill(health, key_set),
    )
    if health.key_usable:
        return found
    return UnusableKeyVerdict(
        **dict(found),
        key_reason=health.key_reason,
        key_fault_at=_iso(health.last_key_fault_at),
        key_quiet_seconds=key_set.rules.key_usable_after_seconds,
    )


def _drill(health: RegionHealth, key_set: KeySet) -> Drill | None:
    if health.drill_at is None:
        return None
    ends = health.drill_at + timedelta(seconds=key_set.rules.corroboration_seconds)
    return Drill(since=health.drill_at.isoformat(), ends_by=ends.isoformat())


def _refused(refusal: Refusal) -> RefusedObject:
    return RefusedObject(bucket=refusal.bucket, key=refusal.key, reason=refusal.reason)


def _material(state: ViewState, key_set: str, region: str, now: datetime) -> MaterialStatus | None:
    """None: no run has looked at this key yet. Of a record that cannot be read, no more than that."""
    try:
        record = state.material(key_set, region)
    except UnreadableItemError as error:  # told
        unread = MaterialRecord(key_set=key_set, region=region, key_arn="", concern=Concern.UNREAD, reason=str(error))
        return _looked_at(unread, now)
    return _looked_at(record, now) if record is not None else None


def _looked_at(record: MaterialRecord, now: datetime) -> MaterialStatus:
    gone = bool(record.state) and record.state not in PRESENT
    valid_to = None if gone else record.shown_valid_to if record.seen_at else record.valid_to
    return MaterialStatus(
        key_material_id=record.key_material_id,
        key_state=record.state or None,
        valid_to=_iso(valid_to),
        days_left=(valid_to - now).days if valid_to else None,
        imported_at=_iso(record.imported_at),
        seen_at=_iso(record.seen_at),
        seconds_since_seen=int((now - record.seen_at).total_seconds()) if record.seen_at else None,
        concern=record.concern,
        reason=record.reason,
        failure=record.failure,
        failed_at=_iso(record.failed_at),
        failures_in_a_row=record.failures,
    )


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
