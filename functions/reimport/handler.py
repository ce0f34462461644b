"""Renews and restores imported key material in this region, and proves it."""

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.material import Action
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.reimport_request import reimport_request
from kms_failover.domain.reimporting import Reimport

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> list[dict[str, str | None]]:
    """One entry a member key that was looked at; raises at the end, naming the key sets, if any of them failed."""
    request = reimport_request(event)
    deployment = bootstrap.deployment(context)
    results = []
    for result in bootstrap.reimport_service(context).run(request):
        _tell(result, deployment)
        results.append(result)
    if request.key_id is not None and not results:
        logger.info("event ignored: no key set has this key here", key_id=request.key_id)
    if errors := [result.error for result in results if result.error is not None]:
        failed = ", ".join(f"{result.key_set} ({result.reason})" for result in results if result.error is not None)
        raise ExceptionGroup(f"not reimported: {failed}", errors)
    return [_answer(result) for result in results]


def _tell(result: Reimport, deployment: str) -> None:
    if result.error is not None:
        logger.error("material not imported", extra=_answer(result))
    else:
        logger.info("material looked at", extra=_answer(result))
    if result.error is None and result.action is Action.NOTHING:
        return
    name = "MaterialNotImported" if result.error else "MaterialImported"
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace=EVENT_SOURCE) as metric:
        metric.add_dimension("Deployment", deployment)
        metric.add_dimension("KeySet", result.key_set)
        metric.add_dimension("Region", result.region)


def _answer(result: Reimport) -> dict[str, str | None]:
    return {
        "key_set": result.key_set,
        "region": result.region,
        "action": result.action.value,
        "reason": result.reason,
        "key_material_id": result.key_material_id,
        "valid_to": result.valid_to.isoformat() if result.valid_to else None,
    }
