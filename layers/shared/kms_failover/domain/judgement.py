"""What one region knows and has decided about one key set: written as one item, so that no half of it is ever read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field

from kms_failover.domain.health import RegionHealth
from kms_failover.domain.key_set import KeySet, Model
from kms_failover.domain.route import Route, first_route


class Judgement(Model):
    """`pending` are the changes, and `recovered` the regions, that have not been announced yet.

    `announcing_since` is when somebody began to: others leave it to them, and take over only if it takes too long.
    """

    key_set: str
    observer: str
    version: int = Field(0, ge=0)
    route: Route
    verdicts: tuple[RegionHealth, ...] = ()
    pending: tuple[Route, ...] = ()
    recovered: tuple[str, ...] = ()
    announcing_since: AwareDatetime | None = None

    @property
    def health(self) -> Mapping[str, RegionHealth]:
        """By the region that the verdict is about."""
        return {health.region: health for health in self.verdicts}

    @property
    def is_announced(self) -> bool:
        return not self.pending and not self.recovered

    def without(self, told: Self) -> Self:
        """The same, with what `told` had to announce announced."""
        epochs = {route.epoch for route in told.pending}
        return self.model_copy(
            update={
                "pending": tuple(route for route in self.pending if route.epoch not in epochs),
                "recovered": tuple(region for region in self.recovered if region not in told.recovered),
            }
        )


def first_judgement(key_set: KeySet, observer: str, now: datetime) -> Judgement:
    """Before anything is known."""
    return Judgement(key_set=key_set.name, observer=observer, route=first_route(key_set, observer, now))
