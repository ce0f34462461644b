"""Events of AWS and of drills, turned into observations: once each, in any order."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from kms_failover.domain.health import Observation, Outcome, Source
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import EventFormatError

HEALTH_SERVICES = frozenset({"KMS", "MULTIPLE_SERVICES"})  # facts 4.1: broad incidents come as the latter
DRILL_SOURCE = "kms-failover.drill"
ALARM_INFIX = "-kms-impaired-"  # `<deployment>-kms-impaired-<region>`: the template names its alarms so
HARMFUL_CALLS = frozenset({"DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial", "PutKeyPolicy"})
API_CALL = "AWS API Call via CloudTrail"

type Found = tuple[str, Source, Outcome, str, str]  # region, source, outcome, code, what makes a repeat a repeat


class ObservationWriter(Protocol):
    def add_observation(self, observation: Observation) -> None: ...


class SignalService:
    def __init__(
        self,
        observer: str,
        key_sets: Callable[[], tuple[KeySet, ...]],
        state: ObservationWriter,
        wake_controller: Callable[[], None],
    ) -> None:
        self._observer = observer
        self._key_sets = key_sets
        self._state = state
        self._wake_controller = wake_controller

    def take(self, event: Mapping[str, Any]) -> list[Observation]:
        """Write what the event says about each key set; the same event again writes the same items again.

        Raises:
            EventFormatError: no handler knows this shape; nothing was written.
        """
        found = _read(event)
        key_sets = self._key_sets()
        try:
            observations = self._observations(event, found, key_sets)
        except (TypeError, AttributeError, ValidationError) as error:
            raise EventFormatError(f"a {event['source']} event with a value of the wrong type") from error
        for observation in observations:
            self._state.add_observation(observation)
        if observations:
            self._wake_controller()
        return observations

    def _observations(self, event: Mapping[str, Any], found: Found, key_sets: tuple[KeySet, ...]) -> list[Observation]:
        region, source, outcome, code, identity = found
        at = _at(event)
        return [
            Observation(
                key_set=key_set.name,
                observer=self._observer,
                region=region,
                source=source,
                outcome=outcome,
                code=code,
                at=at,
                id=hashlib.sha256(identity.encode()).hexdigest()[:32],
            )
            for key_set in key_sets
            if _concerns(key_set, region, source, event)
        ]


def _read(event: Mapping[str, Any]) -> Found:
    readers: dict[str, Callable[[Mapping[str, Any]], Found]] = {
        "aws.health": _health,
        "aws.cloudwatch": _alarm,
        "aws.kms": _kms,
        DRILL_SOURCE: _drill,
    }
    source = event.get("source")
    if not isinstance(source, str) or source not in readers or not isinstance(event.get("detail"), Mapping):
        raise EventFormatError(f"no handler for an event of source {source!r}, type {event.get('detail-type')!r}")
    try:
        return readers[source](event)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise EventFormatError(f"a {source} event of type {event.get('detail-type')!r} lacks {error}") from error


def _at(event: Mapping[str, Any]) -> datetime:
    """The event's own time, so that a late one is late; `2026-01-27T09:01:22Z`."""
    try:
        at = datetime.fromisoformat(event["time"])
    except (KeyError, TypeError, ValueError) as error:
        raise EventFormatError("an event without a time in ISO 8601") from error
    if at.tzinfo is None:
        raise EventFormatError(f"an event whose time has no zone: {event['time']}")
    return at


def _health(event: Mapping[str, Any]) -> Found:
    """Decide on `eventRegion`, never on the region that delivered it (facts 4.1).

    AWS's own sample is open with its end time set, so an issue counts as over when either says so.
    """
    detail = event["detail"]
    if event.get("detail-type") != "AWS Health Event" or detail["service"] not in HEALTH_SERVICES:
        raise EventFormatError(f"an AWS Health event of service {detail['service']!r}")
    ongoing = detail["eventTypeCategory"] == "issue" and detail["statusCode"] == "open" and not detail.get("endTime")
    outcome = Outcome.REGION_FAULT if ongoing else Outcome.INCONCLUSIVE
    identity = f"{detail['eventArn']} {detail['communicationId']}"
    return detail["eventRegion"], Source.HEALTH_EVENT, outcome, detail["eventTypeCode"], identity


def _alarm(event: Mapping[str, Any]) -> Found:
    name, state = event["detail"]["alarmName"], event["detail"]["state"]["value"]
    _, infix, region = name.rpartition(ALARM_INFIX)
    if not infix:
        raise EventFormatError(f"alarm {name!r} is none of this service's")
    outcome = Outcome.REGION_FAULT if state == "ALARM" else Outcome.INCONCLUSIVE
    return region, Source.ALARM, outcome, f"{name} {state}", f"{name} {event['detail']['state']['timestamp']}"


def _kms(event: Mapping[str, Any]) -> Found:
    """A key's own event says nothing about its region; the probe finds out what it did to the key."""
    detail_type = event.get("detail-type")
    if detail_type == API_CALL:
        call = event["detail"]["eventName"]
        if call not in HARMFUL_CALLS:
            raise EventFormatError(f"a CloudTrail record of {call}")
        return event["region"], Source.KMS_EVENT, Outcome.KEY_FAULT, call, event["id"]
    known = {"KMS Imported Key Material Expiration", "KMS CMK Deletion", "KMS CMK Rotation"}
    if detail_type not in known:
        raise EventFormatError(f"an aws.kms event of type {detail_type!r}")
    outcome = Outcome.INCONCLUSIVE if detail_type == "KMS CMK Rotation" else Outcome.KEY_FAULT
    return event["region"], Source.KMS_EVENT, outcome, str(detail_type), event["id"]


def _drill(event: Mapping[str, Any]) -> Found:
    return event["detail"]["region"], Source.DRILL, Outcome.REGION_FAULT, "drill", event["id"]


def _concerns(key_set: KeySet, region: str, source: Source, event: Mapping[str, Any]) -> bool:
    """Events about a region concern each key set with a key there; a key's own event only the set it belongs to."""
    member = key_set.member_in(region)
    if member is None:
        return False
    return source is not Source.KMS_EVENT or member.arn in _named_keys(event)


def _named_keys(event: Mapping[str, Any]) -> set[str]:
    resources = event["detail"].get("resources") or []
    return set(event.get("resources") or []) | {r.get("ARN", "") for r in resources if isinstance(r, Mapping)}
