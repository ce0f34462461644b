"""One seeded schedule: what happens to a world, step by step. The same seed is always the same schedule."""

import random
from collections.abc import Callable

from kms_failover.domain.key_set import Failback, Rules
from kms_failover.domain.routing.hold_down import LOSSES_FOLLOW_WITHIN, MAX_DOUBLINGS
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.runbook.commands import ActionName
from proofs.simulation.violation import Violation
from proofs.simulation.world import Observer, World
from tests.domain.strategies import REGIONS

SHORT, LONG = (1, 5), (10, 30)  # steps; most schedules are short, so that there can be many
PACES = (10, 10, 31, 45, 61)  # seconds between a caller's complaints; those with work report twice as often
CALM_SECONDS = 50.0  # between two rounds once faults have stopped; well within `unknown_after_seconds`


class Schedule:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311  # chance, not secrecy
        self.world = self._new_world()
        self.steps = 0
        self.diary: list[str] = []

    def _new_world(self) -> World:
        draw = self._random
        regions = REGIONS[: draw.choice((2, 2, 2, 2, 3))]
        faults = draw.choice((1, 2, 3, 3))
        rules = Rules(
            faults_to_impair=faults,
            of_rounds=faults + draw.choice((0, 0, 1, 2)),
            faults_to_impair_when_corroborated=min(faults, 2),
            healthy_after_seconds=draw.choice((20, 40, 90)),
            key_usable_after_seconds=draw.choice((10, 30)),
            key_silences_to_leave=draw.choice((2, 4)),
            key_faults_to_leave=draw.choice((1, 2)),
            minimum_answers=draw.choice((1, 1, 2)),
            unknown_after_seconds=120,
            changes_per_hour=draw.choice((1, 2, 6)),
            contradicted_after_seconds=draw.choice((30, 60)),
        )
        skews = {r: (draw.uniform(-30, 30), draw.uniform(-30, 30)) for r in regions} if draw.random() < 0.5 else {}
        return World(regions, rules, draw.choice(list(Failback)), skews)

    def run(self) -> None:
        """Raises Violation where an invariant does not hold."""
        fewest, most = LONG if self._random.random() < 0.03 else SHORT
        for _ in range(self._random.randint(fewest, most)):
            self._step()
            self._rounds()
        self._calm_down()

    def _step(self) -> None:
        happen = self._random.choices(_STEPS, _WEIGHTS)[0]
        self.steps += 1
        happen(self)

    def note(self, what: str) -> None:
        self.diary.append(f"{self.world.seconds:7.0f} s  {what}")

    # Rounds: mostly as they should be, now and then late, skipped, doubled, dying, or two at once

    def _rounds(self) -> None:
        draw, world = self._random, self.world
        for _ in range(draw.choice((1, 1, 1, 2))):
            world.advance(draw.choice((10.0, 10.0, 10.0, draw.uniform(1, 30))))
            for observer in world.observers:
                chance = draw.random()
                if chance > 0.08:
                    world.probe(observer)
                if chance > 0.95:
                    world.probe(observer, observer.probe_skew + draw.choice((0.0, 3.0)))
                self._control(observer, draw.random())
        if draw.random() < 0.3:
            world.encrypt(draw.choice(world.observers))
            world.decrypt(draw.choice(world.observers))

    def _control(self, observer: Observer, chance: float) -> None:
        if chance < 0.05:
            return
        if chance < 0.10:
            after = self._random.randint(0, 7)
            happens = self._random.choice((self.nothing, self.operate, lambda: self._hold(observer)))
            another = self._random.random() < 0.7
            what = "an order or none" + (", and another controller," if another else "")
            self.note(f"{observer.region}: {what} in the midst of a controller's run, after {after} reads and writes")

            def meanwhile() -> None:
                happens()
                if another:
                    self.world.run_another(observer)

            self.world.control(observer, meanwhile=(after, meanwhile))
        elif chance < 0.16:
            after = self._random.randint(0, 8)
            self.note(f"{observer.region}: the controller dies after {after} writes")
            self.world.control(observer, crash_after=after)
        else:
            self.world.control(observer)

    # Steps

    def _region(self) -> str:
        """Rather the first, which routes prefer."""
        return self._random.choice((self.world.key_set.regions[0], *self.world.key_set.regions))

    def _toggle(self, of: set[str], what: str) -> None:
        region = self._region()
        of.symmetric_difference_update({region})
        self.note(f"{region}: {what} {'begins' if region in of else 'ends'}")

    def break_region(self) -> None:
        self._toggle(self.world.truth.broken, "region fault")

    def throttle(self) -> None:
        self._toggle(self.world.truth.throttled, "throttling")

    def break_key(self) -> None:
        self._toggle(self.world.truth.keyless, "key fault")

    def mute_key(self) -> None:
        self._toggle(self.world.truth.mute_keys, "silence of the key set's own key")

    def replace_key(self) -> None:
        """Mostly one that is lost, mostly by one that works."""
        draw, truth = self._random, self.world.truth
        region = draw.choice(sorted(truth.keyless) or self.world.key_set.regions)
        if draw.random() < 0.7:
            truth.keyless.discard(region)
        self.note(
            f"{region}: another key{', lost as well,' if region in truth.keyless else ''} takes the place of its own"
        )
        self.world.replace_key(region)

    def refuse_key(self) -> None:
        of, what = self._random.choice(
            ((self.world.truth.refused_keys, "refusals"), (self.world.truth.busy_keys, "throttling"))
        )
        self._toggle(of, f"{what} of the key set's own key")

    def make_flaky(self) -> None:
        region, flaky = self._region(), self.world.truth.flaky
        if flaky.pop(region, None) is None:
            flaky[region] = self._random.choice((3, 4, 7))
        self.note(f"{region}: every n-th call fails: {flaky.get(region)}")

    def cut(self) -> None:
        pair = (self._random.choice(self.world.observers).region, self._region())
        self.world.truth.cut.symmetric_difference_update({pair})
        self.note(f"{pair[0]} is {'cut' if pair in self.world.truth.cut else 'no longer cut'} from {pair[1]}")

    def isolate(self) -> None:
        """A region whose table, and all that goes in and out of it, is away for a while."""
        observer = self._random.choice(self.world.observers)
        observer.replica.reachable = not observer.replica.reachable
        self.note(f"{observer.region}: state table {'back' if observer.replica.reachable else 'out of reach'}")

    def stop_announcing(self) -> None:
        observer = self._random.choice(self.world.observers)
        channel = self._random.choice(("SNS", "EventBridge"))
        observer.silent_channels.symmetric_difference_update({channel})
        self.note(f"{observer.region}: {channel} {'away' if channel in observer.silent_channels else 'back'}")

    def stop_copying(self) -> None:
        pair = frozenset(o.region for o in self._random.sample(self.world.observers, 2))
        self.world.cut_copies.symmetric_difference_update({pair})
        self.note(f"replication {'stops' if pair in self.world.cut_copies else 'goes on'} between {sorted(pair)}")

    def signal(self) -> None:
        """An event, true or not: lost, delivered late, or twice."""
        draw, world = self._random, self.world
        source = draw.choice((Source.DATA_PLANE, Source.HEALTH_EVENT, Source.ALARM, Source.DRILL))
        region = self._region()
        outcome = draw.choice((Outcome.REGION_FAULT, Outcome.REGION_FAULT, Outcome.INCONCLUSIVE))
        subject = "" if source is Source.DATA_PLANE else f"{source} of {region}"
        self._say(region, source, outcome, subject)
        if subject and draw.random() < 0.5:
            world.advance(1)
            self._say(region, source, Outcome.INCONCLUSIVE, subject)

    def _say(self, region: str, source: Source, outcome: Outcome, subject: str) -> None:
        draw = self._random
        delays = {
            o.region: [draw.choice((0.0, draw.uniform(0, 90), 3600.0)) for _ in range(draw.choice((0, 1, 1, 2)))]
            for o in self.world.observers
        }
        self.note(f"{region}: {source} says {outcome}")
        self.world.signal(region, source, outcome, subject, delays)

    def complain(self) -> None:
        """A caller whose own way to a region is broken, for good: no fault of KMS, and healed with none."""
        pair = (self._random.choice(self.world.observers).region, self._region())
        complaining, pace = self.world.complaining, self._random.choice(PACES)
        if complaining.pop(pair, None) is None:
            complaining[pair] = pace
        done = f"begins, every {pace} s," if pair in complaining else "ends"
        self.note(f"{pair[0]}: a caller {done} to report {pair[1]}")

    def owe(self) -> None:
        region, objects = self._region(), self._random.choice((0, 3))
        self.note(f"{region}: {objects} objects owed")
        self.world.owe(region, objects)

    def operate(self) -> None:
        """Now and then two operators in two regions, at the same moment."""
        first, *others = self._random.sample(self.world.observers, 2)
        for observer in (first, *(others if self._random.random() < 0.2 else [])):
            self._operate(observer)

    def _hold(self, observer: Observer) -> None:
        """While a controller is about to decide."""
        self.note(f"{observer.region}: hold")
        self.world.operate(observer, ActionName.HOLD, minutes=self._random.choice((1, 5)))

    def _operate(self, observer: Observer) -> None:
        draw, world = self._random, self.world
        orders = (ActionName.HOLD, ActionName.RELEASE, ActionName.FAILOVER, ActionName.FAILBACK)
        action = draw.choices(orders, (1, 1, 1, 5 if self._is_away(observer) else 1))[0]
        region = self._region() if action is ActionName.FAILOVER else None
        insist, minutes = draw.random() < 0.4, draw.choice((None, None, 1, 5))
        lag = draw.choice((0.5, 5.0, 120.0))
        done = world.operate(observer, action, region, insist=insist, minutes=minutes, lag=lag)
        said = [action.value, region or "", "insists" if insist else "", f"for {minutes} minutes" if minutes else ""]
        self.note(f"{observer.region}: {' '.join(filter(None, said))}: {'accepted' if done else 'refused'}")

    def approve_and_lose_again(self) -> None:
        """An outage, an approved return that debt holds up or not, and another outage: too rare to wait for."""
        draw, world = self._random, self.world
        preferred, observer = world.key_set.regions[0], draw.choice(world.observers)
        self._outage(preferred)
        world.owe(preferred, draw.choice((0, 2, 2)))
        done = world.operate(observer, ActionName.FAILBACK, insist=draw.random() < 0.2)
        self.note(f"{observer.region}: failback after an outage of {preferred}, accepted={done}")
        if draw.random() < 0.5:
            world.advance(61)
        self._outage(preferred)
        world.owe(preferred, 0)
        world.round()
        world.round()

    def force_across_a_cut(self) -> None:
        """An order to a region that does not answer another observer, which has not lost it yet: rare as well."""
        draw, world = self._random, self.world
        orders, cut_off = draw.sample(world.observers, 2)
        target = draw.choice(world.key_set.regions)
        world.truth.cut.add((cut_off.region, target))
        self.note(f"{cut_off.region} is cut from {target}")
        world.round()
        world.round()
        done = world.operate(orders, ActionName.FAILOVER, target)
        self.note(f"{orders.region}: failover {target}: {'accepted' if done else 'refused'}")
        world.round()
        world.round()

    def _outage(self, region: str) -> None:
        """As long as it takes to be lost, and to be well again."""
        rules, broken = self.world.key_set.rules, self.world.truth.broken
        self.note(f"{region}: an outage")
        broken.add(region)
        for _ in range(rules.rounds + 1):
            self.world.round()
        broken.discard(region)
        for _ in range(rules.healthy_after_seconds // 10 + self._random.choice((0, 2, 2))):
            self.world.round()

    def _is_away(self, observer: Observer) -> bool:
        route = observer.replica.route("orders")
        return route is not None and route.regions[0] != self.world.key_set.regions[0]

    def nothing(self) -> None:
        pass

    # The end

    def _calm_down(self) -> None:
        """Faults stop, operators let go; then all regions agree within a bound."""
        world = self.world
        self.note("faults stop")
        world.heal()
        world.advance(4000.0 if self._random.random() < 0.2 else 130.0)
        self._calm_round()
        first = world.observers[0]
        world.operate(first, ActionName.RELEASE)
        deadline = world.seconds + self._bound()
        while not world.agree():
            if world.seconds > deadline:
                routes = {o.region: o.replica.route("orders") for o in world.observers}
                raise Violation("agreement", f"{ {r: route and route.regions for r, route in routes.items()} }")
            if world.key_set.failback is Failback.HELD and self._awaits_failback():
                world.operate(self._random.choice(world.observers), ActionName.FAILBACK)
            self._calm_round()
        if not world.is_announced():
            world.advance(121)  # what somebody who died had begun to announce is announced now
            self._calm_round()
        for observer in world.observers:
            world.encrypt(observer)
            world.decrypt(observer)
        world.checks.ended(world.observers)

    def _bound(self) -> float:
        """The longest way back, an hour of too many changes, and a few rounds."""
        rules = self.world.key_set.rules
        longest = max(rules.healthy_after_seconds, rules.key_usable_after_seconds) * 2**MAX_DOUBLINGS
        return float(longest) + LOSSES_FOLLOW_WITHIN.total_seconds() + 10 * CALM_SECONDS

    def _awaits_failback(self) -> bool:
        """Whether every region sees the preferred one healthy: an operator looks before he orders."""
        preferred = self.world.key_set.regions[0]
        judgements = [o.replica.judgement("orders") for o in self.world.observers]
        return all(j is not None and j.health[preferred].may_be_returned_to for j in judgements)

    def _calm_round(self) -> None:
        self.world.advance(CALM_SECONDS)
        for observer in self.world.observers:
            self.world.probe(observer)
            self.world.control(observer)


_STEPS: tuple[Callable[[Schedule], None], ...] = (
    Schedule.break_region,
    Schedule.throttle,
    Schedule.break_key,
    Schedule.replace_key,
    Schedule.mute_key,
    Schedule.refuse_key,
    Schedule.make_flaky,
    Schedule.cut,
    Schedule.isolate,
    Schedule.stop_announcing,
    Schedule.stop_copying,
    Schedule.signal,
    Schedule.complain,
    Schedule.owe,
    Schedule.operate,
    Schedule.approve_and_lose_again,
    Schedule.force_across_a_cut,
    Schedule.nothing,
)
_WEIGHTS = (5, 2, 2, 1, 1, 2, 1, 2, 1, 1, 1, 3, 1, 2, 2, 0.2, 0.2, 4)
