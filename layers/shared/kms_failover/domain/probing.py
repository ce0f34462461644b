"""Probe rounds: a real data key made and opened again in every region, from where this runs."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from kms_failover.domain.health import Observation, Outcome, Source
from kms_failover.domain.key_set import KeySet, MemberKey, Model

ROUND_SECONDS = 10  # design, "Decision rules"
ROUNDS = 6  # one invocation a minute, so that rounds follow each other without a gap


class RoundTrip(Model):
    """What became of one GenerateDataKey and the Decrypt of its answer."""

    outcome: Outcome
    code: str = ""
    latency_ms: float = 0.0


class Prober(Protocol):
    def round_trips(self, members: Sequence[MemberKey]) -> dict[str, RoundTrip]:
        """By key ARN; all at the same time and within the round, however silent a region is."""


class ObservationWriter(Protocol):
    def add_observation(self, observation: Observation) -> None: ...


class ProbeService:
    """One invocation's worth of rounds. Late, doubled or skipped invocations only change how many there are."""

    def __init__(
        self,
        observer: str,
        key_sets: Callable[[], tuple[KeySet, ...]],
        prober: Prober,
        state: ObservationWriter,
        wake_controller: Callable[[], None],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._observer = observer
        self._key_sets = key_sets
        self._prober = prober
        self._state = state
        self._wake_controller = wake_controller
        self._clock = clock
        self._sleep = sleep

    def run(self, rounds: int = ROUNDS) -> list[Observation]:
        """Rounds 10 s apart; after each the controller is woken, so that a verdict is never older than a round."""
        observed: list[Observation] = []
        errors: list[Exception] = []
        start = self._clock()
        for number in range(rounds):
            pause = (start + timedelta(seconds=number * ROUND_SECONDS) - self._clock()).total_seconds()
            if pause > 0:
                self._sleep(pause)
            try:
                observed += self._round()
            except Exception as error:  # noqa: BLE001  # raised below, when the minute's other rounds are done
                errors.append(error)
            self._wake_controller()
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {rounds} probe rounds could not be done or written", errors)
        return observed

    def _round(self) -> list[Observation]:
        key_sets = self._key_sets()
        members = {member.arn: member for key_set in key_sets for member in key_set.members}
        results = self._prober.round_trips(tuple(members.values()))
        at = self._clock()
        observations = [
            Observation(
                key_set=key_set.name,
                observer=self._observer,
                region=member.region,
                source=Source.PROBE,
                outcome=results[member.arn].outcome,
                code=results[member.arn].code,
                latency_ms=results[member.arn].latency_ms,
                at=at,
                id=uuid.uuid4().hex,
            )
            for key_set in key_sets
            for member in key_set.members
        ]
        for observation in observations:
            self._state.add_observation(observation)
        return observations
