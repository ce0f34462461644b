"""The controller: any number of runs end in the same route, each change is announced, nobody waits for anybody."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import Failback, KeySet, MemberKey
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.routing.announcements import BUDGET, MAX_FAILURES
from kms_failover.domain.routing.controller import ANNOUNCING_TAKES, Controller
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.judgement import MAX_PENDING, Judgement, first_judgement, newest
from kms_failover.domain.routing.messages import Bulletin, Sender, message
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.optimistic_write import MAX_CONFLICTS
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Intent, Mode, Route, first_route
from kms_failover.domain.routing.verdict import LONGEST_REASON
from kms_failover.errors import KmsFailoverError, WriteConflictError
from tests.domain.memory_state import MemoryState, held
from tests.domain.strategies import ACCOUNT, EAST, IRELAND, NOON, WEST, arn, key_set, observation

FAULT, OK = Outcome.REGION_FAULT, Outcome.OK


class Announcements:
    """What was announced; `failing` names key sets whose announcement fails."""

    def __init__(self, *failing: str) -> None:
        self.changed: list[Route] = []
        self.messages: list[tuple[Bulletin, ...]] = []
        self.readiness: list[News] = []
        self.recovered: list[tuple[str, str, str]] = []
        self.failing = set(failing)

    @property
    def published_to_people(self) -> list[Route]:
        return [route for message in self.messages for bulletin in message for route in bulletin.routes]

    @property
    def people_know(self) -> list[tuple[str, str]]:
        """The kinds of news that people were told, and of which region."""
        return [(n.kind, n.region) for message in self.messages for bulletin in message for n in bulletin.news]

    def publish_to_people(self, bulletins: Sequence[Bulletin]) -> None:
        self.messages.append(tuple(bulletins))

    def readiness_changed(self, news: News) -> None:
        if news.key_set in self.failing:
            raise KmsFailoverError(f"nobody hears of {news.key_set}")
        self.readiness.append(news)

    def route_changed(self, route: Route) -> None:
        if route.key_set in self.failing:
            raise KmsFailoverError(f"nobody hears of {route.key_set}")
        self.changed.append(route)

    def region_recovered(self, key_set: str, region: str, observer: str) -> None:
        self.recovered.append((key_set, region, observer))


class World:
    def __init__(self, *key_sets: KeySet, failing: tuple[str, ...] = ()) -> None:
        self.now = NOON
        self.state = MemoryState(WEST, *(key_sets or (key_set(),)))
        self.announcements = Announcements(*failing)
        self.asked: list[tuple[str, ...]] = []
        self.controller = Controller(self.state, self.announcements, self.asked.append, lambda: self.now)

    def see(self, *observations: Observation) -> None:
        for one in observations:
            self.state.add_observation(one)

    def round_at(self, seconds: float, outcome: Outcome) -> None:
        """One probe round of both regions; the other one's succeeds, and so do its keys."""
        for region, seen in ((EAST, outcome), (WEST, OK)):
            self.see(observation(seconds, seen, region=region))
            if seen is OK:
                own = [observation(seconds, OK, region=region, key_set=k.name) for k in self.state.key_sets()]
                self.see(*own)
        self.now = NOON + timedelta(seconds=seconds)

    def own_round_at(self, seconds: float, outcome: Outcome, name: str) -> None:
        """One round of a key set's own key in the east."""
        self.see(observation(seconds, outcome, key_set=name))


def lose_east(world: World) -> None:
    for seconds in (0, 10, 20):
        world.round_at(seconds, FAULT)


def verdict_of_east(world: World) -> Verdict:
    judgement = world.state.judgement("orders")
    assert judgement is not None
    return judgement.health[EAST].verdict


def test_the_first_run_writes_the_key_sets_own_order_and_announces_nothing() -> None:
    world = World()

    routes = world.controller.run()

    assert [judgement.route.regions for judgement in routes] == [(EAST, WEST)]
    assert world.state.judgement("orders") == routes[0]
    assert world.announcements.changed == []


def test_a_lost_region_moves_the_route_announces_it_once_and_keeps_it_as_history() -> None:
    world = World()
    world.controller.run()
    lose_east(world)

    runs = [world.controller.run() for _ in range(3)]

    assert {judgements[0].route.regions for judgements in runs} == {(WEST, EAST)}
    assert [route.epoch for route in world.announcements.changed] == [1]
    assert [route.epoch for route in world.state.history("orders")] == [1]
    stored = world.state.judgement("orders")
    assert stored is not None
    assert stored.is_announced


def test_no_observations_at_all_never_move_the_route() -> None:
    world = World()
    before = world.controller.run()

    world.now += timedelta(hours=3)
    after = world.controller.run()

    assert [judgement.route for judgement in after] == [judgement.route for judgement in before]


@given(st.lists(st.integers(0, 2), max_size=6))
def test_extra_runs_in_between_end_in_the_same_route(extra_runs: list[int]) -> None:
    world, calm = World(), World()
    world.controller.run()
    calm.controller.run()

    for number, seconds in enumerate((0, 10, 20, 30)):
        world.round_at(seconds, FAULT)
        calm.round_at(seconds, FAULT)
        for _ in range(sum(extra_runs[number : number + 1])):
            world.controller.run()
    ended, calmly = world.controller.run(), calm.controller.run()

    assert ended[0].route.regions == calmly[0].route.regions == (WEST, EAST)
    assert len(world.announcements.changed) == len(calm.announcements.changed) == 1


def test_a_recovered_region_is_announced_once() -> None:
    world = World()
    lose_east(world)
    world.controller.run()

    for seconds in (615, 625, 635):
        world.round_at(seconds, OK)
        world.controller.run()

    assert world.announcements.recovered == [("orders", EAST, WEST)]
    assert verdict_of_east(world) is Verdict.HEALTHY


def test_a_crash_between_writing_and_announcing_announces_when_whoever_began_must_have_ended() -> None:
    world = World(failing=("orders",))
    world.controller.run()
    lose_east(world)
    with pytest.raises(ExceptionGroup):
        world.controller.run()

    world.announcements.failing.clear()
    world.controller.run()
    early = list(world.announcements.changed)
    world.now += ANNOUNCING_TAKES
    world.controller.run()

    assert early == []  # whoever began may still be at it

    assert [route.regions for route in world.announcements.changed] == [(WEST, EAST)]


def test_one_key_sets_failed_announcement_does_not_keep_another_in_a_lost_region() -> None:
    world = World(key_set(name="invoices"), key_set(name="orders"), failing=("invoices",))
    world.controller.run()
    lose_east(world)

    with pytest.raises(ExceptionGroup, match="2 times a key set could not be controlled or announced"):
        world.controller.run()

    routes = [world.state.route(name) for name in ("invoices", "orders")]
    assert [route.regions for route in routes if route] == [(WEST, EAST), (WEST, EAST)]


def test_a_key_fault_moves_its_own_key_set_only() -> None:
    invoices = key_set(name="invoices").but(
        members=tuple(MemberKey(region=r, arn=arn(r, "1234")) for r in (EAST, WEST))
    )
    world = World(key_set(), invoices)
    for seconds in (0, 10):
        world.round_at(seconds, OK)
        world.own_round_at(seconds, Outcome.KEY_FAULT, "invoices")

    judgements = world.controller.run()

    assert {judgement.key_set: judgement.route.regions for judgement in judgements} == {
        "invoices": (WEST, EAST),
        "orders": (EAST, WEST),
    }


def test_throttles_and_refusals_never_move_a_route() -> None:
    world = World()
    for seconds in range(0, 300, 10):
        world.round_at(seconds, Outcome.INCONCLUSIVE)

    judgements = world.controller.run()

    assert judgements[0].route.regions == (EAST, WEST)


def test_an_intent_of_another_region_counts_and_the_newest_wins() -> None:
    world = World()
    there = MemoryState(EAST, key_set())
    here = Intent(mode=Mode.FORCE, region=WEST, epoch=1, written_in=WEST, author="ana", reason="r")
    newer = Intent(mode=Mode.HOLD, epoch=2, written_in=EAST, author="bob", reason="r")
    world.state.put_intent("orders", here)
    there.put_intent("orders", newer)
    world.state._intents |= there._intents  # the global table brings it over

    world.controller.run()
    lose_east(world)
    judgements = world.controller.run()

    assert judgements[0].route.regions == (EAST, WEST)


class Contended(MemoryState):
    """Somebody else is always a little faster, `times` times, and commands a hold meanwhile."""

    def __init__(self, times: int) -> None:
        super().__init__(WEST, key_set())
        self.times = times

    def put_judgement(self, judgement: Judgement) -> None:
        if self.times:
            self.times -= 1
            self._intents["orders", EAST] = Intent(mode=Mode.HOLD, epoch=1, written_in=EAST, author="ana", reason="r")
            raise WriteConflictError(judgement.key_set)
        super().put_judgement(judgement)


def contended(times: int) -> tuple[Contended, Controller]:
    """A controller that is about to leave the east."""
    state = Contended(times)
    for seconds in (0, 10, 20):
        for region, outcome in ((EAST, FAULT), (WEST, OK)):
            state.add_observation(observation(seconds, outcome, region=region))
        state.add_observation(observation(seconds, OK, region=WEST, key_set="orders"))
    return state, Controller(state, Announcements(), lambda _: None, lambda: NOON + timedelta(seconds=20))


def test_who_was_overtaken_decides_again_from_what_is_there() -> None:
    state, controller = contended(MAX_CONFLICTS)

    judgements = controller.run()

    assert state.route("orders") == judgements[0].route
    assert judgements[0].health[EAST].verdict is Verdict.IMPAIRED
    assert judgements[0].route.regions == (EAST, WEST)  # held meanwhile


def test_who_is_overtaken_again_and_again_says_so() -> None:
    _, controller = contended(MAX_CONFLICTS + 1)

    with pytest.raises(ExceptionGroup) as error:
        controller.run()

    assert [type(one) for one in error.value.exceptions] == [WriteConflictError]


def test_a_change_that_was_made_while_another_was_announced_is_announced_too() -> None:
    world = World()
    world.controller.run()
    lose_east(world)
    force = Intent(mode=Mode.FORCE, region=EAST, insist=True, epoch=1, written_in=WEST, author="ana", reason="r")

    def command_and_run(route: Route) -> None:
        world.announcements.changed.append(route)
        if route.epoch == 1:
            world.state.put_intent("orders", force)
            world.controller.run()

    world.announcements.route_changed = command_and_run  # type: ignore[method-assign]  # what happens meanwhile
    world.controller.run()
    world.controller.run()

    assert [route.epoch for route in world.announcements.changed] == [1, 2]
    assert [route.epoch for route in world.state.history("orders")] == [2, 1]


def test_an_automatic_return_waits_for_the_debt_and_is_announced_with_it() -> None:
    world = World(key_set(failback=Failback.AUTOMATIC))
    lose_east(world)
    world.controller.run()
    world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key="k", since=NOON))
    for seconds in (615, 625):
        world.round_at(seconds, OK)
        owing = world.controller.run()

    world.state.clear_debt(held(next(world.state.debts("orders"))))
    repaid = world.controller.run()

    assert owing[0].route.regions == (WEST, EAST)
    assert repaid[0].route.regions == (EAST, WEST)
    assert world.announcements.changed[-1].evidence[-1] == f"owed to {EAST}: 0 objects"


def test_observations_of_other_regions_are_not_this_controllers() -> None:
    world = World()
    for seconds in (0, 10, 20):
        seen = observation(seconds, FAULT).but(observer=EAST)
        world.see(seen)
    world.now = NOON + timedelta(seconds=20)

    world.controller.run()

    assert verdict_of_east(world) is Verdict.UNKNOWN


def test_an_event_given_twice_is_one_observation() -> None:
    world = World()
    world.round_at(0, FAULT)
    agreeing = observation(5, FAULT, Source.ALARM)
    before: datetime = world.now

    world.see(agreeing, agreeing, agreeing)
    world.controller.run()

    assert world.now == before
    assert verdict_of_east(world) is Verdict.SUSPECT


def test_a_return_that_an_operator_insists_on_tells_all_that_is_owed() -> None:
    world = World()
    world.controller.run()
    lose_east(world)
    world.controller.run()
    for number in range(7):
        world.state.put_debt(Debt(key_set="orders", owed_to=EAST, bucket="b", key=f"{number}", since=NOON))
    for seconds in (700, 720):
        world.round_at(seconds, OK)
        world.controller.run()
    order = Intent(failback=True, insist=True, epoch=1, written_in=WEST, author="ana", reason="r", at=world.now)
    world.state.put_intent("orders", order)

    (back,) = world.controller.run()

    assert back.route.regions[0] == EAST
    assert back.route.evidence[-1] == f"owed to {EAST}: 7 objects"


def test_the_keys_of_a_new_key_set_are_asked_for_once() -> None:
    world = World(key_set(name="invoices"), key_set(name="orders"))
    world.see(observation(0, OK, region=WEST))

    world.controller.run()
    world.controller.run()

    assert world.asked == [("invoices", "orders")]


def test_the_keys_are_asked_for_also_where_an_order_came_before_the_first_run() -> None:
    world = World()
    world.see(observation(0, OK, region=WEST))
    world.state.put_judgement(first_judgement(key_set(), WEST, NOON))

    world.controller.run()

    assert world.asked == [("orders",)]


def test_the_keys_of_a_region_that_does_not_answer_are_not_asked_for() -> None:
    world = World()

    world.controller.run()
    lose_east(world)
    world.controller.run()
    world.see(observation(30, FAULT))
    world.now += timedelta(minutes=5)
    world.controller.run()

    assert world.asked == []


@pytest.mark.parametrize("word", [None, Outcome.INCONCLUSIVE])
def test_a_question_that_was_lost_is_asked_again_once_a_minute(word: Outcome | None) -> None:
    """What is asked wakes the controller: asked in every run, the two would wake each other without end."""
    world = World()
    for seconds in range(0, 130, 10):
        world.see(observation(seconds, OK), observation(seconds, OK, region=WEST))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()
        if word:
            world.see(observation(seconds + 1, word, key_set="orders"))
            world.controller.run()

    assert world.asked == [("orders",)] * 3


@pytest.mark.parametrize("ahead", [0, 10, 59])
def test_a_route_that_a_fast_clock_has_moved_has_its_keys_asked_for_when_its_time_has_come(ahead: int) -> None:
    """Else no word would be late enough, and the question and its answer would wake each other without end."""
    world = World()
    world.state.put_judgement(first_judgement(key_set(), WEST, NOON + timedelta(seconds=ahead)))
    for seconds in range(59):
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()
        world.see(*(observation(seconds, OK, region=region, key_set="orders") for region in (EAST, WEST)))

    assert len(world.asked) <= 2


@pytest.mark.parametrize("word", [OK, Outcome.REFUSED, Outcome.KEY_FAULT, FAULT])
def test_a_key_that_has_said_anything_is_not_asked_again(word: Outcome) -> None:
    world = World()
    for seconds in range(0, 130, 10):
        world.see(observation(seconds, OK), observation(seconds, OK, region=WEST))
        world.see(observation(seconds + 1, word, key_set="orders")) if seconds == 0 else None
        world.see(observation(seconds + 1, OK, key_set="orders", region=WEST)) if seconds == 0 else None
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.asked == []


def test_a_route_returns_only_when_the_key_has_answered_since_its_region_is_back() -> None:
    """It may have lost its material meanwhile, and said its last word before."""
    world = World(key_set(failback=Failback.AUTOMATIC))
    world.see(observation(0, OK, key_set="orders"), observation(0, OK, key_set="orders", region=WEST))
    for seconds in range(10, 800, 10):
        world.see(observation(seconds, FAULT if seconds <= 40 else OK), observation(seconds, OK, region=WEST))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()
    (away,) = world.controller.run()
    asked = list(world.asked)
    world.see(observation(801, OK, key_set="orders"))
    world.now = NOON + timedelta(seconds=801)
    (back,) = world.controller.run()

    assert away.health[EAST].verdict is Verdict.HEALTHY
    assert away.health[EAST].in_words().endswith("its key has not answered since")
    assert away.route.regions == (WEST, EAST)
    assert asked
    assert back.route.regions == (EAST, WEST)


def test_an_announcement_that_hangs_keeps_no_other_key_set_in_a_lost_region() -> None:
    names = [f"set-{number:02d}" for number in range(12)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)

    def hang(route: Route) -> None:
        world.now += timedelta(seconds=6)
        raise KmsFailoverError(f"nobody answers for {route.key_set}")

    world.announcements.route_changed = hang  # type: ignore[method-assign]  # EventBridge is silent
    began = world.now
    with pytest.raises(ExceptionGroup):
        world.controller.run()

    routes = [world.state.route(name) for name in names]
    assert {route.regions[0] for route in routes if route} == {WEST}
    assert world.now - began <= BUDGET + timedelta(seconds=6)


def test_each_key_set_is_announced_in_the_end_however_many_hang() -> None:
    names = [f"set-{number:02d}" for number in range(8)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)

    def slow(route: Route) -> None:
        world.now += timedelta(seconds=6)
        world.announcements.changed.append(route)

    world.announcements.route_changed = slow  # type: ignore[method-assign]  # three of eight within a run's time
    for _ in range(8):
        world.controller.run()
        world.now += ANNOUNCING_TAKES + timedelta(seconds=1)

    assert sorted(route.key_set for route in world.announcements.changed) == names


def test_whom_nobody_reaches_keeps_neither_history_nor_machines_waiting_however_many_key_sets() -> None:
    names = [f"set-{number:02d}" for number in range(100)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)
    tried = []

    def silent(bulletins: Sequence[Bulletin]) -> None:
        tried.append(bulletins)
        world.now += timedelta(seconds=3)  # its time-out
        raise KmsFailoverError("nobody answers")

    world.announcements.publish_to_people = silent  # type: ignore[method-assign]
    with pytest.raises(ExceptionGroup):
        world.controller.run()

    assert len(tried) <= MAX_FAILURES
    assert sorted(route.key_set for route in world.announcements.changed) == names
    assert all(len(world.state.history(name, 10)) == 1 for name in names)


@pytest.mark.parametrize("people_hear", [True, False])
def test_what_there_was_no_time_to_announce_is_the_next_runs(*, people_hear: bool) -> None:
    names = [f"set-{number:02d}" for number in range(8)]
    world = World(*(key_set(name=name) for name in names))
    world.controller.run()
    lose_east(world)

    def slow(route: Route) -> None:
        world.now += timedelta(seconds=1)
        world.announcements.changed.append(route)

    def silent(bulletins: Sequence[Bulletin]) -> None:
        raise KmsFailoverError(f"nobody hears of {bulletins[0].key_set}")

    world.announcements.route_changed = slow  # type: ignore[method-assign]
    if not people_hear:
        world.announcements.publish_to_people = silent  # type: ignore[method-assign]
    with suppress(ExceptionGroup):
        world.controller.run()
    in_time = len(world.announcements.changed)
    with suppress(ExceptionGroup):
        world.controller.run()

    assert 1 < in_time < len(names)
    assert sorted(route.key_set for route in world.announcements.changed) == names


def test_one_announcement_that_fails_repeats_no_other() -> None:
    world = World(failing=("orders",))
    world.controller.run()
    lose_east(world)
    for seconds in (20, 700, 710, 800, 900):
        world.round_at(seconds, OK if seconds > 20 else FAULT)
        with suppress(ExceptionGroup):
            world.controller.run()

    assert world.announcements.changed == []
    assert world.announcements.recovered == [("orders", EAST, WEST)]


def test_an_order_that_comes_after_the_judgement_was_read_is_obeyed() -> None:
    """Intents are read last: whoever has read an older judgement cannot write over the order's own."""
    world = World()
    world.controller.run()
    lose_east(world)
    read = world.state.judgements

    def read_and_be_overtaken() -> dict[str, Judgement]:
        found = read()
        hold = Intent(mode=Mode.HOLD, epoch=1, written_in=WEST, author="ana", reason="r")
        world.state._intents["orders", WEST] = hold
        return found

    world.state.judgements = read_and_be_overtaken  # type: ignore[method-assign]  # the order comes between
    judgements = world.controller.run()

    assert judgements[0].route.regions == (EAST, WEST)


class Unwritable(MemoryState):
    def put_judgement(self, judgement: Judgement) -> None:
        raise ConnectionError(f"the table does not take {judgement.key_set}")


def test_no_keys_are_asked_for_a_key_set_that_could_not_be_decided_so_that_no_run_brings_another() -> None:
    """What is asked wakes the controller: asked for again and again, the two would wake each other without end."""
    asked: list[tuple[str, ...]] = []
    controller = Controller(Unwritable(WEST, key_set()), Announcements(), asked.append, lambda: NOON)

    with pytest.raises(ExceptionGroup):
        controller.run()

    assert asked == []


def test_the_keys_are_asked_for_when_the_route_leads_elsewhere() -> None:
    world = World()
    world.round_at(0, OK)
    world.controller.run()
    for seconds in (10, 20, 30):
        world.see(observation(seconds, FAULT), observation(seconds, OK, region=WEST))
    world.now = NOON + timedelta(seconds=30)

    for _ in range(3):
        world.controller.run()

    assert world.asked == [("orders",)]


def test_a_key_that_replaces_another_inherits_none_of_its_words_and_is_asked_for() -> None:
    world = World()
    world.round_at(0, OK)
    world.own_round_at(1, OK, "orders")
    world.controller.run()
    members = (MemberKey(region=EAST, arn=arn(EAST, "another")), MemberKey(region=WEST, arn=arn(WEST)))
    world.state.put_key_set(KeySet(name="orders", members=members))
    world.asked.clear()
    world.now += timedelta(minutes=10)  # what the old key said is no longer looked at
    world.see(observation(600, OK), observation(600, OK, region=WEST))

    world.controller.run()
    (judged,) = world.controller.run()

    assert world.asked == [("orders",)]
    assert (judged.health[EAST].key_answers, judged.health[WEST].key_answers) == (None, True)


@pytest.mark.parametrize(
    ("silent", "other"), [("publish_to_people", "changed"), ("route_changed", "published_to_people")]
)
def test_people_and_machines_are_told_once_each_whichever_of_them_cannot_be_reached(silent: str, other: str) -> None:
    world = World()
    world.controller.run()
    lose_east(world)
    reached = getattr(world.announcements, silent)

    def unreachable(_: object) -> None:
        raise KmsFailoverError("nobody hears")

    setattr(world.announcements, silent, unreachable)
    for _ in range(3):
        with suppress(ExceptionGroup):
            world.controller.run()
        world.now += ANNOUNCING_TAKES
    meanwhile = [route.epoch for route in getattr(world.announcements, other)]
    setattr(world.announcements, silent, reached)
    world.controller.run()

    assert meanwhile == [1]
    assert [route.epoch for route in world.announcements.published_to_people] == [1]
    assert [route.epoch for route in world.announcements.changed] == [1]


def test_what_is_decided_is_told_although_it_cannot_be_announced() -> None:
    world = World(failing=("orders",))
    world.controller.run()
    lose_east(world)
    told: list[Judgement] = []

    with pytest.raises(ExceptionGroup):
        world.controller.run(told.extend)

    assert [judgement.route.regions for judgement in told] == [(WEST, EAST)]


def test_announcements_without_end_are_given_up_from_the_oldest_on_and_stand_in_the_history() -> None:
    world = World(failing=("orders",))
    for epoch in range(1, MAX_PENDING + 3):
        order = Intent(mode=Mode.FORCE, region=(WEST, EAST)[epoch % 2 == 0], insist=True, epoch=epoch, written_in=WEST)
        world.state.put_intent("orders", order)
        world.now += ANNOUNCING_TAKES
        with suppress(ExceptionGroup):
            world.controller.run()

    judgement = world.state.judgement("orders")
    assert judgement is not None
    kept = [route.epoch for route in judgement.pending]
    assert 50 < len(kept) <= MAX_PENDING
    assert kept == list(range(MAX_PENDING + 3 - len(kept), MAX_PENDING + 3))
    assert [route.epoch for route in world.state.history("orders", 1000)] == list(range(MAX_PENDING + 2, 0, -1))


@pytest.mark.parametrize("letter", ["x", "\N{GRINNING FACE}"])
def test_a_judgement_fits_into_an_item_whatever_nobody_has_heard_of_and_whatever_its_texts_are(letter: str) -> None:
    orders = key_set(*(f"region-{number}" for number in range(8)))
    said = letter * (1024 + 256)  # an order's reason and author
    seen = RegionHealth(region=EAST, since=NOON, reason=letter * LONGEST_REASON, key_reason=letter * LONGEST_REASON)
    lost = seen.but(key_usable=False)
    wordy = first_route(orders, WEST, NOON).but(
        reason=f"forced by {said}", evidence=(lost.in_words(),) * 8, changes=(NOON,) * 60
    )
    routes = [wordy.but(epoch=number) for number in range(150)]
    news = [News(**NEWS, number=number, reason=said, regions=orders.regions) for number in range(1, 150)]

    judgement = Judgement(
        key_set="orders",
        observer=WEST,
        route=wordy,
        verdicts=(lost,) * 8,
        pending=newest(routes),
        news=newest(news),
    )

    assert judgement.pending
    assert judgement.pending == tuple(routes[-len(judgement.pending) :])
    assert judgement.news == tuple(news[-len(judgement.news) :])
    assert len(judgement.model_dump_json().encode()) < ITEM_BYTES


ITEM_BYTES = 400 * 1024
NEWS: dict[str, Any] = {"key_set": "orders", "observer": WEST, "kind": "lost", "region": EAST, "at": NOON}


# News: each loss and each return is told, whatever the route does about it


def lose(world: World, *regions: str, at: Sequence[int] = (0, 10, 20)) -> None:
    for seconds in at:
        for region in (EAST, WEST):
            lost = region in regions
            world.see(observation(seconds, FAULT if lost else OK, region=region))
            if not lost:
                world.see(observation(seconds, OK, region=region, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()


def test_people_and_machines_are_told_of_a_standby_that_is_lost() -> None:
    world = World()

    lose(world, WEST)

    assert world.announcements.people_know == [("lost", WEST)]
    assert [(news.kind, news.region) for news in world.announcements.readiness] == [("lost", WEST)]
    assert world.announcements.changed == []
    assert [news.kind for news in world.state.news("orders")] == ["lost"]


def test_people_are_told_that_all_is_lost() -> None:
    world = World()

    lose(world, EAST, WEST)

    assert sorted(world.announcements.people_know) == [("all lost", EAST), ("lost", EAST), ("lost", WEST)]
    assert len(world.announcements.messages) == 1


def test_people_are_told_that_no_other_region_answers() -> None:
    world = World()
    for seconds in (0, 10, 20):
        world.see(observation(seconds, FAULT))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.announcements.people_know == [("lost", EAST), ("no target", EAST)]


@pytest.mark.parametrize(
    "order",
    [
        Intent(mode=Mode.HOLD, epoch=1, written_in=WEST, author="ana", reason="migration", at=NOON),
        Intent(mode=Mode.FORCE, region=EAST, insist=True, epoch=1, written_in=WEST, author="ana", reason="r", at=NOON),
    ],
    ids=["hold", "force"],
)
def test_people_are_told_when_an_order_begins_to_keep_a_route_in_a_lost_region(order: Intent) -> None:
    world = World()
    world.state.put_intent("orders", order)

    lose(world, EAST, at=(0, 10, 20, 30))

    assert world.announcements.people_know == [("lost", EAST), ("held", EAST)]
    reason = world.announcements.readiness[-1].reason
    assert reason.startswith(f"would move to {WEST} ({EAST} is impaired: ")
    assert "by ana since 2026-11-23 12:00:00 UTC prevents it" in reason


def test_while_an_order_keeps_the_route_in_a_lost_region_no_message_says_that_it_serves() -> None:
    world = World(key_set(EAST, WEST, IRELAND))
    world.state.put_intent(
        "orders", Intent(mode=Mode.HOLD, epoch=1, written_in=WEST, author="ana", reason="r", at=NOON)
    )
    for seconds in range(0, 60, 10):
        for region in (EAST, WEST, IRELAND):
            lost = region == EAST or (region == IRELAND and seconds >= 30)
            world.see(observation(seconds, FAULT if lost else OK, region=region))
            world.see(observation(seconds, OK, region=region, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    first, second = (message(group, Sender("prod", ACCOUNT)) for group in world.announcements.messages)

    assert first.subject.endswith(f"LOST {EAST} for orders: AN ORDER KEEPS IT THERE")
    assert second.subject.endswith(f"LOST {IRELAND} for orders: {EAST} LEADS AND IS LOST")
    assert "kms-failover release " in second.text


def test_a_region_that_is_lost_and_back_is_told_once_each_however_many_runs() -> None:
    world = World()
    lose(world, EAST, at=range(0, 100, 5))

    lose(world, at=range(700, 800, 5))

    assert world.announcements.people_know == [("lost", EAST), ("recovered", EAST)]


def test_what_flaps_with_each_round_is_told_once_it_has_lasted() -> None:
    world = World()
    for seconds in range(0, 1200, 10):
        world.see(observation(seconds, OK), observation(seconds, FAULT if seconds % 30 == 0 else OK, region=WEST))
        for region in (EAST, WEST):
            word = OK if seconds < 600 or region == EAST else Outcome.REFUSED
            world.see(observation(seconds, word, region=region, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.announcements.people_know == [("not ready", WEST)]
    assert 720 <= (world.announcements.readiness[0].at - NOON).total_seconds() <= 750


def test_a_region_that_could_not_be_fled_to_and_can_be_again_is_told() -> None:
    world = World()
    for seconds in range(0, 1300, 10):
        word = Outcome.REFUSED if seconds < 600 else OK
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.see(observation(seconds, OK, key_set="orders"), observation(seconds, word, region=WEST, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert world.announcements.people_know == [("not ready", WEST), ("ready", WEST)]


def test_what_comes_and_goes_for_minutes_brings_ten_messages_an_hour_at_most() -> None:
    world = World()
    for seconds in range(0, 3600, 10):
        word = Outcome.REFUSED if seconds % 260 < 130 else OK
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.see(observation(seconds, OK, key_set="orders"), observation(seconds, word, region=WEST, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    assert len(world.announcements.messages) <= 10


def test_a_hundred_key_sets_that_the_same_has_become_of_are_one_message() -> None:
    world = World(*(key_set(name=f"set-{number:02d}") for number in range(100)))
    world.controller.run()
    lose_east(world)

    world.controller.run()

    (message,) = world.announcements.messages
    assert len(message) == 100
    assert len(world.announcements.changed) == len(world.announcements.readiness) == 100
    assert all(found.is_announced for found in world.state.judgements().values())


def test_key_sets_of_which_different_things_have_become_are_told_apart() -> None:
    world = World(key_set(name="orders"), key_set(WEST, EAST, name="payments"), key_set(EAST, name="wages"))
    world.controller.run()
    lose_east(world)

    world.controller.run()

    messages = sorted([bulletin.key_set for bulletin in message] for message in world.announcements.messages)
    assert messages == [["orders", "payments"], ["wages"]]


def test_news_that_people_could_not_be_told_are_told_later_and_once() -> None:
    world = World()
    reached = world.announcements.publish_to_people

    def unreachable(bulletins: Sequence[Bulletin]) -> None:
        raise KmsFailoverError("nobody hears")

    world.announcements.publish_to_people = unreachable  # type: ignore[method-assign]
    with suppress(ExceptionGroup):
        lose(world, WEST)
    world.announcements.publish_to_people = reached  # type: ignore[method-assign]
    world.now += ANNOUNCING_TAKES
    world.controller.run()
    world.controller.run()

    assert world.announcements.people_know == [("lost", WEST)]
    assert len({news.number for news in world.announcements.readiness}) == 1


def test_news_have_new_numbers_although_an_older_version_has_dropped_the_count() -> None:
    world = World()
    lose(world, WEST)
    stored = world.state.judgement("orders")
    assert stored is not None
    world.state._judgements[WEST, "orders"] = stored.but(news_count=0, said=())

    lose(world, WEST, at=(30,))

    assert len(world.state.news("orders")) == 2


def test_news_of_one_second_and_of_the_next_have_numbers_of_their_own() -> None:
    world = World()
    for region, seconds in ((EAST, 20), (WEST, 21)):
        world.see(*(observation(seconds - before, FAULT, region=region) for before in (0, 10, 20)))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()

    told = [(news.kind, news.region) for news in reversed(world.state.news("orders"))]
    assert told == [("lost", EAST), ("no target", EAST), ("lost", WEST), ("all lost", EAST)]


# A return is told when the key has answered: before that nobody knows whether the region can be used

NEW_KEY = arn(EAST, "new")


def with_new_key() -> KeySet:
    return key_set().but(members=(MemberKey(region=EAST, arn=NEW_KEY), *key_set().members[1:]))


def rounds(world: World, word: Outcome | None, at: Sequence[int], subject: str = "") -> None:
    """Rounds that both regions answer, and the western key; the eastern one says `word`."""
    for seconds in at:
        world.see(*(observation(seconds, OK, region=region) for region in (EAST, WEST)))
        world.see(observation(seconds, OK, region=WEST, key_set="orders"))
        if word is not None:
            world.see(observation(seconds, word, key_set="orders", subject=subject))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()


def test_a_key_that_replaces_a_lost_one_is_not_told_to_be_usable_before_it_has_answered() -> None:
    world = World()
    rounds(world, Outcome.KEY_FAULT, at=(0, 10, 20), subject=arn(EAST))
    world.state.put_key_set(with_new_key())

    rounds(world, None, at=(30, 40))
    before = world.announcements.people_know, list(world.announcements.recovered)
    rounds(world, OK, at=(50, 60), subject=NEW_KEY)

    assert before == ([("lost", EAST)], [])
    assert world.announcements.people_know == [("lost", EAST), ("recovered", EAST)]
    assert world.announcements.recovered == [("orders", EAST, WEST)]


def test_a_key_that_replaces_a_lost_one_and_fails_as_well_is_told_to_be_lost_and_never_to_be_usable() -> None:
    world = World()
    rounds(world, Outcome.KEY_FAULT, at=(0, 10, 20), subject=arn(EAST))
    world.state.put_key_set(with_new_key())

    rounds(world, Outcome.KEY_FAULT, at=(30, 40, 50), subject=NEW_KEY)

    assert world.announcements.people_know == [("lost", EAST), ("lost", EAST)]
    assert world.announcements.recovered == []


def test_a_region_is_not_told_to_be_back_before_its_key_has_answered_again() -> None:
    world = World()
    rounds(world, OK, at=(-10, 0))
    lose(world, EAST, at=(10, 20, 30))

    rounds(world, None, at=(650, 660))
    before = world.announcements.people_know, list(world.announcements.recovered)
    rounds(world, OK, at=(670,))

    assert before == ([("lost", EAST)], [])
    assert world.announcements.people_know == [("lost", EAST), ("recovered", EAST)]
    assert world.announcements.recovered == [("orders", EAST, WEST)]


def test_a_key_that_stays_silent_after_its_region_is_back_is_told_to_be_not_ready_and_then_to_be_back() -> None:
    world = World()
    lose(world, EAST, at=(10, 20, 30))

    rounds(world, Outcome.REFUSED, at=range(650, 800, 10))
    before = world.announcements.people_know, list(world.announcements.recovered)
    rounds(world, OK, at=(800, 810))

    assert before == ([("lost", EAST), ("not ready", EAST)], [])
    assert world.announcements.readiness[1].reason.endswith("its key has not answered")
    assert world.announcements.people_know[2:] == [("recovered", EAST)]
    assert world.announcements.recovered == [("orders", EAST, WEST)]
