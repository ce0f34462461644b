"""Repays debt; woken by a schedule, by a region's recovery, and by hand. Records what a backfill has come to."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.backfilling import Step
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.sweeping import key_set_in

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """The answer's `remaining` is above 0 when there was more debt than one run repays."""
    if step := Step.read(event):
        return _backfill(step, context)
    deployment = bootstrap.deployment(context)
    swept = bootstrap.sweep_service(context).sweep(key_set_in(event))
    logger.info("debt queued", extra=asdict(swept))
    _emit("DebtQueued", swept.queued, deployment)
    if swept.dropped:
        logger.warning("debts of buckets or regions that have left their key set were dropped", dropped=swept.dropped)
        _emit("DebtDropped", swept.dropped, deployment)
    return asdict(swept)


def _backfill(step: Step, context: LambdaContext) -> dict[str, Any]:
    backfill = bootstrap.backfill_service(context).record(step)
    logger.info("backfill recorded", backfill=backfill.model_dump(mode="json"))
    return {"complete": backfill.is_complete}


def _emit(name: str, count: int, deployment: str) -> None:
    with single_metric(name=name, unit=MetricUnit.Count, value=count, namespace=EVENT_SOURCE) as metric:
        metric.add_dimension("Deployment", deployment)
        metric.add_dimension("Function", "sweep")
