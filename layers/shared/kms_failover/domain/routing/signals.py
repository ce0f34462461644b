"""Events of AWS and of drills, turned into observations: once each, in any order, however late."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Protocol

from pydantic import AwareDatetime, Field

from kms_failover.domain.event_fields import shown_value
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.model import Model, Reason
from kms_failover.domain.routing.aws_events import DRILL_SOURCE, Signal, event_time, read
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.timing import CLOCK_SKEW
from kms_failover.errors import LONGEST_SHOWN, EventFormatError, NotAskedError

LONGEST_DELIVERY = timedelta(days=1)  # EventBridge tries for 24 hours (facts 8.2)


class IgnoredEvent(Model):
    """An event that no handler knows, kept for a month for people to look at; never its content."""

    id: Annotated[str, Field(max_length=200)]
    source: Reason
    detail_type: Reason
    at: AwareDatetime
    reason: Reason

    @property
    def rings(self) -> bool:
        """Whether an alarm tells of it: anybody in the account can put a drill, and whoever drills looks himself."""
        return self.source != DRILL_SOURCE


class Intake(Model):
    """What became of an event: how many observations it made, or why it made none."""

    observations: int = 0
    ignored: IgnoredEvent | None = None


class SignalState(Protocol):
    """Satisfied by the state table."""

    def add_observation(self, observation: Observation) -> None: ...
    def add_ignored_event(self, event: IgnoredEvent) -> None: ...


class SignalService:
    def __init__(
        self,
        observer: str,
        key_sets: Callable[[], tuple[KeySet, ...]],
        state: SignalState,
        wake_controller: Callable[[], None],
        probe_keys: Callable[[str, tuple[str, ...]], bool],
        clock: Callable[[], datetime],
    ) -> None:
        """`probe_keys` has a region's probe ask the keys of the key sets named; False where that has to be repeated."""
        self._observer = observer
        self._key_sets = key_sets
        self._state = state
        self._wake_controller = wake_controller
        self._probe_keys = probe_keys
        self._clock = clock

    def handle(self, event: object) -> Intake:
        """Write what the event, any JSON, says; the same event again writes the same items again.

        What may have taken a key away is no answer but a question: every observer's probe asks the keys of the key
        sets concerned, however late the event is.

        Raises:
            NotAskedError: a probe could not be reached; the event is to be taken again.
        """
        try:
            signal = read(event)
        except EventFormatError as error:
            return self._ignore(event, str(error))
        if self._is_from_the_future(signal):
            return self._ignore(event, f"an event from the future, {signal.at.isoformat()}")
        observations = tuple(self._observations(signal))
        if not observations and signal.source is Source.DRILL:  # somebody waits for it, as for nothing of AWS's
            return self._ignore(event, f"no key set has a key in {shown_value(signal.region)}")
        for observation in observations:
            self._state.add_observation(observation)
        if observations:
            self._wake_controller()
        if to_check := {o.key_set for o in observations if o.outcome is Outcome.KEY_FAULT}:
            self._ask_everywhere([key_set for key_set in self._key_sets() if key_set.name in to_check])
        return Intake(observations=len(observations))

    def _ask_everywhere(self, key_sets: Sequence[KeySet]) -> None:
        """AWS tells the key's own region alone, and each observer judges by what it has seen itself."""
        regions = {region for key_set in key_sets for region in key_set.regions} - {self._observer}
        names = tuple(key_set.name for key_set in key_sets)
        if not_asked := [r for r in (self._observer, *sorted(regions)) if not self._probe_keys(r, names)]:
            raise NotAskedError(not_asked, names)

    def is_premature(self, event: object) -> bool:
        """Whether it is ignored now and would be taken later: a repeat is not to be answered with that."""
        try:
            return self._is_from_the_future(read(event))
        except EventFormatError:
            return False

    def _is_from_the_future(self, signal: Signal) -> bool:
        """Who puts an event chooses its time; and a clock of ours may be wrong."""
        return signal.at > self._clock() + CLOCK_SKEW

    def _observations(self, signal: Signal) -> Iterator[Observation]:
        """One about a whole region that any key set has a key in; about a key, one for each key set that has it."""
        key_sets = self._key_sets()
        if signal.keys is None:
            if any(key_set.member_in(signal.region) for key_set in key_sets):
                yield self._observation(signal, signal.region)
            return
        for key_set in key_sets:
            for member in key_set.members:
                if signal.names(member):
                    yield self._observation(signal, member.region, key_set.name)

    def _observation(self, signal: Signal, region: str, key_set: str = "") -> Observation:
        return Observation(
            key_set=key_set,
            observer=self._observer,
            region=region,
            source=signal.source,
            outcome=signal.outcome,
            code=signal.code,
            at=signal.at,
            id=_id(signal),
            subject=signal.subject,
        )

    def _ignore(self, event: object, reason: str) -> Intake:
        fields = event if isinstance(event, Mapping) else {}
        ignored = IgnoredEvent(
            id=_id_of_stranger(event, fields.get("id")),
            source=shown_value(fields.get("source")),
            detail_type=shown_value(fields.get("detail-type")),
            at=self._time_of_stranger(event),
            reason=reason,
        )
        self._state.add_ignored_event(ignored)
        return Intake(ignored=ignored)

    def _time_of_stranger(self, event: object) -> datetime:
        """Now, if the event's own time cannot be true: it would be out of people's sight, or on top for years."""
        at, now = event_time(event), self._clock()
        return at if at is not None and now - LONGEST_DELIVERY <= at <= now else now


def _id(signal: Signal) -> str:
    """Sorts what takes back after what it takes back: of one subject's updates of one time, the greatest id stands.

    Worked example: AWS Health opens and closes an issue with one lastUpdatedTime, ids "0ab…" and "1cd…": it is closed.
    """
    takes_back = "0" if signal.outcome is Outcome.REGION_FAULT else "1"
    return takes_back + hashlib.sha256(signal.identity.encode()).hexdigest()[:31]


def _id_of_stranger(event: object, named: object) -> str:
    if isinstance(named, str) and 0 < len(named) <= LONGEST_SHOWN and named.isprintable():
        return named
    return hashlib.sha256(repr(event).encode(errors="backslashreplace")).hexdigest()[:32]
