"""Route changes told to people (SNS) and to machines (EventBridge)."""

from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.route import Route
from kms_failover.errors import KmsFailoverError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

MAX_SUBJECT = 100  # SNS's own limit


class Detail(BaseModel):
    """An EventBridge detail: camel case on the wire, as in AWS's own events."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class RouteChanged(Detail):
    """Detail of `KMS Route Changed`; an example is events/kms-route-changed.json."""

    deployment: str
    key_set: str
    observer: str
    regions: tuple[str, ...]
    epoch: int
    reason: str
    evidence: tuple[str, ...]
    decided_at: AwareDatetime


class RegionRecovered(Detail):
    """Detail of `KMS Region Recovered`: debt owed to the region can be repaid now."""

    deployment: str
    key_set: str
    observer: str
    region: str


class SnsAndEventBridge:
    def __init__(self, sns: "SNSClient", events: "EventBridgeClient", topic: str, deployment: str) -> None:
        """`deployment` is named in each event: several of them share an account's event bus."""
        self._sns = sns
        self._events = events
        self._topic = topic
        self._deployment = deployment

    def tell_machines(self, route: Route) -> None:
        detail = RouteChanged(
            deployment=self._deployment,
            key_set=route.key_set,
            observer=route.observer,
            regions=route.regions,
            epoch=route.epoch,
            reason=route.reason,
            evidence=route.evidence,
            decided_at=route.decided_at,
        )
        self._put_event("KMS Route Changed", detail)

    def tell_people(self, route: Route) -> None:
        self._sns.publish(
            TopicArn=self._topic,
            Subject=f"KMS route of {route.key_set}: {' > '.join(route.regions)}"[:MAX_SUBJECT],
            Message=_text(route),
        )

    def region_recovered(self, key_set: str, region: str, observer: str) -> None:
        detail = RegionRecovered(deployment=self._deployment, key_set=key_set, region=region, observer=observer)
        self._put_event("KMS Region Recovered", detail)

    def _put_event(self, detail_type: str, detail: Detail) -> None:
        answer = self._events.put_events(
            Entries=[{"Source": EVENT_SOURCE, "DetailType": detail_type, "Detail": detail.model_dump_json()}]
        )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "unknown")
            raise KmsFailoverError(f"EventBridge did not take {detail_type!r}: {code}")


def _text(route: Route) -> str:
    where = " > ".join(route.regions)
    head = f"Seen from {route.observer}, key set {route.key_set} now uses {where}"
    lines = [f"{head} (epoch {route.epoch}, {route.decided_at.isoformat()}).", f"Reason: {route.reason}."]
    return "\n".join(lines + [f"- {line}" for line in route.evidence])
