"""What an invocation of the probe may ask for."""

from pydantic import Field, ValidationError

from kms_failover.domain.event_fields import json_object, problem_in
from kms_failover.domain.model import Model
from kms_failover.errors import EventFormatError

ROUNDS = 6  # one invocation a minute, so that rounds follow each other without a gap


class ProbeRequest(Model):
    """What an invocation may ask for: fewer rounds than a minute's, or one round for these key sets' own keys."""

    rounds: int = Field(ROUNDS, ge=1, le=ROUNDS, strict=True)
    key_sets: tuple[str, ...] = ()


def probe_request(event: object) -> ProbeRequest:
    """Nothing, as null or as an empty object, asks for a minute's rounds. EventFormatError names the field."""
    try:
        return ProbeRequest.model_validate(json_object({} if event is None else event), extra="ignore")
    except ValidationError as error:
        raise EventFormatError(problem_in(error)) from error
