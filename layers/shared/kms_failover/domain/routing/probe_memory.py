"""What the probe remembers from one round to the next: which key stands for a region, and what is new."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from kms_failover.domain.key_set import KeySet, MemberKey, Rules
from kms_failover.domain.routing.doubts import pause_after, times_wrong
from kms_failover.domain.routing.observation import Observation, Outcome, Source

WATCH_PERIOD = timedelta(seconds=300)  # since a key set's last key fault; longer than a skipped minute's rounds take
CONTRADICTED_AFTER = timedelta(seconds=Rules().contradicted_after_seconds)  # a region is asked for all key sets at once
LOOK_BACK = timedelta(seconds=15)  # a report's time is up to 5 s before it is written, and writing takes its time


class ProbeKeys:
    """Which key stands for its region: the first by its key set's name; once it has failed, the next one.

    So a key that is disabled, denied or lost alone cannot keep its region from being known: of "invoices", "orders"
    and "wages" with keys a, b and c in us-east-1, the rounds ask a, a, a; when a is disabled a, b, b, b.
    """

    def __init__(self) -> None:
        self._passed_on: Counter[str] = Counter()

    def choose(self, key_sets: Sequence[KeySet]) -> dict[str, MemberKey]:
        """By region, in the order in which the key sets name them."""
        candidates: dict[str, dict[str, MemberKey]] = defaultdict(dict)
        for key_set in sorted(key_sets, key=lambda key_set: key_set.name):
            for member in key_set.members:
                candidates[member.region].setdefault(member.arn, member)
        return {region: [*keys.values()][self._passed_on[region] % len(keys)] for region, keys in candidates.items()}

    def pass_on(self, region: str) -> None:
        self._passed_on[region] += 1


class Attention:
    """What the state's observations ask of the rounds to come."""

    def __init__(self) -> None:
        self._key_faults: dict[str, datetime] = {}  # the latest, by key set
        self._reports: AbstractSet[tuple[str, datetime]] = frozenset()
        self._complaints: dict[str, _ReportRun] = {}  # by region

    def read(self, observations: Sequence[Observation], now: datetime) -> set[str]:
        """Regions of which the data plane reports a fault that an earlier read did not show; all of LOOK_BACK is given.

        Reports are told apart by their times: one may be written seconds after the time that it bears. Callers whom all
        rounds of a minute have contradicted are not heard until they pause, each time longer: their own way is broken.
        """
        for o in observations:
            faulty = o.outcome in {Outcome.KEY_FAULT, Outcome.REGION_FAULT, Outcome.REFUSED}
            if faulty and o.key_set and o.source in {Source.PROBE, Source.KMS_EVENT}:
                self._key_faults[o.key_set] = max(o.at, self._key_faults.get(o.key_set, o.at))
        faults = (o for o in observations if o.source is Source.DATA_PLANE and o.outcome is Outcome.REGION_FAULT)
        before, self._reports = self._reports, {(o.region, o.at) for o in faults if o.at >= now - LOOK_BACK}
        new = self._reports - before
        for region, at in sorted(new, key=lambda report: report[1]):
            heard_at = min(at, now)
            known = self._complaints.get(region)
            self._complaints[region] = known.with_one(heard_at) if known else _ReportRun(heard_at, heard_at)
        return {region for region, _ in new if now - self._complaints[region].began < CONTRADICTED_AFTER}

    def failed(self, region: str, at: datetime) -> None:
        """A round has found what callers complain of."""
        if region in self._complaints:
            self._complaints[region] = _ReportRun(at, max(at, self._complaints[region].latest))

    def watched(self, now: datetime) -> set[str]:
        """Key sets whose keys are asked in every round."""
        self._key_faults = {name: at for name, at in self._key_faults.items() if now - at <= WATCH_PERIOD}
        return set(self._key_faults)


class _ReportRun(NamedTuple):
    """When they began, when the latest came, and how many times in succession no round has found what they say."""

    began: datetime
    latest: datetime
    times: int = 1

    def with_one(self, at: datetime) -> Self:
        latest, quiet = max(at, self.latest), at - self.latest
        if quiet <= pause_after(self.times):
            return self._replace(latest=latest)
        return type(self)(at, latest, times_wrong(self.times, quiet))
