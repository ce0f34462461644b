"""From verdicts and an operator's intent to a route: a pure decision with its reason in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from kms_failover.domain.health import RegionHealth, Verdict
from kms_failover.domain.key_set import Failback, KeySet, Model


class Mode(StrEnum):
    AUTOMATIC = "automatic"
    HOLD = "hold"
    FORCE = "force"


class Intent(Model):
    """What an operator wants. The newest epoch wins in every region; of equal epochs the greater `written_in`."""

    mode: Mode = Mode.AUTOMATIC
    region: str | None = None
    failback: bool = False
    epoch: int = Field(0, ge=0)
    written_in: str = ""
    author: str = ""
    reason: str = ""
    at: AwareDatetime | None = None


class Route(Model):
    """For one key set, seen from one region: the regions to use, in order."""

    key_set: str
    observer: str
    regions: tuple[str, ...] = Field(min_length=1)
    epoch: int = Field(0, ge=0)
    intent_epoch: int = Field(0, ge=0)
    decided_at: AwareDatetime
    reason: str
    evidence: tuple[str, ...] = ()
    announced: bool = False
    changes: tuple[AwareDatetime, ...] = ()


def newest(intents: Sequence[Intent]) -> Intent:
    """The intent in force; automatic where nobody has said anything."""
    return max(intents, key=lambda intent: (intent.epoch, intent.written_in), default=Intent())


def first_route(key_set: KeySet, observer: str, now: datetime) -> Route:
    """Before anything is known: the order in which the key set names its regions."""
    return Route(
        key_set=key_set.name,
        observer=observer,
        regions=key_set.regions,
        decided_at=now,
        reason="the key set's own order",
        announced=True,
    )


def decide(
    key_set: KeySet, previous: Route, health: Mapping[str, RegionHealth], intent: Intent, now: datetime
) -> Route:
    """The next route; the very same object where nothing changes, so that a caller writes changes only."""
    regions, reason = _wanted(key_set, previous, health, intent)
    recent = tuple(t for t in previous.changes if now - t < timedelta(hours=1))
    # An approved return stands until it is carried out: this region may see the recovery later than the operator did
    returns_later = intent.failback and regions[0] != key_set.regions[0]
    ordered_by_operator = intent.epoch > previous.intent_epoch and not returns_later
    intent_epoch = intent.epoch if ordered_by_operator else previous.intent_epoch
    if regions == previous.regions:
        if not ordered_by_operator:
            return previous
        return previous.model_copy(update={"intent_epoch": intent_epoch})
    if (
        len(recent) >= key_set.rules.changes_per_hour
        and not ordered_by_operator
        and not _must_leave(key_set, previous, health)
    ):
        return previous  # flapping is worse than a route that is merely not the best; an operator may still move it
    return previous.model_copy(
        update={
            "regions": regions,
            "epoch": previous.epoch + 1,
            "intent_epoch": intent_epoch,
            "decided_at": now,
            "reason": reason,
            "evidence": tuple(f"{h.region}: {h.verdict}, {h.reason}" for h in health.values()),
            "announced": False,
            "changes": (*recent, now),
        }
    )


def _must_leave(key_set: KeySet, previous: Route, health: Mapping[str, RegionHealth]) -> bool:
    """Whether the route leads to a region that is lost, or that the key set no longer has."""
    head = previous.regions[0]
    return head not in key_set.regions or (head in health and not health[head].routable)


def _wanted(
    key_set: KeySet, previous: Route, health: Mapping[str, RegionHealth], intent: Intent
) -> tuple[tuple[str, ...], str]:
    current = tuple(r for r in previous.regions if r in key_set.regions)
    current += tuple(r for r in key_set.regions if r not in current)
    if intent.mode is Mode.HOLD:
        return current, f"held by {intent.author}: {intent.reason}"
    if intent.mode is Mode.FORCE and intent.region in key_set.regions:
        forced = intent.region
        return _to_front(forced, current), f"forced to {forced} by {intent.author}: {intent.reason}"
    usable = [r for r in key_set.regions if r not in health or health[r].routable]
    if not usable:
        return current, "no region is usable: the last good route stays"
    head = _head(key_set, current, usable, health, intent, previous)
    if head not in usable:
        return current, "no other region answers its probe: the last good route stays"
    rest = [r for r in usable if r != head]
    lost = [r for r in key_set.regions if r not in usable]
    return (head, *rest, *lost), _automatic_reason(head, current[0], health, intent)


def _head(
    key_set: KeySet,
    current: tuple[str, ...],
    usable: Sequence[str],
    health: Mapping[str, RegionHealth],
    intent: Intent,
    previous: Route,
) -> str:
    """Away from a lost region at once, to one that answers; back to the preferred one when it is, as the key set says.

    Where no other answers either, the observer's own network is the likelier culprit: the last good route stays.
    """
    if current[0] not in usable:
        refuges = [r for r in usable if r in health and health[r].is_refuge]
        return refuges[0] if refuges else current[0]
    preferred = usable[0]
    if preferred == current[0] or (preferred in health and health[preferred].verdict is not Verdict.HEALTHY):
        return current[0]
    approved = _is_approved(intent, previous, health.get(preferred))
    return preferred if approved or key_set.failback is Failback.AUTOMATIC else current[0]


def _is_approved(intent: Intent, previous: Route, health: RegionHealth | None) -> bool:
    """An approval is of this recovery: it ends with the route's next change and with the region's next impairment."""
    if not intent.failback or intent.epoch <= previous.intent_epoch or intent.at is None:
        return False
    impaired_since = health is not None and any(lost > intent.at for lost in health.impairments)
    return not impaired_since and previous.decided_at <= intent.at


def _automatic_reason(head: str, was: str, health: Mapping[str, RegionHealth], intent: Intent) -> str:
    if was in health and not health[was].routable:
        lost = health[was]
        return f"{was} is {lost.verdict}: {lost.reason}" if lost.key_usable else f"the key in {was} is not usable"
    if intent.failback:
        return f"failback to {head} ordered by {intent.author}: {intent.reason}"
    return f"{head} is usable and preferred"


def _to_front(region: str, regions: tuple[str, ...]) -> tuple[str, ...]:
    return (region, *(r for r in regions if r != region))
