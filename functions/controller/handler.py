"""Decides this region's routes; woken by probe, signals and runbook, and by a schedule."""

import functools
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.adapters.metrics import count
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.schedule import deployed_in

LOST = "RegionLost"  # how many key sets cannot use the region
MOST_LOGGED = 10  # key sets, of each region and run

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Whatever woke it, everything is read anew."""
    deployment = bootstrap.deployment(context)
    judgements = bootstrap.controller(context).run(functools.partial(_emit, deployment))
    judged = {health.region for judgement in judgements for health in judgement.verdicts}
    deployed = set(deployed_in(event))
    for region in deployed - judged:
        count(LOST, 0, deployment, Region=region)
    if deployed and not judged:
        count(LOST, 0, deployment)
    return {"routes": {j.key_set: {"regions": j.route.regions, "epoch": j.route.epoch} for j in judgements}}


def _emit(deployment: str, judgements: Iterable[Judgement]) -> None:
    """Metrics of all key sets together: one of each for every key set would cost more than the whole service.

    `RegionLost` is, by region, how many key sets cannot use it; what is wrong with one of them stands in the log.
    Without a region it is the most of any: a key set may name regions that the deployment does not know and has no
    alarms of. For a region of the deployment that no key set names the schedule's run says 0, where all of it has
    succeeded.
    """
    lost: dict[str, dict[str, str]] = defaultdict(dict)
    for judgement in judgements:
        for health in judgement.verdicts:
            unusable = {} if health.routable else {judgement.key_set: health.in_words()}
            lost[health.region] |= unusable
    for region, why in lost.items():
        if why:
            first = dict(islice(why.items(), MOST_LOGGED))
            logger.warning("region cannot be used", extra={"region": region, "key_sets": len(why), "why": first})
        count(LOST, len(why), deployment, Region=region)
    if lost:
        count(LOST, max(map(len, lost.values())), deployment)
