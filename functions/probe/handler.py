"""Probe rounds, a minute's worth an invocation."""

import functools
from collections.abc import Sequence

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.adapters.metrics import count, milliseconds
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.routing.observation import Observation, Outcome
from kms_failover.domain.routing.probe_request import probe_request
from kms_failover.domain.routing.schedule import deployed_in

logger = Logger(service=EVENT_SOURCE)

_FAULT = {Outcome.OK: 0.0, Outcome.REGION_FAULT: 1.0}  # what else there is says nothing about the region


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> dict[str, int]:
    """`{"rounds": n}` for fewer rounds than the schedule's, `{"key_sets": [name, …]}` for one of these sets' own keys.

    The answer counts the outcomes.
    """
    request = probe_request(event)
    service, tell = bootstrap.probe(context), functools.partial(_tell, bootstrap.deployment(context))
    observed = service.ask(request.key_sets, tell) if request.key_sets else service.run(request.rounds, tell)
    for region in service.unnamed(deployed_in(event)):
        count("RegionFault", 0.0, bootstrap.deployment(context), Region=region)
    return {outcome.value: sum(o.outcome is outcome for o in observed) for outcome in Outcome}


def _tell(deployment: str, observations: Sequence[Observation]) -> None:
    for observation in observations:
        if not observation.key_set:
            _measure(deployment, observation)
        if observation.outcome is not Outcome.OK:
            logger.warning("probe failed", extra=observation.model_dump(mode="json"))


def _measure(deployment: str, observation: Observation) -> None:
    """`RegionFault` is 0 or 1 a round: its average is the share of failed rounds, its silence the probe's own.

    It is 0 once a minute for a region of the deployment that no key set names.
    """
    if observation.outcome in _FAULT:
        count("RegionFault", _FAULT[observation.outcome], deployment, Region=observation.region)
    if observation.outcome is Outcome.OK:
        milliseconds("ProbeLatency", observation.latency_ms, deployment, Region=observation.region)
