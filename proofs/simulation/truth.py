"""What is really so: which region's KMS works, seen from where. The service learns of it by its probes alone."""

from dataclasses import dataclass, field

from kms_failover.domain.routing.observation import Outcome


@dataclass
class Truth:
    """Faults by region, by observer and region, and by what they are."""

    broken: set[str] = field(default_factory=set)
    cut: set[tuple[str, str]] = field(default_factory=set)  # from an observer to a region
    keyless: set[str] = field(default_factory=set)
    mute_keys: set[str] = field(default_factory=set)  # where the key set's own key does not answer, others do
    refused_keys: set[str] = field(default_factory=set)  # where the observers may not use the key set's own key
    busy_keys: set[str] = field(default_factory=set)  # where the key set's own key is throttled, others are not
    throttled: set[str] = field(default_factory=set)
    flaky: dict[str, int] = field(default_factory=dict)  # every n-th round fails
    rounds: int = 0

    def region_outcome(self, observer: str, region: str) -> Outcome:
        if region in self.broken or (observer, region) in self.cut:
            return Outcome.REGION_FAULT
        if region in self.throttled:
            return Outcome.INCONCLUSIVE
        every = self.flaky.get(region)
        return Outcome.REGION_FAULT if every and self.rounds % every == 0 else Outcome.OK

    def key_outcome(self, region: str) -> Outcome:
        """Of a region that answers."""
        if region in self.keyless:
            return Outcome.KEY_FAULT
        if region in self.refused_keys:
            return Outcome.REFUSED
        if region in self.busy_keys:
            return Outcome.INCONCLUSIVE
        return Outcome.REGION_FAULT if region in self.mute_keys else Outcome.OK

    def opens(self, observer: str, region: str) -> bool:
        """Whether a caller in `observer` gets an answer from the key in `region`, if need be by trying again."""
        return region not in self.broken and (observer, region) not in self.cut and not self._keyless(region)

    def _keyless(self, region: str) -> bool:
        return region in self.keyless or region in self.mute_keys

    def heal(self) -> None:
        self.broken.clear()
        self.cut.clear()
        self.keyless.clear()
        self.mute_keys.clear()
        self.refused_keys.clear()
        self.busy_keys.clear()
        self.throttled.clear()
        self.flaky.clear()
