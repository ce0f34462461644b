"""Decides this region's routes; woken by probe, signals and runbook, and by a schedule."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.judgement import Judgement
from kms_failover.domain.naming import EVENT_SOURCE

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  # whatever woke it, everything is read anew
    judgements = bootstrap.controller(context).run(_emit)
    return {"routes": {j.key_set: {"regions": j.route.regions, "epoch": j.route.epoch} for j in judgements}}


def _emit(judgements: Iterable[Judgement]) -> None:
    """Metrics of all key sets together: one of each for every key set would cost more than the whole service.

    `RegionLost` is, by region, how many key sets cannot use it; what is wrong with one of them stands in the log.
    """
    lost: Counter[str] = Counter()
    for judgement in judgements:
        for health in judgement.verdicts:
            lost[health.region] += not health.routable
            if not health.routable:
                words = {"key_set": judgement.key_set, "region": health.region, "why": health.in_words()}
                logger.warning("region lost", extra=words | {"route": judgement.route.regions})
    for region, count in lost.items():
        with single_metric(name="RegionLost", unit=MetricUnit.Count, value=count, namespace=EVENT_SOURCE) as metric:
            metric.add_dimension("Region", region)
