"""Guards taken out one at a time: the simulator must see each one missing, by the invariant that it serves."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from kms_failover.domain.key_set import Failback, KeySet, Rules
from kms_failover.domain.routing import controller as controlling
from kms_failover.domain.routing import findings, readiness, rounds, route, verdict
from kms_failover.domain.routing import intent as intents
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Deliveries, Judgement
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.readiness import Eligibility, LastNews, NewsKind, Situation
from kms_failover.domain.routing.route import Route
from kms_failover.domain.runbook import commands as operating
from kms_failover.domain.runbook.commands import Command, Runbook
from tests.domain.memory_state import MemoryState


@dataclass(frozen=True)
class Mutation:
    """`seen_by`: invariants of which one must fail first."""

    name: str
    seen_by: frozenset[str]
    without_guard: Callable[[], AbstractContextManager[Any]]


def _patched(*targets: tuple[object, str, object]) -> Callable[[], AbstractContextManager[Any]]:
    @contextmanager
    def apply() -> Iterator[None]:
        with ExitStack() as stack:
            for target, name, value in targets:
                stack.enter_context(patch.object(target, name, value))
            yield

    return apply


_decide, _wanted, _returns_to, _in_force = route.decide, route._wanted, route.returns_to, intents.in_force
findings_of, _verdict, _without = findings.findings_of, verdict._verdict, Judgement.without
_key_answers = verdict._key_answers
_is_approved, _news = route._is_approved, Situation.news
_of_region, _of_a_loss = Situation._of_region, Situation._of_a_loss


def _throttled_is_a_fault(seen: Sequence[Observation], *rest: Any) -> Any:
    mute, fault = Outcome.INCONCLUSIVE, Outcome.REGION_FAULT
    return findings_of([o.but(outcome=fault) if o.outcome is mute else o for o in seen], *rest)


def _refusals_are_faults(seen: Sequence[Observation], *rest: Any) -> Any:
    fault = {"outcome": Outcome.KEY_FAULT}
    return findings_of([o.but(**fault) if o.outcome is Outcome.REFUSED else o for o in seen], *rest)


def _busy_keys_are_faults(seen: Sequence[Observation], *rest: Any) -> Any:
    fault = {"outcome": Outcome.KEY_FAULT}
    busy = [o.outcome is Outcome.INCONCLUSIVE and bool(o.key_set) for o in seen]
    return findings_of([o.but(**fault) if is_busy else o for o, is_busy in zip(seen, busy, strict=True)], *rest)


def _nothing_is_taken_back(seen: Sequence[Observation], *rest: Any) -> Any:
    return findings_of([o.but(subject="") if o.source is not Source.PROBE else o for o in seen], *rest)


def _refusals_are_forgotten(previous: RegionHealth, found: Any) -> Any:
    return _key_answers(previous, found._replace(refused=False))


def _goes_wherever_it_is_told(intent: Intent, previous: Route, seen: Any) -> bool:
    region = intent.region or ""
    usable = region not in seen or seen[region].routable
    return usable and (route._is_new(intent, previous) or previous.regions[0] == region)


def _one_fault_suffices(previous: RegionHealth, found: Any, rules: Rules, now: datetime) -> Any:
    hasty = rules.but(faults_to_impair=1, faults_to_impair_when_corroborated=1)
    return _verdict(previous, found, hasty, now)


def _reports_suffice(previous: RegionHealth, found: Any, rules: Rules, now: datetime) -> Any:
    reported = [o for o in found.reports if o.outcome is Outcome.REGION_FAULT]
    if reported and previous.verdict is not Verdict.IMPAIRED:
        return Verdict.IMPAIRED, "somebody says so"
    return _verdict(previous, found, rules, now)


def _never_impaired(previous: RegionHealth, found: Any, rules: Rules, now: datetime) -> Any:
    found_to_be, reason = _verdict(previous, found, rules, now)
    return (Verdict.SUSPECT if found_to_be is Verdict.IMPAIRED else found_to_be), reason


def _hold_is_nothing(key_set: KeySet, previous: Route, seen: Any, intent: Intent, owed: int | None) -> Any:
    said = intent.but(mode=Mode.AUTOMATIC) if intent.mode is Mode.HOLD else intent
    return _wanted(key_set, previous, seen, said, owed)


def _debt_is_nothing(
    key_set: KeySet, previous: Route, seen: Any, intent: Intent, now: datetime, owed: int | None = None
) -> Route:
    return _decide(key_set, previous, seen, intent, now, None if owed is None else 0)


def _held_is_automatic(key_set: KeySet, *rest: Any) -> Any:
    return _returns_to(key_set.but(failback=Failback.AUTOMATIC), *rest)


def _lost_regions_dropped(key_set: KeySet, previous: Route, seen: Any, intent: Intent, owed: int | None) -> Any:
    regions = _wanted(key_set, previous, seen, intent, owed)
    return tuple(r for r in regions if r not in seen or seen[r].routable) or regions


def _oldest_intent(intents: Sequence[Intent], now: datetime) -> Intent:
    return _in_force([min(intents, key=lambda intent: intent.epoch)] if intents else [], now)


def _intents_never_expire(intents: Sequence[Intent], now: datetime) -> Intent:
    return _in_force([intent.but(expires_at=None) for intent in intents], now)


def _one_epoch_behind(intents: Sequence[Intent], now: datetime) -> Intent:
    newest = _in_force(intents, now)
    return newest.but(epoch=max(0, newest.epoch - 1))


def _without_corroboration(*_: Any) -> list[Observation]:
    return []


def _key_never_lost(_previous: RegionHealth, _found: Any, _rules: Rules, _now: datetime) -> Any:
    return True, ""


def _n_is_k(rules: Rules) -> int:
    return rules.faults_to_impair


def _hold_the_first_only(key_set: KeySet, previous: Route, seen: Any, intent: Intent, owed: int | None) -> Any:
    regions = _wanted(key_set, previous, seen, intent, owed)
    if intent.mode is not Mode.HOLD:
        return regions
    usable = [r for r in regions[1:] if r not in seen or seen[r].routable]
    return (regions[0], *usable, *(r for r in regions[1:] if r not in usable))


def _force_is_nothing(key_set: KeySet, previous: Route, seen: Any, intent: Intent, owed: int | None) -> Any:
    said = intent.but(mode=Mode.AUTOMATIC) if intent.mode is Mode.FORCE else intent
    return _wanted(key_set, previous, seen, said, owed)


def _nobody_insists(key_set: KeySet, previous: Route, seen: Any, intent: Intent, owed: int | None) -> Any:
    return _wanted(key_set, previous, seen, intent.but(insist=False), owed)


def _approval_never_ends(intent: Intent, previous: Route, _health: RegionHealth | None) -> bool:
    return intent.failback and route._is_new(intent, previous)


def _approval_outlives_a_loss(intent: Intent, previous: Route, _health: RegionHealth | None) -> bool:
    return _is_approved(intent, previous, None)


def _any_target(command: Command, _key_set: KeySet, _judgement: Judgement) -> Any:
    return command.region


def _no_reason(*_: Any) -> str:
    return "because"


def _flat_hold_down(seconds: int, _losses: int) -> timedelta:
    return timedelta(seconds=seconds)


def _no_returns(situation: Situation, said: Sequence[LastNews], count: int) -> Any:
    after, news = _news(situation, said, count)
    return after, tuple(each for each in news if each.kind is not NewsKind.RECOVERED)


def _silence_is_an_answer(situation: Situation, region: RegionHealth, said: LastNews, changes: list[Any]) -> LastNews:
    answer = {"key_answers": True, "key_checked_at": situation.now}
    return _of_region(situation, region.but(**answer), said, changes)


def _told_once(situation: Situation, region: RegionHealth, said: LastNews, changes: list[Any]) -> LastNews:
    lost = said.what in {Eligibility.LOST, Eligibility.AWAITED}
    return LastNews(of=said.of, what=Eligibility.LOST) if lost else _of_a_loss(situation, region, said, changes)


def _unconditional(self: MemoryState, judgement: Judgement) -> None:
    self._judgements[self.region, judgement.key_set] = judgement


def _forgets_what_came_since(self: Judgement, told: Deliveries) -> Judgement:
    return _without(self, told).but(pending=(), recovered=(), news=())


def _route_order_only(key_set: KeySet, previous: Route) -> Any:
    return [member for member in key_set.members if member.region in previous.regions[:1]]


def _anybody_announces(_before: Judgement, after: Judgement, _now: datetime) -> bool:
    return not after.is_announced


MUTATIONS = (
    Mutation("key faults lose no key", frozenset({"usable"}), _patched((verdict, "_key", _key_never_lost))),
    Mutation("the n of k of n is the k", frozenset({"usable"}), _patched((Rules, "rounds", property(_n_is_k)))),
    Mutation("no signal ever agrees", frozenset({"usable"}), _patched((verdict, "_reported", _without_corroboration))),
    Mutation(
        "a refused key is a fault", frozenset({"evidence"}), _patched((verdict, "findings_of", _refusals_are_faults))
    ),
    Mutation(
        "a busy key is a fault", frozenset({"evidence"}), _patched((verdict, "findings_of", _busy_keys_are_faults))
    ),
    Mutation(
        "a refused key makes an eligible target",
        frozenset({"target"}),
        _patched((verdict, "_key_answers", _refusals_are_forgotten)),
    ),
    Mutation(
        "a forced failover goes where nobody answers",
        frozenset({"target"}),
        _patched((route, "_obeys", _goes_wherever_it_is_told)),
    ),
    Mutation(
        "the hold-down does not grow", frozenset({"hold-down"}), _patched((verdict, "hold_down", _flat_hold_down))
    ),
    Mutation("a hold holds the first only", frozenset({"hold"}), _patched((route, "_wanted", _hold_the_first_only))),
    Mutation("no fence", frozenset({"hold", "intent"}), _patched((Runbook, "_fence", lambda _self, _key_set: True))),
    Mutation("a force forces nothing", frozenset({"force"}), _patched((route, "_wanted", _force_is_nothing))),
    Mutation("nobody insists", frozenset({"force"}), _patched((route, "_wanted", _nobody_insists))),
    Mutation("any target is accepted", frozenset({"refusal"}), _patched((operating, "_target", _any_target))),
    Mutation("any failback is accepted", frozenset({"refusal"}), _patched((operating, "_may_return", lambda *_: True))),
    Mutation(
        "an approval never ends", frozenset({"failback"}), _patched((route, "_is_approved", _approval_never_ends))
    ),
    Mutation(
        "an approval outlives a loss",
        frozenset({"failback"}),
        _patched((route, "_is_approved", _approval_outlives_a_loss)),
    ),
    Mutation("a change gives no reason", frozenset({"evidence"}), _patched((route, "_reason", _no_reason))),
    Mutation("a change gives no evidence", frozenset({"evidence"}), _patched((route, "_evidence", lambda *_: ("x",)))),
    Mutation(
        "machines are not told of returns",
        frozenset({"announced"}),
        _patched((controlling, "_recovered", lambda _: ())),
    ),
    Mutation("people are not told of returns", frozenset({"announced"}), _patched((Situation, "news", _no_returns))),
    Mutation(
        "a key has the answer of the one that it replaces",
        frozenset({"target"}),
        _patched((RegionHealth, "with_key", lambda health, arn: health.but(key_arn=arn))),
    ),
    Mutation(
        "a return is told before the key has answered",
        frozenset({"announced"}),
        _patched((Situation, "_of_region", _silence_is_an_answer)),
    ),
    Mutation(
        "a loss that follows an untold return is not told",
        frozenset({"announced"}),
        _patched((Situation, "_of_a_loss", _told_once)),
    ),
    Mutation(
        "a key need not have answered",
        frozenset({"target"}),
        _patched(
            (RegionHealth, "is_eligible_target", property(lambda h: h.routable and h.ready and h.verdict != "unknown"))
        ),
    ),
    Mutation(
        "history is not written",
        frozenset({"history"}),
        _patched((MemoryState, "add_history", lambda _self, _route: None)),
    ),
    Mutation(
        "an order is taken for an older one",
        frozenset({"intent"}),
        _patched((controlling, "in_force", _one_epoch_behind)),
    ),
    Mutation(
        "a lost region counts as usable",
        frozenset({"usable"}),
        _patched((RegionHealth, "routable", property(lambda _h: True))),
    ),
    Mutation(
        "no number of faults makes a region lost",
        frozenset({"usable"}),
        _patched((verdict, "_verdict", _never_impaired)),
    ),
    Mutation(
        "one fault makes a region lost", frozenset({"evidence"}), _patched((verdict, "_verdict", _one_fault_suffices))
    ),
    Mutation(
        "a report alone makes a region lost", frozenset({"evidence"}), _patched((verdict, "_verdict", _reports_suffice))
    ),
    Mutation(
        "a throttle is a fault", frozenset({"evidence"}), _patched((verdict, "findings_of", _throttled_is_a_fault))
    ),
    Mutation(
        "a doubled round counts twice", frozenset({"evidence"}), _patched((rounds, "LEAST_BETWEEN_ROUNDS", timedelta()))
    ),
    Mutation(
        "no hold-down",
        frozenset({"hold-down"}),
        _patched((verdict, "hold_down", lambda _seconds, _losses: timedelta(days=-1))),
    ),
    Mutation(
        "any region is an eligible target",
        frozenset({"target"}),
        _patched((RegionHealth, "is_eligible_target", property(lambda h: h.routable))),
    ),
    Mutation(
        "callers are never contradicted",
        frozenset({"agreement"}),
        _patched((verdict, "is_believed", lambda *_: True)),
    ),
    Mutation(
        "a return takes the key's answer from before",
        frozenset({"target"}),
        _patched(
            (
                RegionHealth,
                "may_be_returned_to",
                property(lambda h: h.is_eligible_target and h.verdict is Verdict.HEALTHY),
            )
        ),
    ),
    Mutation(
        "what is taken back still agrees",
        frozenset({"evidence"}),
        _patched((verdict, "findings_of", _nothing_is_taken_back)),
    ),
    Mutation("no limit to changes", frozenset({"rate"}), _patched((route, "AN_HOUR", timedelta(seconds=1)))),
    Mutation("a hold holds nothing", frozenset({"hold"}), _patched((route, "_wanted", _hold_is_nothing))),
    Mutation(
        "the oldest intent wins",
        frozenset({"intent"}),
        _patched((controlling, "in_force", _oldest_intent)),
    ),
    Mutation(
        "intents never expire",
        frozenset({"usable"}),
        _patched((controlling, "in_force", _intents_never_expire)),
    ),
    Mutation(
        "held returns by itself",
        frozenset({"failback"}),
        _patched((controlling, "returns_to", _held_is_automatic), (route, "returns_to", _held_is_automatic)),
    ),
    Mutation("debt is not counted", frozenset({"debt"}), _patched((controlling, "decide", _debt_is_nothing))),
    Mutation(
        "nothing ever returns",
        frozenset({"agreement"}),
        _patched((controlling, "returns_to", lambda *_: None), (route, "returns_to", lambda *_: None)),
    ),
    Mutation(
        "lost regions are left out of the route",
        frozenset({"opens"}),
        _patched((route, "_wanted", _lost_regions_dropped)),
    ),
    Mutation("wraps at the first region only", frozenset({"opens"}), _patched((route, "in_order", _route_order_only))),
    Mutation(
        "judgements are written unconditionally",
        frozenset({"intent", "announced"}),
        _patched((MemoryState, "put_judgement", _unconditional)),
    ),
    Mutation(
        "a loss is no news",
        frozenset({"announced"}),
        _patched((Situation, "_of_a_loss", lambda _situation, _health, said, _changes: said)),
    ),
    Mutation(
        "a route that cannot leave is no news",
        frozenset({"announced"}),
        _patched((Situation, "serving", lambda _situation: readiness.Leadership.WELL)),
    ),
    Mutation(
        "news are written down nowhere",
        frozenset({"announced"}),
        _patched((MemoryState, "add_news", lambda _self, _news: None)),
    ),
    Mutation(
        "two announce at once",
        frozenset({"announced"}),
        _patched((controlling, "_is_mine_to_announce", _anybody_announces)),
    ),
    Mutation(
        "what came meanwhile is not announced",
        frozenset({"announced"}),
        _patched((Judgement, "without", _forgets_what_came_since)),
    ),
)
