"""Observations: what one signal says about one region's KMS."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from kms_failover.domain.model import Code, KeySetName, Model, Region, at_most


class Outcome(StrEnum):
    OK = "ok"
    REGION_FAULT = "region fault"
    KEY_FAULT = "key fault"
    REFUSED = "refused"  # the observer may not use this key: no fault of it, but no answer either
    INCONCLUSIVE = "inconclusive"  # throttled, or nobody had time to ask: says nothing


class Source(StrEnum):
    PROBE = "probe"
    DATA_PLANE = "data-plane"
    HEALTH_EVENT = "aws.health"
    ALARM = "alarm"
    KMS_EVENT = "aws.kms"
    DRILL = "drill"


DOUBTED = (Source.DATA_PLANE, Source.DRILL)  # anybody's words; AWS's own are not put by others (facts 8.2)


class Observation(Model):
    """One signal about one region's KMS: seen from `observer`, at `at`; `id` makes a repeat the same observation.

    With a `key_set` it is about that key set's own key, without one about the whole region. Of several with one
    `subject` (an AWS Health event, an alarm) only the latest stands: a closing update takes the opening one back. The
    subject of a probe of a key set's own key is that key's ARN.
    """

    key_set: KeySetName = ""
    observer: Region
    region: Region
    source: Source
    outcome: Outcome
    at: AwareDatetime
    id: Annotated[str, Field(max_length=200)]
    subject: Annotated[str, at_most(2048)] = ""
    code: Code = ""
    latency_ms: Annotated[float, Field(ge=0)] = 0.0
