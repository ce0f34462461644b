"""A controller over a state in memory, with an announcer that remembers."""

from collections.abc import Sequence
from datetime import timedelta

from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.controller import Controller
from kms_failover.domain.routing.health import Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.messages import Bulletin
from kms_failover.domain.routing.observation import Observation, Outcome
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.route import Route
from kms_failover.errors import KmsFailoverError, WriteConflictError
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, NOON, WEST, arn, key_set, observation

FAULT, OK = Outcome.REGION_FAULT, Outcome.OK


class RecordedAnnouncer:
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
        self.announcements = RecordedAnnouncer(*failing)
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
    return state, Controller(state, RecordedAnnouncer(), lambda _: None, lambda: NOON + timedelta(seconds=20))


class Unwritable(MemoryState):
    def put_judgement(self, judgement: Judgement) -> None:
        raise ConnectionError(f"the table does not take {judgement.key_set}")


def lose(world: World, *regions: str, at: Sequence[int] = (0, 10, 20)) -> None:
    for seconds in at:
        for region in (EAST, WEST):
            lost = region in regions
            world.see(observation(seconds, FAULT if lost else OK, region=region))
            if not lost:
                world.see(observation(seconds, OK, region=region, key_set="orders"))
        world.now = NOON + timedelta(seconds=seconds)
        world.controller.run()


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
