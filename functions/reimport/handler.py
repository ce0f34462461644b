"""Renews and restores imported key material in this region, and proves it."""

from collections.abc import Sequence

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.adapters.metrics import count
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.key_material.material import Concern
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.reimport import Run
from kms_failover.domain.key_material.reimport_request import reimport_request
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.naming import EVENT_SOURCE

logger = Logger(service=EVENT_SOURCE)


NAMED = 10  # keys in the message of an error


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> list[dict[str, str | None]]:
    """One entry a member key; empty where another run is at work, which then looks at all keys once more.

    Raises, naming the key sets, where an order failed, or anything that a repeat of the event may mend. What waits for
    people does not fail the function: it is told to them, in the metrics, and in `status`.
    """
    request = reimport_request(event)
    deployment = bootstrap.deployment(context)
    run = bootstrap.reimport_service(context).run(request, lambda: context.get_remaining_time_in_millis() / 1000)
    for result in run.results:
        _tell(result, deployment)
    if run.at_risk is not None:
        _count_at_risk(deployment, run.at_risk)
        _count_run(deployment)
    if not run.results:
        logger.info("no key looked at: another run is at work, or no key set has this key here", key_id=request.key_id)
    for error in run.unpublished:
        logger.error("people could not be told; the next run tells them", exc_info=error)
    _raise(run, ordered=request.force)
    return [_answer(result) for result in run.results]


def _raise(run: Run, *, ordered: bool) -> None:
    failed = [result for result in run.results if result.error is not None and (ordered or result.may_pass)]
    if failed:
        raise _not_reimported(failed)
    if run.unpublished and not ordered:  # an order that was carried out has not failed
        raise ExceptionGroup("people could not be told", run.unpublished)


def _not_reimported(failed: Sequence[Reimport]) -> ExceptionGroup[Exception]:
    named = ", ".join(f"{result.key_set} ({result.reason})" for result in failed[:NAMED])
    more = f", and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    errors = [result.error for result in failed if result.error is not None]
    return ExceptionGroup(f"not reimported: {named}{more}", errors)


def _tell(result: Reimport, deployment: str) -> None:
    kept = result.error is None and result.concern is Concern.NONE
    if kept:
        logger.info("material looked at", extra=_answer(result))
    else:
        logger.error("material not imported", extra=_answer(result))
    if kept and result.action is Action.NOTHING:
        return
    name = "MaterialImported" if kept else "MaterialNotImported"
    count(name, 1, deployment, KeySet=result.key_set, Region=result.region)


def _count_at_risk(deployment: str, at_risk: int) -> None:
    """Of a run over all keys, how many wait for people."""
    count("MaterialAtRisk", at_risk, deployment, Function="reimport")


def _count_run(deployment: str) -> None:
    """That there was a run over all keys."""
    count("MaterialLookedAt", 1, deployment, Function="reimport")


def _answer(result: Reimport) -> dict[str, str | None]:
    return {
        "key_set": result.key_set,
        "region": result.region,
        "action": result.action.value,
        "reason": result.reason,
        "key_material_id": result.key_material_id,
        "valid_to": result.valid_to.isoformat() if result.valid_to else None,
        "state": result.state,
        "concern": result.concern.value,
    }
