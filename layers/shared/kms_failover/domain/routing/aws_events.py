"""The shapes of AWS's events and of drills: what each is about, and whether it speaks against that.

`read` takes any JSON. What it refuses is named by field, never by the value of a field of `detail`, save for the
names of services, alarms and calls.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from kms_failover.domain.event_fields import Fields, iso_8601, rfc_1123, shown_value
from kms_failover.domain.key_set import MemberKey
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.errors import EventFormatError

HEALTH_EVENT = "AWS Health Event"
HEALTH_SERVICES = frozenset({"KMS", "MULTIPLE_SERVICES"})  # facts 4.1: broad incidents come as the latter
DRILL_SOURCE = "kms-failover.drill"  # sources that begin with `aws.` cannot be put (facts 8.2)
DRILL = "drill"
ALARM_CHANGE = "CloudWatch Alarm State Change"
CONTRIBUTOR_CHANGE = "CloudWatch Alarm Contributor State Change"
ALARM_INFIX = "-kms-impaired-"  # `<deployment>-kms-impaired-<region>`: the template names its alarms so
API_CALL = "AWS API Call via CloudTrail"
SERVICE_EVENT = "AWS Service Event via CloudTrail"

# Events of keys (facts 1.9). Key fault: what can take a key away. Inconclusive: what gives it back, or only changes it
CALLS: Mapping[str, Mapping[str, Outcome]] = {
    API_CALL: {
        "DisableKey": Outcome.KEY_FAULT,
        "ScheduleKeyDeletion": Outcome.KEY_FAULT,
        "DeleteImportedKeyMaterial": Outcome.KEY_FAULT,
        "PutKeyPolicy": Outcome.KEY_FAULT,
        "EnableKey": Outcome.INCONCLUSIVE,
        "CancelKeyDeletion": Outcome.INCONCLUSIVE,
        "GetParametersForImport": Outcome.INCONCLUSIVE,
        "ImportKeyMaterial": Outcome.INCONCLUSIVE,
    },
    SERVICE_EVENT: {
        "DeleteExpiredKeyMaterial": Outcome.KEY_FAULT,
        "DeleteKey": Outcome.KEY_FAULT,
        "RotateKey": Outcome.INCONCLUSIVE,
        "SynchronizeMultiRegionKey": Outcome.INCONCLUSIVE,
    },
}
READ_ONLY = frozenset({"GetParametersForImport"})  # which EventBridge keeps from a rule that does not ask for them all
KEY_EVENTS: Mapping[str, Outcome] = {
    "KMS Imported Key Material Expiration": Outcome.KEY_FAULT,
    "KMS CMK Deletion": Outcome.KEY_FAULT,
    "KMS CMK Rotation": Outcome.INCONCLUSIVE,
}


class Signal(NamedTuple):
    """What an event says about one region, or with `keys` about the keys that it names by ARN or by id.

    Repeats, pages and copies have one `identity`. A later one takes an earlier one of the same `subject` back.
    """

    source: Source
    outcome: Outcome
    region: str
    code: str
    at: datetime
    identity: str
    subject: str = ""
    keys: frozenset[str] | None = None

    def names(self, member: MemberKey) -> bool:
        """A bare key id names a key of the event's own region: related multi-Region keys share theirs (facts 2.1)."""
        keys = self.keys or frozenset()
        return member.arn in keys or (member.region == self.region and member.key_id in keys)


def read(event: object) -> Signal:
    """EventFormatError if no reader knows this shape."""
    envelope = Fields(event, "an event")
    source = envelope.maybe("source")
    if source not in READERS:
        raise EventFormatError(f"no handler for an event of source {source!r}, type {envelope.maybe('detail-type')!r}")
    return READERS[source](envelope, envelope.object("detail"))


def repeat_key(event: object) -> str:
    """Equal for repeats, pages and copies of one event; empty where no reader knows the shape.

    A copy that cannot be read must not stand for one that can.
    """
    try:
        signal = read(event)
    except EventFormatError:
        return ""
    return f"{signal.source} {signal.identity}"


def event_time(event: object) -> datetime | None:
    """The envelope's own time, if it has one that can be used."""
    return iso_8601(Fields(event, "an event").maybe("time")) if isinstance(event, Mapping) else None


def _health(event: Fields, detail: Fields) -> Signal:
    """Decides on `eventRegion`, never on the region that delivered it (facts 4.1).

    AWS's own sample is open with its end time set, so an issue counts as over when either says so. Its time is that
    of the update, which each page and each copy has, and the envelope has not.
    """
    service = detail.maybe("service")
    if event.maybe("detail-type") != HEALTH_EVENT or service not in HEALTH_SERVICES:
        raise EventFormatError(f"an aws.health event of type {event.maybe('detail-type')!r}, service {service!r}")
    open_issue = detail.text("eventTypeCategory") == "issue" and detail.text("statusCode") == "open"
    elsewhere = _other_account(event, detail)
    against = open_issue and not detail.has("endTime") and not elsewhere
    return Signal(
        source=Source.HEALTH_EVENT,
        outcome=Outcome.REGION_FAULT if against else Outcome.INCONCLUSIVE,
        region=detail.text("eventRegion"),
        code=detail.text("eventTypeCode"),
        at=rfc_1123(detail.maybe("lastUpdatedTime")) or _time(event),
        identity=_communication(event, detail),
        subject=f"{detail.text('eventArn')} {elsewhere}".rstrip(),
    )


def _communication(event: Fields, detail: Fields) -> str:
    """What AWS says to tell repeats by (facts 4.2), and the account where the same is sent for several."""
    return f"{detail.text('eventArn')} {detail.text('communicationId')} {_other_account(event, detail)}".rstrip()


def _other_account(event: Fields, detail: Fields) -> str:
    """In an organisation's view, the account whose own event it is; empty for ours and for everybody's (facts 4.2)."""
    affected = detail.maybe("affectedAccount")
    public = detail.maybe("eventScopeCode") == "PUBLIC"
    return "" if public or affected in {"", event.maybe("account")} else affected


def _alarm(event: Fields, detail: Fields) -> Signal:
    """A contributor is one of an alarm's several metrics: it is taken note of, and its alarm's own change decides."""
    name, detail_type = detail.text("alarmName"), event.maybe("detail-type")
    _, _, region = name.rpartition(ALARM_INFIX)
    if ALARM_INFIX not in name or not region or detail_type not in {ALARM_CHANGE, CONTRIBUTOR_CHANGE}:
        raise EventFormatError(
            f"an aws.cloudwatch event of type {detail_type!r}, alarm {shown_value(name)!r}: not ours"
        )
    contributor = detail.object("alarmContributor").text("id") if detail_type == CONTRIBUTOR_CHANGE else ""
    state = detail.object("state")
    value, subject = state.text("value"), f"{name} {contributor}".rstrip()
    rings = value == "ALARM" and not contributor
    at = iso_8601(state.maybe("timestamp")) or _time(event)
    return Signal(
        source=Source.ALARM,
        outcome=Outcome.REGION_FAULT if rings else Outcome.INCONCLUSIVE,
        region=region,
        code=f"{name} {value}",
        at=at,
        identity=f"{subject} {value} {at.isoformat()}",
        subject=subject,
    )


def _key(event: Fields, detail: Fields) -> Signal:
    """A key's own event says nothing about its region. A call that failed has done nothing."""
    detail_type = event.maybe("detail-type")
    code = detail.text("eventName") if detail_type in CALLS else detail_type
    outcome = CALLS.get(detail_type, KEY_EVENTS).get(code)
    if outcome is None:
        raise EventFormatError(f"an aws.kms event of type {detail_type!r}: {shown_value(code)!r}")
    failed, keys = detail.has("errorCode"), frozenset(_named_keys(event, detail))
    if not keys and not failed:
        raise EventFormatError(f"an aws.kms event of type {detail_type!r}, {code!r}, that names no key")
    return Signal(
        source=Source.KMS_EVENT,
        outcome=Outcome.INCONCLUSIVE if failed else outcome,
        region=event.text("region"),
        code=code,
        at=_time(event),
        identity=event.text("id"),
        keys=keys,
    )


def _named_keys(event: Fields, detail: Fields) -> Iterator[str]:
    yield from event.texts("resources")
    yield from detail.texts("resources")
    yield from filter(None, [detail.maybe("key-id")])
    for part in ("requestParameters", "responseElements", "serviceEventDetails"):
        yield from filter(None, [detail.maybe_object(part).maybe("keyId")])


def _drill(event: Fields, detail: Fields) -> Signal:
    """`{"deployment": …, "region": …}` begins a drill, `"recovered": true` ends it; `drill` names one of several.

    The rule delivers those of this deployment: an event without one reaches nobody, so its shape is none.
    """
    detail.text("deployment")
    over = detail.flag("recovered")
    return Signal(
        source=Source.DRILL,
        outcome=Outcome.INCONCLUSIVE if over else Outcome.REGION_FAULT,
        region=detail.text("region"),
        code=DRILL,
        at=_time(event),
        identity=event.text("id"),
        subject=detail.maybe("drill") or DRILL,
    )


READERS: Mapping[str, Callable[[Fields, Fields], Signal]] = {
    "aws.health": _health,
    "aws.cloudwatch": _alarm,
    "aws.kms": _key,
    DRILL_SOURCE: _drill,
}


def _time(event: Fields) -> datetime:
    """The event's own time, so that a late one is late."""
    at = iso_8601(event.maybe("time"))
    if at is None:
        raise EventFormatError("an event without a time in ISO 8601, with its zone")
    return at
