"""What one region knows and has decided about one key set: written as one item, so that no half of it is ever read."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Self

from pydantic import AwareDatetime, Field

from kms_failover.domain.health import RegionHealth
from kms_failover.domain.key_set import KeySet, Model
from kms_failover.domain.route import Route, first_route


class Told(NamedTuple):
    """What a run has announced: the epochs of changes, and regions that are back."""

    people: tuple[int, ...]
    machines: tuple[int, ...]
    recovered: tuple[str, ...]


class Judgement(Model):
    """`pending` are the changes, and `recovered` the regions, that have not been announced to everybody yet.

    `told_people` and `told_machines` are the epochs of those pending that these have heard of already.
    `announcing_since` is when somebody began to: others leave it to them, and take over only if it takes too long.
    `keys_asked_at` is when the probe was last told to ask the keys.
    """

    key_set: str
    observer: str
    version: int = Field(0, ge=0)
    route: Route
    verdicts: tuple[RegionHealth, ...] = ()
    pending: tuple[Route, ...] = ()
    told_people: tuple[int, ...] = ()
    told_machines: tuple[int, ...] = ()
    recovered: tuple[str, ...] = ()
    announcing_since: AwareDatetime | None = None
    keys_asked_at: AwareDatetime | None = None

    @property
    def health(self) -> Mapping[str, RegionHealth]:
        """By the region that the verdict is about."""
        return {health.region: health for health in self.verdicts}

    @property
    def is_announced(self) -> bool:
        return not self.pending and not self.recovered

    @property
    def untold_people(self) -> list[Route]:
        return [route for route in self.pending if route.epoch not in self.told_people]

    @property
    def untold_machines(self) -> list[Route]:
        return [route for route in self.pending if route.epoch not in self.told_machines]

    def without(self, told: Told) -> Self:
        """The same, with this announced."""
        people, machines = {*self.told_people, *told.people}, {*self.told_machines, *told.machines}
        pending = [route for route in self.pending if route.epoch not in people & machines]
        return self.model_copy(
            update={
                "pending": tuple(pending),
                "told_people": tuple(route.epoch for route in pending if route.epoch in people),
                "told_machines": tuple(route.epoch for route in pending if route.epoch in machines),
                "recovered": tuple(region for region in self.recovered if region not in told.recovered),
            }
        )


def first_judgement(key_set: KeySet, observer: str, now: datetime) -> Judgement:
    """Before anything is known."""
    return Judgement(key_set=key_set.name, observer=observer, route=first_route(key_set, observer, now))
