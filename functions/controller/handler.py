"""Decides this region's routes; woken by probe, signals and runbook, and by a schedule."""

from typing import Any

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  # whatever woke it, everything is read anew
    judgements = bootstrap.controller(context).run()
    return {"routes": {j.key_set: {"regions": j.route.regions, "epoch": j.route.epoch} for j in judgements}}
