"""Two or three regions in virtual time, each with its own copy of the state, its own clocks and the real controller.

What happens is chosen by somebody else: a seeded schedule, or Hypothesis. Whatever it is, `Checks` looks on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from kms_failover.domain.data_keys.bundle import Bundle, Kind, Wrap
from kms_failover.domain.key_set import Failback, Rules
from kms_failover.domain.routing import route as routes
from kms_failover.domain.routing.controller import Controller
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.messages import Bulletin, Sender, message
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route, first_route
from kms_failover.domain.runbook.commands import ActionName, Command, Runbook
from kms_failover.errors import IntentRefusedError
from proofs.simulation.checks import FAULTS, Checks, TrueRound
from proofs.simulation.replica import Crash, OutOfReachError, Replica
from proofs.simulation.truth import Truth
from proofs.simulation.violation import Violation
from tests.domain.strategies import NOON, arn, key_set

KEY_SET = "orders"
OWN_KEY_EVERY = 3  # rounds; the service asks own keys far less often, which only takes longer
WATCHED_SECONDS = 300.0
LATEST_COMPLAINTS = 300.0  # longer than anybody looks back
LATE_SECONDS = 20.0  # after which an event or a copy that could not be delivered is tried again


@dataclass
class Observer:
    """One region's stack."""

    region: str
    replica: Replica
    clock_skew: float
    probe_skew: float
    route: Route  # as its callers know it: fail-static
    published_to_people: list[int] = field(default_factory=list)
    published_to_machines: list[int] = field(default_factory=list)
    people_know: list[News] = field(default_factory=list)
    machines_know: list[News] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)  # announced
    silent_channels: set[str] = field(default_factory=set)
    crashed: bool = False
    seen: dict[str, list[TrueRound]] = field(default_factory=dict)
    rounds: int = 0
    key_fault_at: float = float("-inf")
    asked_for_keys: bool = False


class World:
    def __init__(
        self,
        regions: Sequence[str],
        rules: Rules,
        failback: Failback,
        skews: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """`skews`: by region, seconds by which its controller's and its probe's clocks are wrong."""
        self.seconds = 0.0
        self.truth = Truth()
        self.key_set = key_set(*regions, rules=rules, failback=failback)
        self.observers = [self._observer(region, *(skews or {}).get(region, (0.0, 0.0))) for region in regions]
        self.checks = Checks(self.key_set)
        self.cut_copies: set[frozenset[str]] = set()  # between which regions nothing is replicated
        self.complaining: dict[tuple[str, str], int] = {}  # every so many seconds, from an observer about a region
        self._coming: list[tuple[float, int, Callable[[], bool]]] = []
        self._count = 0
        self.watch: Callable[[Observer, Judgement | None, Judgement], None] = lambda *_: None
        self.ciphertexts: list[tuple[Bundle, frozenset[str]]] = []

    def _observer(self, region: str, clock_skew: float, probe_skew: float) -> Observer:
        replica = Replica(region, self.key_set)
        observer = Observer(region, replica, clock_skew, probe_skew, first_route(self.key_set, region, NOON))
        replica.on_written = lambda before, after: self._written(observer, before, after)
        return observer

    # Time

    def now(self, skew: float = 0.0) -> datetime:
        return NOON + timedelta(seconds=self.seconds + skew)

    def advance(self, seconds: float) -> None:
        """Time passes, and what was on its way arrives."""
        began, self.seconds = self.seconds, self.seconds + seconds
        self._complain(max(began, self.seconds - LATEST_COMPLAINTS))
        due = sorted(entry for entry in self._coming if entry[0] <= self.seconds)
        if due:
            self._coming = [entry for entry in self._coming if entry[0] > self.seconds]
            for _, number, deliver in due:
                if not deliver():
                    self._coming.append((self.seconds + LATE_SECONDS, number, deliver))

    def _complain(self, since: float) -> None:
        for (region_of, region), pace in sorted(self.complaining.items()):
            observer = next(observer for observer in self.observers if observer.region == region_of)
            for number in range(int(since // pace) + 1, int(self.seconds // pace) + 1):
                at = NOON + timedelta(seconds=number * pace)
                told = (Source.DATA_PLANE, Outcome.REGION_FAULT, at, f"{region_of} {region} {number}", "")
                self._deliver(observer, _signal(region_of, region, *told))

    def _later(self, delay: float, deliver: Callable[[], bool]) -> None:
        self._count += 1
        self._coming.append((self.seconds + delay, self._count, deliver))

    # The service

    def probe(self, observer: Observer, skew: float | None = None) -> None:
        """One round. What cannot be written is lost."""
        truth, region_of, replica = self.truth, observer.region, observer.replica
        truth.rounds += 1
        observer.rounds += 1
        self._count += 1
        at = self.now(observer.probe_skew if skew is None else skew)
        watched = self.seconds - observer.key_fault_at < WATCHED_SECONDS
        own_keys = watched or observer.asked_for_keys or observer.rounds % OWN_KEY_EVERY == 0
        observer.asked_for_keys = False
        for member in self.key_set.members:
            region = member.region
            outcome = truth.region_outcome(region_of, region)
            key_outcome = truth.key_outcome(region) if own_keys and outcome is Outcome.OK else None
            if key_outcome in FAULTS or key_outcome is Outcome.REFUSED:
                observer.key_fault_at = self.seconds
            if not replica.reachable:
                continue
            replica.add_observation(_probe(region_of, region, outcome, at, f"{self._count}"))
            if key_outcome is not None:
                replica.add_observation(_probe(region_of, region, key_outcome, at, f"{self._count}k", member.arn))
            observer.seen.setdefault(region, []).append(TrueRound(self.seconds, at, outcome, key_outcome))

    def control(
        self,
        observer: Observer,
        *,
        crash_after: int | None = None,
        meanwhile: tuple[int, Callable[[], None]] | None = None,
    ) -> None:
        """One run of the controller. It dies after so many writes; or after so many steps another one runs too."""
        replica = observer.replica
        replica.writes_left = crash_after
        replica.between = meanwhile
        died = not self._run(observer)
        replica.writes_left = replica.between = None
        if replica.reachable:
            observer.route = replica.route(KEY_SET) or observer.route
            if not died and meanwhile is None:  # this run has not seen what happened meanwhile
                self.checks.settled(observer, self.seconds, self.now(observer.clock_skew))

    def run_another(self, observer: Observer) -> None:
        """A controller beside the one that is running."""
        self._run(observer)

    def _run(self, observer: Observer) -> bool:
        """Whether it lived to its end."""

        def ask(_key_sets: tuple[str, ...]) -> None:
            observer.asked_for_keys = True

        controller = Controller(observer.replica, _Announcer(observer), ask, lambda: self.now(observer.clock_skew))
        try:
            controller.run()
        except Crash:
            observer.crashed = True
            return False
        except OutOfReachError:
            return not observer.replica.reachable
        except ExceptionGroup as group:
            if not observer.silent_channels or group.split(ConnectionError)[1] is not None:
                raise
        return True

    def _written(self, observer: Observer, before: Judgement | None, after: Judgement) -> None:
        self.watch(observer, before, after)
        self.checks.written(observer, before, after, self.now(observer.clock_skew))

    def round(self) -> None:
        """Ten seconds in which everything goes as it should."""
        self.advance(10)
        for observer in self.observers:
            self.probe(observer)
            self.control(observer)

    # Signals

    def signal(
        self, region: str, source: Source, outcome: Outcome, subject: str, delays: Mapping[str, Sequence[float]]
    ) -> None:
        """An event of now; it reaches each observer once per delay given: never, once, twice, in any order."""
        self._count += 1
        number = str(self._count)
        for observer in self.observers:
            seen = _signal(observer.region, region, source, outcome, self.now(), number, subject)
            for delay in delays.get(observer.region, ()):
                self._later(delay, partial(self._deliver, observer, seen))

    def _deliver(self, observer: Observer, seen: Observation) -> bool:
        if observer.replica.reachable:
            observer.replica.add_observation(seen)
            if seen.source is not Source.ALARM:
                self.checks.reported(observer.region, seen)
        return observer.replica.reachable

    # Operators

    def replace_key(self, region: str) -> None:
        """What is applied, in each region: another key in the place of the one there, whose wraps nobody opens now."""
        self._count += 1
        members = [
            m if m.region != region else m.but(arn=arn(region, f"new-{self._count}")) for m in self.key_set.members
        ]
        self.key_set = self.key_set.but(members=tuple(members))
        self.ciphertexts = [(bundle, wrapped_in - {region}) for bundle, wrapped_in in self.ciphertexts]
        for observer in self.observers:
            observer.replica.put_key_set(self.key_set)
            self.checks.key_replaced(observer, region)

    def operate(
        self,
        observer: Observer,
        action: ActionName,
        region: str | None = None,
        *,
        insist: bool = False,
        minutes: int | None = None,
        lag: float = 1.0,
    ) -> bool:
        """Whether the command was accepted. The intent reaches the other regions after `lag` seconds."""
        if not observer.replica.reachable:
            return False
        command = Command(
            Action=action,
            KeySet=KEY_SET,
            Region=region,
            Reason="simulated",
            Author="ana",
            Insist=insist,
            ExpiresInMinutes=minutes,
        )
        before = observer.replica.judgement(KEY_SET)
        runbook = Runbook(observer.replica, _NoStarter(), lambda: None, lambda: self.now(observer.clock_skew))
        try:
            runbook.execute(command)
        except IntentRefusedError:
            return False
        self.checks.orders.accepted(before, command)
        intent = next(i for i in observer.replica.intents(KEY_SET) if i.written_in == observer.region)
        for other in self.observers:
            if other is not observer:
                pair = frozenset({observer.region, other.region})
                self._later(lag, partial(self._copy, other, pair, observer.region, intent))
        return True

    def _copy(self, other: Observer, pair: frozenset[str], written_in: str, intent: Intent) -> bool:
        if pair in self.cut_copies:
            return False
        other.replica.copy_intent(KEY_SET, written_in, intent)
        return True

    def owe(self, region: str, objects: int) -> None:
        for observer in self.observers:
            observer.replica.owed_here[region] = objects

    # Callers

    def encrypt(self, observer: Observer) -> None:
        """A caller makes a bundle: the data key at the first that answers, wraps wherever else they can be had."""
        members = routes.in_order(self.key_set, observer.route)
        made = [m for m in members if self.truth.opens(observer.region, m.region)]
        could = {r for r in self.key_set.regions if self.truth.opens(observer.region, r)}
        if could != {m.region for m in made}:
            raise Violation("opens", f"{observer.region} wrapped in {[m.region for m in made]} of {sorted(could)}")
        if made:
            wraps = tuple(Wrap(m.arn, b"wrap") for m in made)
            self.ciphertexts.append((Bundle(KEY_SET, Kind.DATA_KEY, bytes(32), wraps), frozenset(could)))

    def decrypt(self, observer: Observer) -> None:
        """Every ciphertext ever made opens here if one of the regions that wrapped it is up."""
        opening = [r for r in self.key_set.regions if self.truth.opens(observer.region, r)]
        for bundle, wrapped_in in self.ciphertexts:
            blobs = bundle.blobs_by_member(self.key_set)
            tried = [m.region for m in routes.in_order(self.key_set, observer.route) if m.arn in blobs]
            if wrapped_in.intersection(opening) and not set(tried).intersection(opening):
                raise Violation("opens", f"wrapped in {sorted(wrapped_in)}, {observer.region} tried {tried}")

    # The end

    def heal(self) -> None:
        """Faults stop; what is on its way arrives."""
        self.truth.heal()
        self.cut_copies.clear()
        self.owe_nothing()
        for observer in self.observers:
            observer.replica.reachable = True
            observer.silent_channels.clear()

    def owe_nothing(self) -> None:
        for observer in self.observers:
            observer.replica.owed_here.clear()

    def agree(self) -> bool:
        """Whether every region's route is the key set's own order."""
        routes = [observer.replica.route(KEY_SET) for observer in self.observers]
        return all(route is not None and route.regions == self.key_set.regions for route in routes)

    def is_announced(self) -> bool:
        judgements = [observer.replica.judgement(KEY_SET) for observer in self.observers]
        return all(judgement is not None and judgement.is_announced for judgement in judgements)


class _Announcer:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def publish_to_people(self, bulletins: Sequence[Bulletin]) -> None:
        self._reach("SNS")
        message(bulletins, Sender("simulated", "111122223333"))
        for bulletin in bulletins:
            self._observer.published_to_people += [route.epoch for route in bulletin.routes]
            self._observer.people_know += bulletin.news

    def readiness_changed(self, news: News) -> None:
        self._reach("EventBridge")
        self._observer.machines_know.append(news)

    def route_changed(self, route: Route) -> None:
        self._reach("EventBridge")
        self._observer.published_to_machines.append(route.epoch)

    def region_recovered(self, key_set: str, region: str, observer: str) -> None:
        self._reach("EventBridge")
        self._observer.recovered.append(region)

    def _reach(self, channel: str) -> None:
        if channel in self._observer.silent_channels:
            raise ConnectionError(f"{channel} does not answer")
        self._observer.replica.write()


class _NoStarter:
    def reimport(self, key_set: str) -> dict[str, object]:
        raise NotImplementedError(key_set)

    def sweep(self, key_set: str, buckets: tuple[str, ...]) -> dict[str, object]:
        raise NotImplementedError(key_set)


def _signal(
    observer: str, region: str, source: Source, outcome: Outcome, at: datetime, number: str, subject: str
) -> Observation:
    return Observation(
        observer=observer,
        region=region,
        source=source,
        outcome=outcome,
        at=at,
        id=number,
        subject=subject,
        code=subject or "report",
    )


def _probe(observer: str, region: str, outcome: Outcome, at: datetime, number: str, key: str = "") -> Observation:
    """Of the region, or of the key set's own key there."""
    return Observation(
        key_set=KEY_SET if key else "",
        subject=key,
        observer=observer,
        region=region,
        source=Source.PROBE,
        outcome=outcome,
        at=at,
        id=number,
        code="" if outcome is Outcome.OK else outcome.value,
    )
