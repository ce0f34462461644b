"""From verdicts and an operator's intent to a route: a pure decision with its reason in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import TypeAlias

from pydantic import AwareDatetime, Field

from kms_failover.domain.key_set import Failback, KeySet, MemberKey
from kms_failover.domain.model import KeySetName, Model, Reason, Region
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.timing import CLOCK_SKEW

Health: TypeAlias = Mapping[str, RegionHealth]

AN_HOUR = timedelta(hours=1)
MOST_COUNTED = 10_000  # objects owed, for the evidence of a return that an operator insists on


class Route(Model):
    """For one key set, seen from one region: the regions to use, in order.

    `moved_at` is when the first one last became the first; `changes` are the times of the past hour's changes.
    """

    key_set: KeySetName
    observer: Region
    regions: tuple[Region, ...] = Field(min_length=1)
    epoch: int = Field(0, ge=0)
    intent_epoch: int = Field(0, ge=0)
    intent_written_in: Region = ""
    decided_at: AwareDatetime
    moved_at: AwareDatetime
    reason: Reason
    evidence: tuple[Reason, ...] = ()
    changes: tuple[AwareDatetime, ...] = ()


def in_order(key_set: KeySet, route: Route) -> list[MemberKey]:
    """Every member key in the route's order: one that the route does not know comes last, never not at all."""
    order = {region: at for at, region in enumerate(route.regions)}
    return sorted(key_set.members, key=lambda member: order.get(member.region, len(order)))


def first_route(key_set: KeySet, observer: str, now: datetime) -> Route:
    """Before anything is known: the order in which the key set names its regions."""
    return Route(
        key_set=key_set.name,
        observer=observer,
        regions=key_set.regions,
        decided_at=now,
        moved_at=now,
        reason="the key set's own order",
    )


def returns_to(key_set: KeySet, previous: Route, health: Health, intent: Intent) -> str | None:
    """The region that the next decision would return to, if its debt allows: whoever decides counts that debt first."""
    if intent.mode is Mode.HOLD or _must_leave(key_set, previous, health):
        return None
    target = _target(key_set, intent)
    if target == _current(key_set, previous)[0]:
        return None
    if intent.mode is Mode.FORCE and _is_new(intent, previous):
        return None  # an order is not a return: it goes where it says, whatever is owed
    approved = intent.mode is Mode.FORCE or _is_approved(intent, previous, health.get(target))
    healthy = target in health and health[target].may_be_returned_to
    return target if healthy and (approved or key_set.failback is Failback.AUTOMATIC) else None


def decide(
    key_set: KeySet,
    previous: Route,
    health: Health,
    intent: Intent,
    now: datetime,
    owed: int | None = None,
) -> Route:
    """The next route; the very same object where nothing changes, so that a caller writes changes only.

    `owed` counts the objects owed to the region that `returns_to` names; None, not counted: no return.
    """
    regions = _wanted(key_set, previous, health, intent, owed)
    moves = regions[0] != previous.regions[0]
    moved_at = now if moves else previous.moved_at
    moved = previous.but(moved_at=moved_at) if moves else previous  # which may end an approval
    spent = _is_new(intent, previous) and not _still_to_come(key_set, moved, health, intent, regions)
    said = {"intent_epoch": intent.epoch, "intent_written_in": intent.written_in} if spent else {}
    if regions == previous.regions:
        return previous.but(**said) if spent else previous
    recent = tuple(t for t in previous.changes if now - t < AN_HOUR)
    leaves = _must_leave(key_set, previous, health)
    ordered = spent and (not intent.failback or regions[0] == _target(key_set, intent))
    reason = _reason(key_set, previous, regions, health, intent)
    if len(recent) >= key_set.rules.changes_per_hour:
        if not ordered and not leaves:
            return previous  # flapping is worse than a route that is merely not the best
        reason += f" (change {len(recent) + 1} within the hour; {key_set.rules.changes_per_hour} are for preferences)"
    return previous.but(
        regions=regions,
        epoch=previous.epoch + 1,
        **said,
        decided_at=now,
        moved_at=moved_at,
        reason=reason,
        evidence=_evidence(key_set, health, owed if moves and not leaves else None, regions[0]),
        changes=(*recent, now),
    )


def prevented(
    key_set: KeySet, route: Route, health: Health, intent: Intent, now: datetime, owed: int | None = None
) -> Route | None:
    """What would be decided if no order kept the route; None where none does, or where it would lead nowhere else.

    `owed` as in `decide`, for the region that `returns_to` names with `without_order`.
    """
    forced = intent.mode is Mode.FORCE and intent.region == route.regions[0]
    if not forced and intent.mode is not Mode.HOLD:
        return None
    would = decide(key_set, route, health, without_order(route), now, owed)
    return would if would.regions[0] != route.regions[0] else None


def without_order(route: Route) -> Intent:
    """As if the order that stands were released, and no new one given."""
    return Intent(epoch=route.intent_epoch, written_in=route.intent_written_in)


def _wanted(key_set: KeySet, previous: Route, health: Health, intent: Intent, owed: int | None) -> tuple[str, ...]:
    """The order from now on. Where no region is usable, or none to flee to answers, the last good route stays."""
    current = _current(key_set, previous)
    if intent.mode is Mode.HOLD and previous.regions[0] in key_set.regions:
        return current
    target = _target(key_set, intent)
    if intent.mode is Mode.FORCE and target == intent.region and (intent.insist or _obeys(intent, previous, health)):
        return _led_by(target, key_set, health)
    usable = [r for r in key_set.regions if r not in health or health[r].routable]
    head = _head(key_set, previous, health, intent, owed)
    return _led_by(head, key_set, health) if head in usable else current


def _head(key_set: KeySet, previous: Route, health: Health, intent: Intent, owed: int | None) -> str:
    """Away from a lost region at once, to one that answers; back when it is healthy and nothing is owed to it.

    Where no other answers either, the observer's own network is the likelier culprit: the last good route stays.
    """
    head = _current(key_set, previous)[0]
    if head in health and not health[head].routable:
        order = _to_front(_target(key_set, intent), key_set.regions)
        return next((r for r in order if r in health and health[r].is_eligible_target), head)
    target = returns_to(key_set, previous, health, intent)
    if target is None or owed is None:
        return head
    insists = intent.insist and _is_approved(intent, previous, health.get(target))
    return target if insists or owed <= key_set.rules.debt_allowed_to_return else head


def _led_by(head: str, key_set: KeySet, health: Health) -> tuple[str, ...]:
    """Behind the first those that are usable, then those that are lost, each in the key set's own order."""
    rest = [r for r in key_set.regions if r != head]
    return (head, *sorted(rest, key=lambda r: r in health and not health[r].routable))


def _target(key_set: KeySet, intent: Intent) -> str:
    """Where the key set is best: at the forced region while a force stands, else at the first it names."""
    forced = intent.region if intent.mode is Mode.FORCE else None
    return forced if forced is not None and forced in key_set.regions else key_set.regions[0]


def _current(key_set: KeySet, previous: Route) -> tuple[str, ...]:
    """The previous order, of the regions that the key set has now."""
    regions = key_set.regions
    kept = tuple(r for r in previous.regions if r in regions)
    return kept + tuple(r for r in regions if r not in kept)


def _must_leave(key_set: KeySet, previous: Route, health: Health) -> bool:
    """Whether the route leads to a region that is lost, or that the key set no longer has."""
    head = previous.regions[0]
    return head not in key_set.regions or (head in health and not health[head].routable)


def _is_new(intent: Intent, previous: Route) -> bool:
    return intent.order > (previous.intent_epoch, previous.intent_written_in)


def _still_to_come(key_set: KeySet, previous: Route, health: Health, intent: Intent, regions: Sequence[str]) -> bool:
    """An approved return stands until it is carried out or has ended: this region may see the recovery later.

    A force to a region that is lost here stands until that region is well.
    """
    target = _target(key_set, intent)
    approved = _is_approved(intent, previous, health.get(target))
    awaited = approved or (intent.mode is Mode.FORCE and intent.region in key_set.regions)
    return awaited and regions[0] != target


def _obeys(intent: Intent, previous: Route, health: Health) -> bool:
    """A new force is carried out where its region answers, one that stands as long as that is not lost."""
    region = intent.region or ""
    if previous.regions[0] == region:
        return region not in health or health[region].routable
    return _is_new(intent, previous) and region in health and health[region].is_eligible_target


def _is_approved(intent: Intent, previous: Route, health: RegionHealth | None) -> bool:
    """An approval is of this recovery: it ends with the route's next move and with the region's next loss.

    Both are told by clocks of different hosts, so what follows the approval within their skew does not end it.
    """
    if not intent.failback or intent.at is None or not _is_new(intent, previous):
        return False
    if health is not None and intent.region not in {None, health.region}:
        return False  # what was preferred when it was approved is not what is preferred now
    until = intent.at + CLOCK_SKEW
    lost_since = health is not None and health.lost_at is not None and health.lost_at > until
    return not lost_since and previous.moved_at <= until


def _reason(key_set: KeySet, previous: Route, regions: Sequence[str], health: Health, intent: Intent) -> str:
    """What caused this change: never an order or a loss that merely stands while something else changes."""
    head, was = regions[0], previous.regions[0]
    if head == was:
        return _reason_behind(key_set, previous, regions, health)
    forced = intent.mode is Mode.FORCE and head == intent.region
    if forced and _is_new(intent, previous):
        return f"forced to {head} by {intent.author}: {intent.reason}"
    if was not in key_set.regions:
        return _left(previous)
    if was in health and not health[was].routable and not (forced and intent.insist):
        return reason_of_loss(health[was])
    return _returned(head, previous, health, intent)


def reason_of_loss(health: RegionHealth) -> str:
    """Of a region that is not routable."""
    if health.verdict is Verdict.IMPAIRED:
        return f"{health.region} is impaired: {health.reason}"
    return f"the key in {health.region} is not usable: {health.key_reason}"


def _returned(head: str, previous: Route, health: Health, intent: Intent) -> str:
    if intent.mode is Mode.FORCE:
        return f"back in {head}, forced by {intent.author}: {intent.reason}"
    if _is_approved(intent, previous, health.get(head)):
        return f"failback to {head} ordered by {intent.author}: {intent.reason}"
    return f"{head} is usable and preferred"


def _reason_behind(key_set: KeySet, previous: Route, regions: Sequence[str], health: Health) -> str:
    """Why the order behind the first region changes, which no operator ever orders."""
    if set(regions) != set(previous.regions):
        return f"the key set's members changed: {', '.join(key_set.regions)}"
    place = {region: at for at, region in enumerate(previous.regions)}
    swapped = [(b, a) for a, b in combinations(regions, 2) if place[b] < place[a]]
    if any(_follows_usability(pair, previous, health) for pair in swapped):
        return f"{regions[0]} leads; the order behind it follows what is usable"
    return f"the key set's order of preference changed: {', '.join(key_set.regions)}"


def _follows_usability(pair: Sequence[str], previous: Route, health: Health) -> bool:
    """Whether one of them is usable and the other is not, or one was lost or came back since the last decision."""
    known = [health[region] for region in pair if region in health]
    moments = [moment for one in known for moment in (one.lost_at, one.returned_at)]
    changed = any(moment is not None and moment > previous.decided_at for moment in moments)
    return changed or any(not one.routable for one in known)


def _left(previous: Route) -> str:
    return f"{previous.regions[0]} has left the key set"


def _evidence(key_set: KeySet, health: Health, owed: int | None, head: str) -> tuple[str, ...]:
    lines = [f"{r}: {health[r].in_words()}" for r in key_set.regions if r in health]
    if owed is None:
        return tuple(lines)
    most = max(MOST_COUNTED, key_set.rules.debt_allowed_to_return + 1)
    return (*lines, f"owed to {head}: {'at least ' if owed >= most else ''}{owed} objects")


def _to_front(region: str, regions: Sequence[str]) -> tuple[str, ...]:
    return (region, *(r for r in regions if r != region))
