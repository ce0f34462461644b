"""The invariants of verdicts and routes, each worked out from what really happened and never by the code under test."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.observation import Observation, Outcome
from kms_failover.domain.routing.readiness import News
from proofs.simulation.history import History
from proofs.simulation.orders import OrderChecks
from proofs.simulation.replica import Replica
from proofs.simulation.violation import Violation

SKEW = timedelta(seconds=60)
ONE_ROUND = timedelta(seconds=4)
PAUSE = timedelta(seconds=30)  # of callers: their complaints are then new ones; longer each time they were wrong
LONGEST_PAUSE = timedelta(hours=1)
MOST_DOUBLINGS = 4
FAULTS = frozenset({Outcome.KEY_FAULT, Outcome.REGION_FAULT})
SAID = FAULTS | {Outcome.OK, Outcome.REFUSED}  # what an answer, or none, of a key says; throttling says nothing


class TrueRound(NamedTuple):
    """What one written probe round really found: when in truth, as stamped, the region's outcome and its key's."""

    seconds: float
    at: datetime
    outcome: Outcome
    key_outcome: Outcome | None


@dataclass
class _Knowledge:
    """What runs could know of one region: its latest faults, and whether its key's last word was an answer."""

    fault: datetime | None = None
    key_fault: datetime | None = None
    key_answers: bool = False
    key_checked_at: datetime | None = None


class Observable(Protocol):
    region: str
    replica: Replica
    seen: dict[str, list[TrueRound]]
    published_to_people: list[int]
    published_to_machines: list[int]
    people_know: list[News]
    machines_know: list[News]
    recovered: list[str]
    crashed: bool


class Checks:
    def __init__(self, key_set: KeySet) -> None:
        self._key_set = key_set
        self._rules = key_set.rules
        self._window = key_set.rules.window
        self._reports: dict[tuple[str, str], list[Observation]] = {}  # what has arrived, by observer and region
        self._histories: dict[str, History] = {}
        self._heard: dict[tuple[str, str], _Knowledge] = {}  # by observer and region
        self.orders = OrderChecks(key_set)
        self.changes = 0
        self.moves = 0

    def history(self, observer: Observable) -> History:
        return self._histories.setdefault(observer.region, History())

    def reported(self, observer: str, report: Observation) -> None:
        """A signal has arrived; one with a subject takes the earlier ones of that subject back."""
        self._reports.setdefault((observer, report.region), []).append(report)

    def key_replaced(self, observer: Observable, region: str) -> None:
        """What the former key said is no word of the new one."""
        observer.seen[region] = [seen._replace(key_outcome=None) for seen in observer.seen.get(region, ())]
        heard = self._heard.setdefault((observer.region, region), _Knowledge())
        heard.key_fault, heard.key_answers, heard.key_checked_at = None, False, None

    def _told_of_faults(self, observer: str, region: str, *, for_good: bool = False) -> list[datetime]:
        """Of each subject the latest stands, if it is a fault; `for_good`: only what nothing can take back."""
        reports = self._reports.get((observer, region), ())
        latest = {report.subject: report for report in sorted(reports, key=lambda report: report.at) if report.subject}
        standing = [*(report for report in reports if not report.subject), *(() if for_good else latest.values())]
        return [report.at for report in standing if report.outcome is Outcome.REGION_FAULT]

    # At each write

    def written(self, observer: Observable, before: Judgement | None, after: Judgement, now: datetime) -> None:
        known = before.health if before else {}
        for health in after.verdicts:
            self._learn(observer, health.region, now)  # what a run has heard it writes
            self._verdict_has_evidence(observer, known.get(health.region), health, now)
            self._return_is_noted(observer, health.region)
        self._told_when_it_has_answered(observer, before, after)
        self._stuck_is_noted(observer, after)
        if before is None:
            return
        new = self.orders.obeyed(observer.replica, before.route, after.route, now)
        if before.route.epoch != after.route.epoch:
            self.changes += 1
            self.moves += before.route.regions[0] != after.route.regions[0]
            self._flees_to_an_answer(observer, before, after, now)
            self.orders.changed(observer.replica, self.history(observer), before.route, after.route, now, new=new)

    def _return_is_noted(self, observer: Observable, region: str) -> None:
        """It is to be told from now on, for the key has answered since."""
        heard, back = self._heard[observer.region, region], self.history(observer).awaited.get(region)
        if back is not None and heard.key_answers and heard.key_checked_at is not None and heard.key_checked_at >= back:
            self.history(observer).answered(region)

    def _told_when_it_has_answered(self, observer: Observable, before: Judgement | None, after: Judgement) -> None:
        """Nobody is told that a region can be used before its key has answered."""
        known = {news.number for news in before.news} if before else set()
        ways = self.history(observer)
        for news in after.news:
            if news.kind == "recovered" and news.number not in known and news.region in {*ways.awaited, *ways.lost}:
                raise Violation("announced", f"{news.region} told to be back; its key has not answered since")

    def _stuck_is_noted(self, observer: Observable, after: Judgement) -> None:
        """That the route leads to a lost region now; an order may keep it there, or no other may answer."""
        ways, head = self.history(observer), after.route.regions[0]
        is_stuck = ways.is_lost(head)
        if is_stuck and not ways.is_stuck:
            ways.times_stuck += 1
        ways.is_stuck = is_stuck

    def _verdict_has_evidence(
        self, observer: Observable, before: RegionHealth | None, after: RegionHealth, now: datetime
    ) -> None:
        was_impaired = before is not None and before.verdict is Verdict.IMPAIRED
        new_key = before is not None and before.key_arn != after.key_arn
        had_key = before is None or new_key or before.key_usable
        region, ways = after.region, self.history(observer)
        heard = self._heard[observer.region, region]
        if was_impaired is not (after.verdict is Verdict.IMPAIRED):
            if was_impaired:
                self._really_quiet(ways, heard.fault, self._rules.healthy_after_seconds, region, now)
            else:
                self._really_failed(observer, region, now)
        if had_key is not after.key_usable:
            if had_key:
                self._key_really_failed(observer, region, now)
            else:
                self._really_quiet(ways, heard.key_fault, self._rules.key_usable_after_seconds, region, now)
        is_lost = after.verdict is Verdict.IMPAIRED or not after.key_usable
        ways.note(region, now, lost=is_lost, new_key=new_key and not was_impaired)

    def _really_failed(self, observer: Observable, region: str, now: datetime) -> None:
        rules = self._rules
        since = now - self._window
        faults = [seen.at for seen in observer.seen.get(region, ()) if seen.outcome is Outcome.REGION_FAULT]
        reported = self._told_of_faults(observer.region, region)
        needed = rules.faults_to_impair
        if any(at >= since - timedelta(seconds=rules.corroboration_seconds) for at in reported):
            needed = min(needed, rules.faults_to_impair_when_corroborated)
        rounds = _count(at for at in faults if at >= since)
        if rounds < needed:
            raise Violation("evidence", f"{region} lost after {rounds} of {needed} failed rounds")

    def _key_really_failed(self, observer: Observable, region: str, now: datetime) -> None:
        rules = self._rules
        since = now - self._window
        seen = [s for s in observer.seen.get(region, ()) if s.at >= since]
        named = _count(s.at for s in seen if s.key_outcome is Outcome.KEY_FAULT)
        silent = _count(s.at for s in seen if s.key_outcome in FAULTS)
        if named < rules.key_faults_to_leave and silent < rules.key_silences_to_leave:
            raise Violation("evidence", f"the key in {region} given up after {named} faults and {silent} silent rounds")

    @staticmethod
    def _really_quiet(ways: History, fault: datetime | None, seconds: int, region: str, now: datetime) -> None:
        """Since the latest fault the least time has passed, doubled for each loss that followed a return."""
        longer = 2 ** min(max(ways.losses(region) - 1, 0), MOST_DOUBLINGS)
        if fault is not None and now - fault < timedelta(seconds=seconds * longer):
            raise Violation("hold-down", f"{region} usable again {now - fault} after a fault, {longer} x {seconds} s")

    def _flees_to_an_answer(self, observer: Observable, before: Judgement, after: Judgement, now: datetime) -> None:
        was, head = before.route.regions[0], after.route.regions[0]
        if was == head or self.orders.insists(observer.replica, head, after.route.decided_at):
            return
        self.expect_answers(observer, head, now)
        ways = self.history(observer)
        forced = self.orders.forces(observer.replica, head, after.route.decided_at)
        if not forced and not ways.is_lost(was) and was in self._key_set.regions:
            self._expect_a_new_word(observer, head, ways.returned_at.get(head))

    def _expect_a_new_word(self, observer: Observable, region: str, back: datetime | None) -> None:
        """What nothing hurries waits for the key: it may have been lost while its region was."""
        word = self._heard[observer.region, region].key_checked_at
        if back is not None and (word is None or word < back):
            raise Violation("target", f"returned to {region}, whose key has said nothing since {back}")

    def expect_answers(self, observer: Observable, region: str, now: datetime) -> None:
        """One of the latest rounds was answered, of those that say something, and so was the key's last word."""
        rounds = _rounds((s.at, s.outcome) for s in observer.seen.get(region, ()) if s.outcome in SAID)
        answers = sum(outcome is Outcome.OK for _, outcome in rounds[: 2 * self._rules.minimum_answers])
        if answers < self._rules.minimum_answers or not self._learn(observer, region, now).key_answers:
            raise Violation("target", f"moved to {region}, which did not answer, or its key did not")

    def _learn(self, observer: Observable, region: str, now: datetime) -> _Knowledge:
        """What a run at this moment can know, and what earlier ones have written: nobody looks back beyond the window.

        A table that is away for longer than that hides for good what was seen just before.
        """
        earliest, latest = now - self._window, now + SKEW
        heard = self._heard.setdefault((observer.region, region), _Knowledge())
        recent = [seen for seen in observer.seen.get(region, ()) if earliest <= seen.at <= latest]
        faults = [seen.at for seen in recent if seen.outcome is Outcome.REGION_FAULT]
        key_faults = [seen.at for seen in recent if seen.key_outcome in FAULTS]
        heard.fault = max(filter(None, [heard.fault, *faults]), default=None)
        heard.key_fault = max(filter(None, [heard.key_fault, *key_faults]), default=None)
        words = [seen for seen in recent if seen.key_outcome in SAID]
        if words:
            last = max(seen.at for seen in words)
            heard.key_answers = any(s.key_outcome is Outcome.OK for s in words if last - s.at < ONE_ROUND)
            heard.key_checked_at = last
        return heard

    # After each run

    def settled(self, observer: Observable, seconds: float, now: datetime) -> None:
        """A run has come to its end with everything in reach."""
        judgement = observer.replica.judgement(self._key_set.name)
        if judgement is None:
            raise Violation("history", "a run that wrote no judgement")
        for health in judgement.verdicts:
            self._faults_are_noticed(observer, health, now)
        head = judgement.route.regions[0]
        ways = self.history(observer)
        intent = self.orders.in_force(observer.replica, now)
        surely = partial(self._surely_answers, observer, seconds)
        self.orders.settled(intent, ways, judgement.route, now, surely)
        if self.orders.stays(intent, head) or not ways.is_lost(head):
            return
        if better := {region for region in self._key_set.regions if region != head and surely(region)}:
            raise Violation("usable", f"the route leads to {head}, which is lost, and {sorted(better)} answer")

    def _surely_answers(self, observer: Observable, seconds: float, region: str) -> bool:
        """Nobody can doubt it: every round of the past minute, and the key too."""
        recent = [s for s in observer.seen.get(region, ()) if seconds - s.seconds <= SKEW.total_seconds()]
        answers = all(s.outcome is Outcome.OK and s.key_outcome in {None, Outcome.OK} for s in recent)
        asked = any(s.key_outcome is Outcome.OK for s in recent)
        enough = len(recent) > 2 * self._rules.minimum_answers
        return answers and asked and enough and not self.history(observer).is_lost(region)

    def _faults_are_noticed(self, observer: Observable, health: RegionHealth, now: datetime) -> None:
        rules, earliest, latest = self._rules, now - self._window, now + SKEW
        seen = [s for s in observer.seen.get(health.region, ()) if earliest <= s.at <= latest]
        rounds = _rounds((s.at, s.outcome) for s in seen if s.outcome is not Outcome.INCONCLUSIVE)
        fresh = bool(rounds) and now - rounds[0][0] <= timedelta(seconds=rules.unknown_after_seconds)
        if fresh and rounds[0][1] in FAULTS and health.verdict is not Verdict.IMPAIRED:
            enough = _failed(rounds, rules.of_rounds or rules.faults_to_impair) >= rules.faults_to_impair
            if self._somebody_agrees(observer, health.region, rounds, now):
                failed = _failed(rounds, rules.faults_to_impair_when_corroborated)  # of as many: in a row
                enough = enough or failed >= rules.faults_to_impair_when_corroborated
            if enough:
                raise Violation("usable", f"{health.region} failed {_failed(rounds, 9)} of {len(rounds)} and is usable")
        own = _rounds((s.at, s.key_outcome) for s in seen if s.key_outcome in FAULTS or s.key_outcome is Outcome.OK)
        named = own[: rules.key_faults_to_leave]
        known = len(named) == rules.key_faults_to_leave and {outcome for _, outcome in named} == {Outcome.KEY_FAULT}
        if known and health.key_usable:
            raise Violation("usable", f"the key in {health.region} failed {len(named)} times and is usable")

    def _somebody_agrees(self, observer: Observable, region: str, rounds: Sequence["_Round"], now: datetime) -> bool:
        plain = self._rules.of_rounds or self._rules.faults_to_impair
        considered = rounds[: max(plain, self._rules.faults_to_impair_when_corroborated)]
        start = min(at for at, outcome in considered if outcome in FAULTS)
        told = self._told_of_faults(observer.region, region, for_good=True)
        known = sorted(at for at in told if now - self._window <= at <= now + SKEW)
        if not known or known[-1] < start - timedelta(seconds=self._rules.corroboration_seconds):
            return False
        since = sum(outcome is Outcome.OK for at, outcome in rounds if known[-1] < at < start)
        began = known[-1]
        pause = self._pause(told, began)
        while earlier := [at for at in known if began - pause <= at < began]:
            began = earlier[0]
        if any(began - pause <= at < began for at in told):
            return False  # they have gone on for longer than anybody looks back
        began = max([began, *(at for at, outcome in rounds if began < at < start and outcome in FAULTS)])
        goes_on = start - began >= timedelta(seconds=self._rules.contradicted_after_seconds)
        return since < self._rules.faults_to_impair and not goes_on

    @staticmethod
    def _pause(told: Sequence[datetime], latest: datetime) -> timedelta:
        """What may be asked of those who have complained so many times, each after a pause, if they were wrong."""
        times = sorted(at for at in told if at <= latest)
        again = sum(later - earlier > PAUSE for earlier, later in pairwise(times))
        longer: int = 4 ** min(max(again - 1, 0), 6)
        return min(PAUSE * longer, LONGEST_PAUSE)

    # At the end

    def ended(self, observers: Iterable[Observable]) -> None:
        """Every change is in the history once and was announced; once, unless somebody died while announcing."""
        for observer in observers:
            route = observer.replica.route(self._key_set.name)
            expected = list(range(1, route.epoch + 1)) if route else []
            history = [entry.epoch for entry in observer.replica.history(self._key_set.name, 10_000)][::-1]
            if history != expected:
                raise Violation("history", f"{observer.region} has {history} of {expected}")
            for told in (observer.published_to_people, observer.published_to_machines):
                if sorted(set(told)) != expected:
                    raise Violation("announced", f"{observer.region} announced {told} of {expected}")
                if len(told) != len(expected) and not observer.crashed:
                    raise Violation("announced", f"{observer.region} announced {told}, some twice")
            recovered = Counter(self.history(observer).returns)
            if set(recovered) - set(observer.recovered):
                raise Violation("announced", f"of returns {recovered} only {observer.recovered} were announced")
            self._readiness_was_told(observer)

    def _readiness_was_told(self, observer: Observable) -> None:
        """Each loss, each return and each time that the route could not leave: to people and to machines, once."""
        ways = self.history(observer)
        written = sorted(news.number for news in observer.replica.news(self._key_set.name, 10_000))
        for known in (observer.people_know, observer.machines_know):
            once = {news.number: news for news in known}
            if sorted(once) != written or (len(once) != len(known) and not observer.crashed):
                raise Violation("announced", f"{observer.region} told {len(known)} of the news {written}")
            told = Counter(news.region for news in once.values() if news.kind == "lost")
            back = Counter(news.region for news in once.values() if news.kind == "recovered")
            if (told, back) != (Counter(ways.losses_seen), Counter(ways.returns)):
                raise Violation("announced", f"{observer.region} told of {told}, {back}; it was {ways.losses_seen}")
            stuck = sum(news.kind in {"held", "no target", "all lost"} for news in once.values())
            if stuck < ways.times_stuck:
                raise Violation("announced", f"{observer.region} was stuck {ways.times_stuck} times, told {stuck}")


type _Round = tuple[datetime, Outcome | None]


def _rounds(probes: Iterable[_Round]) -> list[_Round]:
    """Newest first; what lies closer together than the least pause is one, good if one of them was."""
    rounds: list[_Round] = []
    for at, outcome in sorted(probes, key=lambda probe: probe[0], reverse=True):
        if rounds and rounds[-1][0] - at < ONE_ROUND:
            if outcome is Outcome.OK:
                rounds[-1] = rounds[-1][0], outcome
        else:
            rounds.append((at, outcome))
    return rounds


def _failed(rounds: Sequence[_Round], of: int) -> int:
    return sum(outcome in FAULTS for _, outcome in rounds[:of])


def _count(moments: Iterable[datetime]) -> int:
    """How many lie at least a round's least pause apart."""
    count, last = 0, None
    for moment in sorted(moments):
        if last is None or moment - last >= ONE_ROUND:
            count, last = count + 1, moment
    return count
