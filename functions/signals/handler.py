"""Turns events of AWS Health, CloudWatch, KMS and drills into observations."""

from typing import Any

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.adapters.metrics import count
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.routing.signals import IgnoredEvent

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """An event that nobody knows would be as unknown at a retry: it is logged, counted and answered, not raised."""
    taken = bootstrap.signals(context).handle(event, context)
    if taken.ignored is None:
        return {"observations": taken.observations}
    _announce(taken.ignored, bootstrap.deployment(context))
    return {"observations": 0, "ignored": taken.ignored.reason}


def _announce(ignored: IgnoredEvent, deployment: str) -> None:
    logger.error("event ignored", extra={"ignored": ignored.model_dump(mode="json")})
    if ignored.rings:
        count("EventIgnored", 1, deployment, Function="signals")
