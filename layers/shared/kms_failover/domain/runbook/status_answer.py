"""The status as it is answered: its fields, by the names that the JSON has in Pascal case."""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from kms_failover.domain.model import Model
from kms_failover.domain.routing.intent import Intent
from kms_failover.domain.routing.readiness import News
from kms_failover.domain.routing.signals import IgnoredEvent


class StatusModel(Model):
    """Times are texts in ISO 8601."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_pascal, validate_by_name=True)


class RouteChange(StatusModel):
    regions: tuple[str, ...]
    epoch: int
    reason: str
    decided_at: str | None


class CurrentRoute(RouteChange):
    evidence: tuple[str, ...]
    seconds_since_change: int
    changes_within_the_hour: int
    changes_allowed: int


class Drill(StatusModel):
    """One that is on: since when, and when it ends by itself at the latest."""

    since: str
    ends_by: str


class RegionVerdict(StatusModel):
    verdict: str
    since: str | None
    reason: str
    key_usable: bool = True
    key_answers: bool | None = None
    key_has_answered_since: bool = False
    key_heard_at: str | None = None
    drill: Drill | None = None


class UnusableKeyVerdict(RegionVerdict):
    key_reason: str
    key_fault_at: str | None
    key_quiet_seconds: int


class MaterialStatus(StatusModel):
    """What KMS showed at the last look, which may be long ago.

    A record of an older version knows of an import only, and not what has become of it: `key_state` is None.
    """

    key_material_id: str
    key_state: str | None
    valid_to: str | None
    days_left: int | None
    imported_at: str | None
    seen_at: str | None
    seconds_since_seen: int | None
    concern: str
    reason: str
    failure: str
    failed_at: str | None
    failures_in_a_row: int


class RefusedObject(Model):
    bucket: str
    key: str
    reason: str


class Status(StatusModel):
    key_set: str
    observer: str
    judged: bool
    route: CurrentRoute
    intent: Intent
    verdicts: Mapping[str, UnusableKeyVerdict | RegionVerdict]
    debt: Mapping[str, int]
    debt_is_more: tuple[str, ...]
    coverage: Mapping[str, Mapping[str, Any]]
    prevented: str | None
    way_back: str = Field(alias="Return")
    refusals: tuple[RefusedObject, ...]
    material: Mapping[str, MaterialStatus | None]
    history: tuple[RouteChange, ...]
    news: tuple[News, ...]
    ignored_events: tuple[IgnoredEvent, ...]

    def json_ready(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)
