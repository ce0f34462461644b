"""Repays debt; woken by a schedule, by a region's recovery, and by hand. Records what a backfill has come to."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger

from kms_failover import bootstrap
from kms_failover.adapters.metrics import count
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.objects.backfill import Step
from kms_failover.domain.objects.sweep import MAX_NAMED, DebtSummary, SweepResult
from kms_failover.domain.objects.sweep_request import key_set_in

logger = Logger(service=EVENT_SOURCE)


@logger.inject_lambda_context
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """The answer's `remaining` is above 0 when there was more debt than one run repays."""
    if step := Step.read(event):
        return _backfill(step, context)
    deployment, key_set = bootstrap.deployment(context), key_set_in(event)
    swept = bootstrap.sweep_service(context).sweep(key_set)
    answer = {name: value for name, value in asdict(swept).items() if isinstance(value, int)}
    logger.info("debt queued", extra=answer)
    count("DebtQueued", swept.queued, deployment, Function="sweep")
    for dropped in swept.dropped_of[:MAX_NAMED]:
        logger.warning("debts of a bucket or region that has left its key set were dropped", extra=asdict(dropped))
    if swept.dropped:
        _count_dropped(swept.dropped, deployment)
    _tell_of_overdue(swept)
    for owed in swept.owed:
        _gauge(owed, deployment)
    if key_set is None:
        _count_overdue(swept.overdue, deployment)
        _note_backfills(context)
    return answer


def _tell_of_overdue(swept: SweepResult) -> None:
    """The alarm says that there are some; the log says which."""
    named = {"bucket", "key", "owed_to", "since", "code", "tries"}
    for debt in swept.oldest:
        logger.warning("an object is overdue", extra=debt.model_dump(mode="json", include=named))


def _gauge(owed: DebtSummary, deployment: str) -> None:
    """How many there are now. Nothing is said of a key set and region with none: each metric has its price."""
    counts = {"DebtOwed": owed.debts, "DebtOverdue": owed.overdue, "RefusalsStanding": owed.refused}
    for name, debts in counts.items():
        if debts:
            count(name, debts, deployment, KeySet=owed.key_set, Region=owed.region)


def _count_overdue(debts: int, deployment: str) -> None:
    """Of a run over all key sets, and 0 as well: an alarm looks at it, and at whether anybody counts."""
    count("DebtOverdue", debts, deployment, Function="sweep")


def _count_dropped(debts: int, deployment: str) -> None:
    """An alarm looks at it: what is not owed any more, no return waits for."""
    count("DebtDropped", debts, deployment, Function="sweep")


def _backfill(step: Step, context: LambdaContext) -> dict[str, Any]:
    backfill = bootstrap.backfill_service(context).record(step)
    logger.info("backfill recorded", backfill=backfill.model_dump(mode="json"))
    return {"complete": backfill.is_complete}


def _note_backfills(context: LambdaContext) -> None:
    """Last: the debts are queued and counted, whatever Step Functions answers."""
    for backfill in bootstrap.backfill_service(context).note_ended_without_result():
        logger.error("backfill ended without a result", backfill=backfill.model_dump(mode="json"))
