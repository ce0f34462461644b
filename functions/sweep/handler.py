"""Repays debt; woken by a schedule, by a region's recovery, and by hand."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.sweeping import key_set_in

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """The answer's `remaining` is above 0 when there was more debt than one run repays."""
    swept = bootstrap.sweep_service(context).sweep(key_set_in(event))
    logger.info("debt queued", extra=asdict(swept))
    with single_metric(name="DebtQueued", unit=MetricUnit.Count, value=swept.queued, namespace=EVENT_SOURCE) as metric:
        metric.add_dimension("Deployment", bootstrap.deployment(context))
        metric.add_dimension("Function", "sweep")
    return asdict(swept)
