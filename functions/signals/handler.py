"""Turns events of AWS Health, CloudWatch, KMS and drills into observations."""

from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.errors import EventFormatError

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An event that nobody knows would be as unknown at a retry: it is logged, counted and answered, not raised."""
    try:
        observed = bootstrap.signals(context).take(event)
    except EventFormatError as error:
        logger.error("event ignored", reason=str(error), event_id=event.get("id"))  # noqa: TRY400  # no trace: the event is at fault
        with single_metric(name="EventIgnored", unit=MetricUnit.Count, value=1, namespace=EVENT_SOURCE) as metric:
            metric.add_dimension("Function", "signals")
        return {"observations": 0, "ignored": str(error)}
    return {"observations": len(observed)}
