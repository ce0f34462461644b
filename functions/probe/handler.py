"""Probe rounds, a minute's worth an invocation."""

from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.health import Observation, Outcome
from kms_failover.domain.naming import EVENT_SOURCE

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """`{"rounds": n}` for fewer rounds than the schedule's, by hand; the answer counts the outcomes."""
    rounds = event.get("rounds") if isinstance(event, dict) else None
    service = bootstrap.probe(context)
    observed = service.run(rounds) if isinstance(rounds, int) else service.run()
    for observation in observed:
        _emit(observation)
    return {outcome.value: sum(o.outcome is outcome for o in observed) for outcome in Outcome}


def _emit(observation: Observation) -> None:
    """`RegionFault` is 0 or 1 a probe: its average is the share of failed probes, its silence the probe's own."""
    fault = 1.0 if observation.outcome is Outcome.REGION_FAULT else 0.0
    with single_metric(name="RegionFault", unit=MetricUnit.Count, value=fault, namespace=EVENT_SOURCE) as metric:
        metric.add_dimension("Region", observation.region)
        metric.add_metadata("KeySet", observation.key_set)
    if observation.outcome is not Outcome.OK:
        logger.warning("probe failed", extra=observation.model_dump(mode="json"))
