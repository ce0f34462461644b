"""Events of AWS services, which PutEvents rightly refuses to take from a client."""

from ministack.core.responses import request_scope
from ministack.services import eventbridge

from local.cloud.environment import ACCOUNT

from .event_shape import event_record, parse_event


def put_aws_event(body: bytes) -> None:
    """Delivers one event to the rules of its region's default bus. Raises BadEventError.

    Its id and time are kept, which PutEvents would replace: a receiver that drops repeats needs them.
    """
    event = parse_event(body)
    with request_scope(ACCOUNT, event["region"]):
        eventbridge._dispatch_event(event_record(event))
