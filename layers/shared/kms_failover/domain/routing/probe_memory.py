"""What the probe remembers from one round to the next: which key stands for a region, and what is new."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from kms_failover.domain.key_set import KeySet, MemberKey, Rules
from kms_failover.domain.routing.doubts import Complaints, Doubt
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.rounds import Round

WATCH_PERIOD = timedelta(seconds=300)  # since a key set's last key fault; longer than a skipped minute's rounds take
RULES = Rules()  # a region is asked for all key sets at once, so no key set's own count
MOST_REGIONS = 64  # of which reports are kept: KMS is in some forty, and a report can name any
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
        self._history: dict[str, _RegionHistory] = defaultdict(_RegionHistory)

    def read(self, observations: Sequence[Observation], now: datetime) -> set[str]:
        """Regions of which the data plane reports a fault that an earlier read did not show; all of LOOK_BACK is given.

        A report is identified by its region and its time, for it may be written seconds later than that. A report that
        does not count (`doubts.Complaints`) hastens nothing: then the caller's own network is at fault.
        """
        for o in observations:
            faulty = o.outcome in {Outcome.KEY_FAULT, Outcome.REGION_FAULT, Outcome.REFUSED}
            if faulty and o.key_set and o.source in {Source.PROBE, Source.KMS_EVENT}:
                self._key_faults[o.key_set] = max(o.at, self._key_faults.get(o.key_set, o.at))
        faults = (o for o in observations if o.source is Source.DATA_PLANE and o.outcome is Outcome.REGION_FAULT)
        before, self._reports = self._reports, {(o.region, o.at) for o in faults if o.at >= now - LOOK_BACK}
        new = {(region, min(at, now).replace(microsecond=0)) for region, at in self._reports - before}
        for region, at in new:
            if region in self._history or len(self._history) < MOST_REGIONS:
                self._history[region].add_report(at)
        regions = {region for region, _ in new} & self._history.keys()
        counted = {region: self._history[region].counted(now) for region in regions}
        return {region for region, at in new if at in counted.get(region, ())}

    def round_found(self, region: str, at: datetime, outcome: Outcome) -> None:
        """A round that neither succeeded nor failed says nothing."""
        if outcome in {Outcome.OK, Outcome.REGION_FAULT}:
            self._history[region].add_round(Round(at, outcome is Outcome.REGION_FAULT, "", outcome))

    def watched(self, now: datetime) -> set[str]:
        """Key sets whose keys are asked in every round."""
        self._key_faults = {name: at for name, at in self._key_faults.items() if now - at <= WATCH_PERIOD}
        return set(self._key_faults)


class _RegionHistory:
    """The reports and the rounds of one region in the window of the rules, and how often the reports were wrong.

    Reports are kept to the second, so a flood of them leaves no more than the window has seconds.
    """

    def __init__(self) -> None:
        self._reports: set[datetime] = set()
        self._rounds: list[Round] = []  # oldest first
        self._doubt: Doubt | None = None

    def add_report(self, at: datetime) -> None:
        self._reports.add(at)

    def add_round(self, found: Round) -> None:
        self._rounds = [each for each in self._rounds if each.at > found.at - RULES.window]
        self._rounds.append(found)

    def counted(self, now: datetime) -> frozenset[datetime]:
        """The times of the reports that count."""
        self._reports = {at for at in self._reports if at > now - RULES.window}
        complaints = Complaints(str(Source.DATA_PLANE), sorted(self._reports), self._rounds, now, RULES)
        self._doubt = complaints.weighed(self._doubt)
        return complaints.counted(self._doubt)
