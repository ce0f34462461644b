"""The invariants, each worked out from what really happened, never by asking the code that is under test."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from kms_failover.domain.health import Outcome, RegionHealth, Verdict
from kms_failover.domain.judgement import Judgement
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Intent, Mode, Route
from tests.simulation.replica import Replica
from tests.simulation.truth import Truth

AN_HOUR = timedelta(hours=1)
SKEW_SECONDS = 60.0
ROUND_SECONDS = 10.0
ONE_ROUND = timedelta(seconds=4)


class Violation(BaseException):  # what it is; the controller's own handling of errors must not catch it
    """An invariant that does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


class Seen(NamedTuple):
    """What one written probe round really found: when in truth, as stamped, the region's outcome and its key's."""

    seconds: float
    at: datetime
    outcome: Outcome
    key_outcome: Outcome | None


class Watched(Protocol):
    region: str
    replica: Replica
    seen: dict[str, list[Seen]]
    announced: list[int]
    crashed: bool


class Checks:
    def __init__(self, key_set: KeySet, truth: Truth) -> None:
        self._key_set = key_set
        self._truth = truth
        self._reports: dict[tuple[str, str], list[datetime]] = {}
        self._changed_at: dict[str, list[datetime]] = {}
        self.changes = 0
        self.moves = 0

    def reported(self, observer: str, region: str, at: datetime) -> None:
        self._reports.setdefault((observer, region), []).append(at)

    # At each write

    def written(self, observer: Watched, before: Judgement | None, after: Judgement, now: datetime) -> None:
        if before is None:
            return
        if before.verdicts is not after.verdicts:
            for health in after.verdicts:
                self._verdict_has_evidence(observer, before.health.get(health.region), health, now)
        if before.route.epoch != after.route.epoch:
            self._change_is_allowed(observer, before, after, now)

    def _verdict_has_evidence(
        self, observer: Watched, before: RegionHealth | None, after: RegionHealth, now: datetime
    ) -> None:
        rules = self._key_set.rules
        was_impaired = before is not None and before.verdict is Verdict.IMPAIRED
        if was_impaired is not (after.verdict is Verdict.IMPAIRED):
            if was_impaired:
                faults = self._stamps(observer, after.region, now, lambda seen: seen.outcome is Outcome.REGION_FAULT)
                self._really_quiet(faults, rules.healthy_after_seconds, after.region, now)
            else:
                self._really_failed(observer, after.region, now)
        had_key = before is None or before.key_usable
        if had_key is not after.key_usable:
            if had_key:
                self._key_really_failed(observer, after.region, now)
            else:
                faults = self._stamps(
                    observer,
                    after.region,
                    now,
                    lambda seen: seen.key_outcome in {Outcome.KEY_FAULT, Outcome.REGION_FAULT},
                )
                self._really_quiet(faults, rules.key_usable_after_seconds, after.region, now)

    def _really_failed(self, observer: Watched, region: str, now: datetime) -> None:
        rules = self._key_set.rules
        since = now - rules.window
        faults = [seen.at for seen in observer.seen.get(region, ()) if seen.outcome is Outcome.REGION_FAULT]
        reports = self._reports.get((observer.region, region), ())
        corroborated = any(at >= since - timedelta(seconds=rules.corroboration_seconds) for at in reports)
        needed = rules.faults_to_impair
        if corroborated:
            needed = min(needed, rules.faults_to_impair_when_corroborated)
        rounds = _rounds(at for at in faults if at >= since)
        if rounds < needed:
            raise Violation("evidence", f"{region} lost after {rounds} of {needed} failed rounds")

    def _key_really_failed(self, observer: Watched, region: str, now: datetime) -> None:
        rules = self._key_set.rules
        seen = [s for s in observer.seen.get(region, ()) if s.at >= now - rules.window]
        named = _rounds(s.at for s in seen if s.key_outcome is Outcome.KEY_FAULT)
        silent = _rounds(s.at for s in seen if s.key_outcome in {Outcome.KEY_FAULT, Outcome.REGION_FAULT})
        if named < rules.key_faults_to_leave and silent < rules.key_silences_to_leave:
            raise Violation("evidence", f"the key in {region} given up after {named} faults and {silent} silent rounds")

    def _stamps(self, observer: Watched, region: str, now: datetime, chosen: Callable[[Seen], bool]) -> list[datetime]:
        """The moments of such rounds, but for those of a clock so wrong that they have not come yet."""
        latest = now + timedelta(seconds=SKEW_SECONDS)
        return [seen.at for seen in observer.seen.get(region, ()) if seen.at <= latest and chosen(seen)]

    def _really_quiet(self, faults: Sequence[datetime], seconds: int, region: str, now: datetime) -> None:
        """Since the latest fault the least time has passed."""
        if faults and now - max(faults) < timedelta(seconds=seconds):
            raise Violation("dwell", f"{region} usable again {now - max(faults)} after a fault")

    def _change_is_allowed(self, observer: Watched, before: Judgement, after: Judgement, now: datetime) -> None:
        was, head = before.route.regions[0], after.route.regions[0]
        intent = in_force_here(observer.replica, now)
        ordered = after.route.intent_epoch > before.route.intent_epoch
        if ordered and after.route.intent_epoch != intent.epoch:
            raise Violation("intent", f"carried out epoch {after.route.intent_epoch}, {intent.epoch} is the newest")
        left = was in after.health and _lost(after.health[was])
        if sorted(after.route.regions) != sorted(self._key_set.regions):
            raise Violation("opens", f"the route {after.route.regions} has not every region once")
        if not after.route.reason or not after.route.evidence:
            raise Violation("evidence", "a change that gives no reason")
        self.changes += 1
        self._rate_is_kept(observer, after.route, now, exempt=ordered or left)
        if was == head:
            return
        self.moves += 1
        if intent.mode is Mode.HOLD:
            raise Violation("hold", f"moved to {head} while held")
        if intent.mode is Mode.FORCE and head == intent.region:
            return
        if left:
            if not self._answered(observer, head, self._key_set.rules.minimum_answers):
                raise Violation("refuge", f"fled to {head}, which did not answer")
        else:
            self._return_is_earned(observer, head, intent)

    def _rate_is_kept(self, observer: Watched, route: Route, now: datetime, *, exempt: bool) -> None:
        """Counted by all changes; what an operator orders, and leaving a lost region, may exceed it."""
        changes = self._changed_at.setdefault(observer.region, [])
        changes.append(now)
        recent = sum(now - at < AN_HOUR for at in changes)
        if recent > self._key_set.rules.changes_per_hour and not exempt:
            raise Violation("rate", f"{recent} changes within an hour, the last one {route.reason!r}")

    def _return_is_earned(self, observer: Watched, head: str, intent: Intent) -> None:
        if head != self._key_set.regions[0]:
            raise Violation("evidence", f"moved to {head} for no reason")
        if self._key_set.failback != "automatic" and not intent.failback:
            raise Violation("failback", "returned although the operator had not said so")
        if not self._answered(observer, head, self._key_set.rules.minimum_answers):
            raise Violation("failback", f"returned to {head}, which did not answer")
        owed = observer.replica.owed_here.get(head, 0)
        if owed > self._key_set.rules.debt_allowed_to_return and not intent.insist:
            raise Violation("debt", f"returned to {head}, to which {owed} objects are owed")

    def _answered(self, observer: Watched, region: str, rounds: int) -> bool:
        """Whether one of its latest rounds was answered; those of one moment come in any order."""
        said = [s for s in observer.seen.get(region, ()) if s.outcome is not Outcome.INCONCLUSIVE]
        return any(s.outcome is Outcome.OK for s in said[-2 * rounds :])

    # After each run

    def settled(self, observer: Watched, seconds: float, now: datetime) -> None:
        """A run has come to its end with everything in reach."""
        judgement = observer.replica.judgement(self._key_set.name)
        if judgement is None:
            raise Violation("known", "a run that wrote no judgement")
        head = judgement.route.regions[0]
        intent = in_force_here(observer.replica, now)
        self._silence_is_noticed(observer, judgement, head, seconds)
        stays = intent.mode is Mode.HOLD or (intent.mode is Mode.FORCE and intent.insist and intent.region == head)
        if stays or not _lost(judgement.health[head]):
            return
        for region, health in judgement.health.items():
            recent = [s for s in observer.seen.get(region, ()) if seconds - s.seconds <= SKEW_SECONDS]
            answers = bool(recent) and all(s.outcome is Outcome.OK for s in recent)
            enough = len(recent) > 2 * self._key_set.rules.minimum_answers
            if region != head and not _lost(health) and answers and enough:
                raise Violation("usable", f"the route leads to {head}, which is lost, and {region} answers")

    def _silence_is_noticed(self, observer: Watched, judgement: Judgement, head: str, seconds: float) -> None:
        rules = self._key_set.rules
        span = SKEW_SECONDS + rules.rounds * ROUND_SECONDS
        recent = [s for s in observer.seen.get(head, ()) if seconds - s.seconds <= span]
        faults = [s for s in recent if s.outcome is Outcome.REGION_FAULT]
        latest = recent and seconds - recent[-1].seconds < ROUND_SECONDS
        spread = _rounds(s.at for s in faults) >= rules.rounds
        if latest and len(faults) == len(recent) and spread and judgement.health[head].verdict is not Verdict.IMPAIRED:
            raise Violation("usable", f"{head} failed {len(faults)} rounds on end and counts as usable")

    # At the end

    def ended(self, observers: Iterable[Watched]) -> None:
        """Every change is in the history once and was announced; once, unless somebody died while announcing."""
        for observer in observers:
            route = observer.replica.route(self._key_set.name)
            expected = list(range(1, route.epoch + 1)) if route else []
            history = [entry.epoch for entry in observer.replica.history(self._key_set.name, 10_000)][::-1]
            if history != expected:
                raise Violation("history", f"{observer.region} has {history} of {expected}")
            if sorted(set(observer.announced)) != expected:
                raise Violation("announced", f"{observer.region} announced {observer.announced} of {expected}")
            if len(observer.announced) != len(expected) and not observer.crashed:
                raise Violation("announced", f"{observer.region} announced {observer.announced}, some twice")


def in_force_here(replica: Replica, now: datetime) -> Intent:
    """The newest intent that has reached this region, unless it has expired."""
    best = Intent()
    for intent in replica.known_intents("orders"):
        if (intent.epoch, intent.written_in) > (best.epoch, best.written_in):
            best = intent
    expired = best.expires_at is not None and now >= best.expires_at
    return Intent(epoch=best.epoch) if expired else best


def _lost(health: RegionHealth) -> bool:
    return health.verdict is Verdict.IMPAIRED or not health.key_usable


def _rounds(moments: Iterable[datetime]) -> int:
    """How many lie at least a round's least pause apart."""
    count, last = 0, None
    for moment in sorted(moments):
        if last is None or moment - last >= ONE_ROUND:
            count, last = count + 1, moment
    return count
