"""Probe rounds: a real data key made and opened again in every region, from where this runs (docs/probe.md)."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.model import Code, Model
from kms_failover.domain.routing.key_check_schedule import KeyCheckSchedule
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.pace import Pace
from kms_failover.domain.routing.probe_memory import Attention, ProbeKeys
from kms_failover.domain.routing.probe_request import ROUNDS
from kms_failover.domain.routing.probe_run import OnObserved, ProbeRun
from kms_failover.domain.timing import SECONDS_A_ROUND

ROUND_SECONDS = SECONDS_A_ROUND
JITTER_SECONDS = 1.0  # a round starts up to this late: observers must not ask a region in step
DEADLINE_SECONDS = 8.0  # a round's, for all its calls; below ROUND_SECONDS
REST_SECONDS = 2  # at the minute's end: the next invocation finds this environment free
MAX_FAILED_WRITES = 2  # in a round, of a table that refuses
NOT_ASKED = "NotAsked"  # the code of a key for which there was no time


class RoundTrip(Model):
    """What became of one GenerateDataKey and the Decrypt of its answer."""

    outcome: Outcome
    code: Code = ""
    latency_ms: float = 0.0


class Prober(Protocol):
    def round_trips(self, members: Sequence[MemberKey], within_seconds: float) -> dict[str, RoundTrip]:
        """By key ARN, one for each; all at the same time and within the deadline, however silent a region is.

        A key that could not be asked in time is INCONCLUSIVE with the code NOT_ASKED.
        """


class ProbeState(Protocol):
    def add_observation(self, observation: Observation) -> None: ...
    def observations(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...
    def reports(self, since: datetime, until: datetime) -> tuple[Observation, ...]: ...


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
        self._jitter = jitter
        self._configured = configured or key_sets
        self._probe_keys = ProbeKeys()
        self._turns = KeyCheckSchedule()
        self._attention = Attention()
        self._pace = Pace(state, self._attention, clock, sleep)

    def run(self, rounds: int = ROUNDS, on_observed: OnObserved = lambda _: None) -> list[Observation]:
        """Rounds 10 s apart, and sooner where one has failed or the data plane reports a fault.

        `on_observed` is called with the observations of each round, before they are written.

        After each the controller is woken. No round starts after its minute, and fewer rounds than a minute's end with
        the last. An ExceptionGroup of all that failed, at the end.
        """
        run = ProbeRun(on_observed, self._clock)
        start = self._clock()
        end = start + timedelta(seconds=rounds * ROUND_SECONDS)
        for number in range(rounds):
            due = start + timedelta(seconds=number * ROUND_SECONDS + self._jitter() * JITTER_SECONDS)
            self._pace.wait(due, run, self._round)
            if number and self._clock() >= end:
                break
            self._round(run)
        if rounds == ROUNDS:
            self._pace.wait(end - timedelta(seconds=REST_SECONDS), run, self._round, then_a_round=False)
        return run.result()

    def ask(self, key_sets: Collection[str], on_observed: OnObserved = lambda _: None) -> list[Observation]:
        """Asks these key sets' own keys at once. Says nothing about a region: its verdict counts regular rounds."""
        run = ProbeRun(on_observed, self._clock)
        with run.going_on():
            asked = self._ask_regions(self._clock())
            self._ask_own_keys(asked, asked.members(key_sets).keys(), run)
        self._wake(run)
        return run.result()

    def unnamed(self, regions: Collection[str]) -> list[str]:
        """Those of these in which no key set has a member key: nobody asks anything there, and nothing fails."""
        named = {region for key_set in self._configured() for region in key_set.regions}
        return [region for region in regions if region not in named]

    # A round

    def _round(self, run: ProbeRun) -> None:
        """The regions first: their verdict waits for no key set's own key."""
        started_at = self._clock()
        self._pace.round_begins(started_at)
        asked = None
        with run.going_on():
            asked = self._ask_regions(started_at)
            outcomes = {region: asked.answer_of(region).outcome for region in asked.probe_keys}
            self._pace.round_found([region for region, found in outcomes.items() if found is Outcome.REGION_FAULT])
            for region, found in outcomes.items():
                self._attention.round_found(region, asked.at, found)
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

    def _own_keys_turn(self, asked: _ProbeRound, run: ProbeRun) -> None:
        arns = asked.members().keys()
        watched = asked.members(self._attention.watched(asked.at)).keys()
        observed, unanswered = self._ask_own_keys(asked, self._turns.due(arns, asked.at) | watched, run)
        self._turns.taken(arns - unanswered, asked.at)
        if any(observation.outcome in {Outcome.KEY_FAULT, Outcome.REGION_FAULT} for observation in observed):
            self._wake(run)

    def _ask_own_keys(
        self, asked: _ProbeRound, wanted: AbstractSet[str], run: ProbeRun
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
        return self._observation(asked.at, region, trip.but(outcome=outcome))

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

    def _write(self, observations: Sequence[Observation], run: ProbeRun) -> None:
        run.observed += observations
        with run.going_on():
            run.on_observed(observations)
        failed = len(run.errors)
        for observation in observations:
            if run.state_is_backed_off or len(run.errors) >= failed + MAX_FAILED_WRITES:
                return  # the state cannot be written, and each attempt takes time that the next round needs
            with run.asking_the_state():
                self._state.add_observation(observation)

    def _wake(self, run: ProbeRun) -> None:
        with run.going_on():
            self._wake_controller()


_OF_THE_KEY = frozenset({Outcome.KEY_FAULT, Outcome.REFUSED})


def _has_answered(trip: RoundTrip | None) -> bool:
    return trip is not None and trip.outcome is not Outcome.REGION_FAULT and trip.code != NOT_ASKED
