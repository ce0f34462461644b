"""Probe rounds: a real data key made and opened again in every region, from where this runs (docs/probe.md)."""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from pydantic import Field, ValidationError

from kms_failover.domain.event_fields import json_object, problem_in
from kms_failover.domain.key_set import SECONDS_A_ROUND, Code, KeySet, MemberKey, Model
from kms_failover.domain.routing.health import CLOCK_SKEW, LEAST_BETWEEN_ROUNDS, Observation, Outcome, Source
from kms_failover.domain.routing.probe_memory import LOOK_BACK, WATCHED, Attention, OwnKeyTurns, ProbeKeys
from kms_failover.errors import EventFormatError

ROUND_SECONDS = SECONDS_A_ROUND
ROUNDS = 6  # one invocation a minute, so that rounds follow each other without a gap
JITTER_SECONDS = 1.0  # a round starts up to this late: observers must not ask a region in step
DEADLINE_SECONDS = 8.0  # a round's, for all its calls; below ROUND_SECONDS
CONFIRMING = timedelta(seconds=7)  # 11 s to the first fault, two more rounds, a time-out of 2 s: 27 s to a verdict
FAULTS_TO_CONFIRM = 3  # the design's faults in a row without, and below with, another signal
FAULTS_TO_CORROBORATE = 2
LOOK_SECONDS = 1.0  # between two looks for reports
REST_SECONDS = 2  # at the minute's end: the next invocation finds this environment free
MAX_FAILED_WRITES = 2  # in a round, of a table that refuses
SILENCE = timedelta(seconds=1)  # a failure that took as long is no refusal: the table does not answer
LEFT_ALONE = timedelta(seconds=ROUND_SECONDS)  # what is silent is tried about once a round
NOT_ASKED = "NotAsked"  # the code of a key for which there was no time


class RoundTrip(Model):
    """What became of one GenerateDataKey and the Decrypt of its answer."""

    outcome: Outcome
    code: Code = ""
    latency_ms: float = 0.0


class ProbeRequest(Model):
    """What an invocation may ask for: fewer rounds than a minute's, or one round for these key sets' own keys."""

    rounds: int = Field(ROUNDS, ge=1, le=ROUNDS, strict=True)
    key_sets: tuple[str, ...] = ()


def probe_request(event: object) -> ProbeRequest:
    """Nothing, as null or as an empty object, asks for a minute's rounds. EventFormatError names the field."""
    try:
        return ProbeRequest.model_validate(json_object({} if event is None else event), extra="ignore")
    except ValidationError as error:
        raise EventFormatError(problem_in(error)) from error


class Prober(Protocol):
    def round_trips(self, members: Sequence[MemberKey], within_seconds: float) -> dict[str, RoundTrip]:
        """By key ARN, one for each; all at the same time and within the deadline, however silent a region is.

        A key that could not be asked in time is INCONCLUSIVE with the code NOT_ASKED.
        """


class ProbeState(Protocol):
    def add_observation(self, observation: Observation) -> None: ...
    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...
    def reports(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...


Tell: TypeAlias = Callable[[Sequence[Observation]], None]


@dataclass
class _Run:
    """One invocation: what it has seen, and what failed meanwhile. Nothing that fails stops the rounds after it."""

    tell: Tell
    clock: Callable[[], datetime]
    observed: list[Observation] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    state_is_left_alone_until: datetime | None = None

    @contextmanager
    def going_on(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  # raised in `result`, when the other rounds are done
            self.errors.append(error)

    @contextmanager
    def asking_the_state(self) -> Iterator[None]:
        """A time-out makes the state be left alone for a while: the rounds must not wait for it again and again."""
        failed, began = len(self.errors), self.clock()
        with self.going_on():
            yield
        now = self.clock()
        if len(self.errors) > failed and now - began >= SILENCE:
            self.state_is_left_alone_until = now + LEFT_ALONE

    @property
    def state_is_left_alone(self) -> bool:
        return self.state_is_left_alone_until is not None and self.clock() < self.state_is_left_alone_until

    def result(self) -> list[Observation]:
        if self.errors:
            raise ExceptionGroup(f"{len(self.errors)} times a probe round was not done, written or told", self.errors)
        return self.observed


@dataclass(frozen=True)
class _ProbeRound:
    """A round whose probe keys have been asked; `trips` is by ARN, `probe_keys` by region."""

    at: datetime
    key_sets: tuple[KeySet, ...]
    probe_keys: Mapping[str, MemberKey]
    trips: Mapping[str, RoundTrip]

    def answer_of(self, region: str) -> RoundTrip:
        return self.trips[self.probe_keys[region].arn]

    def members(self, key_sets: Collection[str] | None = None) -> dict[str, MemberKey]:
        return {m.arn: m for k in self.key_sets if key_sets is None or k.name in key_sets for m in k.members}


class ProbeService:
    """One observer's rounds. A late, doubled or skipped invocation only changes how many there are.

    Keeps, for the life of the process, which key stands for a region and which keys have had their turn.
    `jitter` gives a number from 0 to 1.
    """

    def __init__(
        self,
        observer: str,
        key_sets: Callable[[], tuple[KeySet, ...]],
        prober: Prober,
        state: ProbeState,
        wake_controller: Callable[[], None],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
        configured: Callable[[], tuple[KeySet, ...]] | None = None,
    ) -> None:
        """`configured`: also what `key_sets` leaves out, for no key may be asked; None: it leaves nothing out."""
        self._observer = observer
        self._key_sets = key_sets
        self._prober = prober
        self._state = state
        self._wake_controller = wake_controller
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._configured = configured or key_sets
        self._probe_keys = ProbeKeys()
        self._turns = OwnKeyTurns()
        self._attention = Attention()
        self._started_at: datetime | None = None
        self._faults: dict[str, int] = {}  # in a row, by region
        self._urgent = 0  # rounds that reports ask for

    def run(self, rounds: int = ROUNDS, tell: Tell = lambda _: None) -> list[Observation]:
        """Rounds 10 s apart, and sooner where one has failed or the data plane reports a fault; `tell` hears of each.

        After each the controller is woken. No round starts after its minute, and fewer rounds than a minute's end with
        the last. An ExceptionGroup of all that failed, at the end.
        """
        run = _Run(tell, self._clock)
        start = self._clock()
        end = start + timedelta(seconds=rounds * ROUND_SECONDS)
        for number in range(rounds):
            self._wait(start + timedelta(seconds=number * ROUND_SECONDS + self._jitter() * JITTER_SECONDS), run)
            if number and self._clock() >= end:
                break
            self._round(run)
        if rounds == ROUNDS:
            self._wait(end - timedelta(seconds=REST_SECONDS), run, then_a_round=False)
        return run.result()

    def ask(self, key_sets: Collection[str], tell: Tell = lambda _: None) -> list[Observation]:
        """Asks these key sets' own keys at once. Says nothing about a region: its verdict counts regular rounds."""
        run = _Run(tell, self._clock)
        with run.going_on():
            asked = self._ask_regions(self._clock())
            self._ask_own_keys(asked, asked.members(key_sets).keys(), run)
        self._wake(run)
        return run.result()

    def unnamed(self, regions: Collection[str]) -> list[str]:
        """Those of these in which no key set has a member key: nobody asks anything there, and nothing fails."""
        named = {region for key_set in self._configured() for region in key_set.regions}
        return [region for region in regions if region not in named]

    # When

    def _wait(self, due: datetime, run: _Run, *, then_a_round: bool = True) -> None:
        """Until `due`, and until a round may follow the last one; rounds that are urgent are done meanwhile."""
        everything = True
        while True:
            self._look(run, everything=everything)
            everything = False
            now = self._clock()
            pause = self._pause()
            soonest = max(now, self._started_at + (pause or LEAST_BETWEEN_ROUNDS)) if self._started_at else now
            ready = max(due, soonest) if then_a_round else due
            if now >= ready:
                return
            if pause and now >= soonest:
                self._round(run)
            else:
                until = min(ready, soonest) if pause else ready
                self._sleep(min(LOOK_SECONDS, (until - now).total_seconds()))

    def _pause(self) -> timedelta | None:
        """From one round's start to the next, where that should not wait for its regular time."""
        if self._urgent:
            return LEAST_BETWEEN_ROUNDS
        return CONFIRMING if any(0 < faults < FAULTS_TO_CONFIRM for faults in self._faults.values()) else None

    def _look(self, run: _Run, *, everything: bool) -> None:
        """For reports, and for faults of keys once a round. A report of what two rounds have found asks for nothing."""
        if run.state_is_left_alone:
            return
        with run.asking_the_state():
            now = self._clock()
            read, back = (self._state.observations, WATCHED) if everything else (self._state.reports, LOOK_BACK)
            seen = read(now - back, now + CLOCK_SKEW)  # who reports chooses the time: what lies ahead would stay
            reported = self._attention.read(seen, now)
            if any(self._faults.get(region, 0) < FAULTS_TO_CORROBORATE for region in reported):
                self._urgent = FAULTS_TO_CORROBORATE

    # A round

    def _round(self, run: _Run) -> None:
        """The regions first: their verdict waits for no key set's own key."""
        self._urgent = max(0, self._urgent - 1)
        self._started_at = self._clock()
        asked = None
        with run.going_on():
            asked = self._ask_regions(self._started_at)
            faults = {region for region in asked.probe_keys if asked.answer_of(region).outcome is Outcome.REGION_FAULT}
            self._faults = {region: self._faults.get(region, 0) + 1 for region in faults}
            for region in faults:
                self._attention.failed(region, asked.at)
            self._write([self._about_region(asked, region) for region in asked.probe_keys], run)
        self._wake(run)
        if asked is not None:
            with run.going_on():
                self._own_keys_turn(asked, run)

    def _ask_regions(self, at: datetime) -> _ProbeRound:
        key_sets = self._key_sets()
        probe_keys = self._probe_keys.choose(key_sets)
        trips = self._prober.round_trips(tuple(probe_keys.values()), DEADLINE_SECONDS)
        for region, member in probe_keys.items():
            if trips[member.arn].outcome is not Outcome.OK:
                self._probe_keys.pass_on(region)
        return _ProbeRound(at, key_sets, probe_keys, trips)

    def _own_keys_turn(self, asked: _ProbeRound, run: _Run) -> None:
        arns = asked.members().keys()
        watched = asked.members(self._attention.watched(asked.at)).keys()
        observed, unanswered = self._ask_own_keys(asked, self._turns.due(arns, asked.at) | watched, run)
        self._turns.taken(arns - unanswered, asked.at)
        if any(observation.outcome in {Outcome.KEY_FAULT, Outcome.REGION_FAULT} for observation in observed):
            self._wake(run)

    def _ask_own_keys(
        self, asked: _ProbeRound, wanted: AbstractSet[str], run: _Run
    ) -> tuple[list[Observation], AbstractSet[str]]:
        """What was seen, and the keys that have not answered, or whose region has not: they stay due."""
        members = asked.members()
        left = [members[arn] for arn in sorted(wanted - asked.trips.keys())]
        left = [member for member in left if asked.answer_of(member.region).outcome is not Outcome.REGION_FAULT]
        spent = (self._clock() - asked.at).total_seconds()
        found = self._prober.round_trips(left, max(0.0, DEADLINE_SECONDS - spent)) if left else {}
        trips = {**asked.trips, **found}
        observations = [
            self._about_key(asked, key_set, member, trips[member.arn])
            for key_set in asked.key_sets
            for member in key_set.members
            if member.arn in trips and self._is_worth_writing(asked, member, trips, wanted)
        ]
        self._write(observations, run)
        return observations, {arn for arn in wanted | asked.trips.keys() if not _has_answered(trips.get(arn))}

    # What is written

    def _about_region(self, asked: _ProbeRound, region: str) -> Observation:
        """A key that cannot be used says nothing about its region."""
        trip = asked.answer_of(region)
        outcome = Outcome.INCONCLUSIVE if trip.outcome in _OF_THE_KEY else trip.outcome
        return self._observation(asked.at, region, trip.model_copy(update={"outcome": outcome}))

    def _about_key(self, asked: _ProbeRound, key_set: KeySet, member: MemberKey, trip: RoundTrip) -> Observation:
        return self._observation(asked.at, member.region, trip, key_set.name, member.arn)

    @staticmethod
    def _is_worth_writing(
        asked: _ProbeRound, member: MemberKey, trips: Mapping[str, RoundTrip], wanted: AbstractSet[str]
    ) -> bool:
        """What was due, and what is the key's own trouble. Its silence is that only where its region answers."""
        trip, of_region = trips[member.arn], asked.answer_of(member.region).outcome
        due = member.arn in wanted and trip.code != NOT_ASKED
        if trip.outcome is Outcome.REGION_FAULT:
            return of_region is Outcome.OK or (due and of_region is not Outcome.REGION_FAULT)
        return due or trip.outcome in _OF_THE_KEY

    def _observation(
        self, at: datetime, region: str, trip: RoundTrip, key_set: str = "", subject: str = ""
    ) -> Observation:
        return Observation(
            key_set=key_set,
            observer=self._observer,
            region=region,
            source=Source.PROBE,
            outcome=trip.outcome,
            code=trip.code,
            latency_ms=trip.latency_ms,
            at=at,
            id=uuid.uuid4().hex,
            subject=subject,
        )

    def _write(self, observations: Sequence[Observation], run: _Run) -> None:
        run.observed += observations
        with run.going_on():
            run.tell(observations)
        failed = len(run.errors)
        for observation in observations:
            if run.state_is_left_alone or len(run.errors) >= failed + MAX_FAILED_WRITES:
                return  # the state cannot be written, and each attempt takes time that the next round needs
            with run.asking_the_state():
                self._state.add_observation(observation)

    def _wake(self, run: _Run) -> None:
        with run.going_on():
            self._wake_controller()


_OF_THE_KEY = frozenset({Outcome.KEY_FAULT, Outcome.REFUSED})


def _has_answered(trip: RoundTrip | None) -> bool:
    return trip is not None and trip.outcome is not Outcome.REGION_FAULT and trip.code != NOT_ASKED
