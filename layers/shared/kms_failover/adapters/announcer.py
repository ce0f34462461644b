"""What has been decided, told to people (SNS) and to machines (EventBridge)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kms_failover.domain.naming import EVENT_SOURCE, Place
from kms_failover.domain.routing.messages import Bulletin, Sender, message
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.route import Route
from kms_failover.errors import KmsFailoverError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient


class EventDetail(BaseModel):
    """An EventBridge detail: camel case on the wire, as in AWS's own events."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class RouteChanged(EventDetail):
    """Detail of `KMS Route Changed`; an example is events/kms-route-changed.json."""

    deployment: str
    key_set: str
    observer: str
    regions: tuple[str, ...]
    epoch: int
    reason: str
    evidence: tuple[str, ...]
    decided_at: AwareDatetime


class ReadinessChanged(EventDetail):
    """Detail of `KMS Readiness Changed`; an example is events/kms-readiness-changed.json."""

    deployment: str
    key_set: str
    observer: str
    number: int
    kind: NewsKind
    region: str
    regions: tuple[str, ...]
    reason: str
    at: AwareDatetime


class RegionRecovered(EventDetail):
    """Detail of `KMS Region Recovered`: debt owed to the region can be repaid now."""

    deployment: str
    key_set: str
    observer: str
    region: str


class SnsAndEventBridge:
    def __init__(self, sns: "SNSClient", events: "EventBridgeClient", place: Place) -> None:
        """The deployment is named in each event and message: several of them share an account."""
        self._sns = sns
        self._events = events
        self._topic = place.changes_topic
        self._sender = Sender(place.deployment.name, place.account)

    def publish_to_people(self, bulletins: Sequence[Bulletin]) -> None:
        told = message(bulletins, self._sender)
        self._sns.publish(TopicArn=self._topic, Subject=told.subject, Message=told.text)

    def route_changed(self, route: Route) -> None:
        detail = RouteChanged(
            deployment=self._sender.deployment,
            key_set=route.key_set,
            observer=route.observer,
            regions=route.regions,
            epoch=route.epoch,
            reason=route.reason,
            evidence=route.evidence,
            decided_at=route.decided_at,
        )
        self._put_event("KMS Route Changed", detail)

    def readiness_changed(self, news: News) -> None:
        detail = ReadinessChanged(deployment=self._sender.deployment, **dict(news))
        self._put_event("KMS Readiness Changed", detail)

    def region_recovered(self, key_set: str, region: str, observer: str) -> None:
        detail = RegionRecovered(deployment=self._sender.deployment, key_set=key_set, region=region, observer=observer)
        self._put_event("KMS Region Recovered", detail)

    def _put_event(self, detail_type: str, detail: EventDetail) -> None:
        answer = self._events.put_events(
            Entries=[{"Source": EVENT_SOURCE, "DetailType": detail_type, "Detail": detail.model_dump_json()}]
        )
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "unknown")
            raise KmsFailoverError(f"EventBridge did not take {detail_type!r}: {code}")
