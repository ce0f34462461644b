"""Brings objects under the local region's KMS key: SQS messages, Distributed Map items, or one object by hand."""

from collections import Counter
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from kms_failover import bootstrap
from kms_failover.adapters.classify import code_of
from kms_failover.adapters.metrics import count
from kms_failover.bootstrap import LambdaContext
from kms_failover.domain.naming import EVENT_SOURCE
from kms_failover.domain.objects.rewrap import RewrapService
from kms_failover.domain.objects.rewrap_request import ObjectName, from_invocation, from_message, is_from_queue
from kms_failover.domain.objects.rewrap_result import RewrapOutcome
from kms_failover.errors import TamperedError

logger = Logger(service=EVENT_SOURCE)
NOT_FINISHED = "NotFinished"  # the code of a debt whose try ended without a word, as with a function that is killed


@logger.inject_lambda_context
def lambda_handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """SQS gets `batchItemFailures`; every other caller the counts. One that failed counts as the ledger has it now.

    Raises where the ledger has nothing of an object, after the others had their turn.
    """
    service, deployment = bootstrap.rewrap_service(context), bootstrap.deployment(context)
    if is_from_queue(event):
        return _from_queue(service, event, deployment)
    return _from_invocation(service, event, deployment)


def _from_queue(service: RewrapService, event: dict[str, Any], deployment: str) -> dict[str, Any]:
    counts: Counter[RewrapOutcome] = Counter()

    def rewrap_record(record: SQSRecord) -> None:
        name = None
        try:
            name = from_message(record.body)
            if _was_received_before(record):
                service.record_failure(name.bucket, name.key, NOT_FINISHED)
            counts[_rewrap(service, name)] += 1
        except Exception as error:
            where = {"bucket": name.bucket, "key": name.key} if name else {"message_id": record.message_id}
            logger.exception("not rewrapped; it is tried again", extra=where)
            if isinstance(error, TamperedError):
                _count_tampered(deployment)
            if name is None or not _is_swept_again(service, name, error) or not name.is_debt:
                raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event=event, record_handler=rewrap_record, processor=processor)
    _emit(counts, deployment)
    return dict(answer)


def _from_invocation(service: RewrapService, event: object, deployment: str) -> dict[str, int]:
    counts: Counter[RewrapOutcome] = Counter()
    errors: list[Exception] = []
    for name in list(from_invocation(event)):
        try:
            counts[_rewrap(service, name)] += 1
        except TamperedError:
            logger.exception("refused: tampered with", bucket=name.bucket, key=name.key)
            _count_tampered(deployment)
            counts[RewrapOutcome.REFUSED] += 1
        except Exception as error:
            logger.exception("not rewrapped; it is owed and swept again", bucket=name.bucket, key=name.key)
            if _is_swept_again(service, name, error):
                counts[RewrapOutcome.OWED] += 1
            else:
                errors.append(error)
    _emit(counts, deployment)
    if errors:
        raise ExceptionGroup(f"{len(errors)} objects were not rewrapped, and nothing is recorded of them", errors)
    return {"objects": counts.total()} | {outcome.value: counts[outcome] for outcome in RewrapOutcome}


def _rewrap(service: RewrapService, name: ObjectName) -> RewrapOutcome:
    result = service.rewrap(name.bucket, name.key)
    if result.outcome in {RewrapOutcome.OWED, RewrapOutcome.REFUSED}:
        logger.warning(
            "object not under the local key",
            outcome=result.outcome.value,
            bucket=result.bucket,
            key=result.key,
            reason=result.reason,
        )
    return result.outcome


def _was_received_before(record: SQSRecord) -> bool:
    """A try that was killed could write nothing down, so the next one does it before it begins."""
    return int(record.attributes.get("ApproximateReceiveCount") or 1) > 1


def _is_swept_again(service: RewrapService, name: ObjectName, error: Exception) -> bool:
    """The sweep tries a recorded failure again, later and later: its own message need not come back."""
    if isinstance(error, TamperedError):
        return False  # it is a refusal
    try:
        service.record_failure(name.bucket, name.key, code_of(error))
    except Exception:
        logger.exception("the failure could not be recorded", bucket=name.bucket, key=name.key)
        return False
    return True


def _count_tampered(deployment: str) -> None:
    """A refusal wakes nobody by itself, and this one has to."""
    count("ObjectsTampered", 1, deployment, Function="rewrap")


def _emit(counts: Counter[RewrapOutcome], deployment: str) -> None:
    for outcome, objects in counts.items():
        count(f"Objects{outcome.value.title()}", objects, deployment, Function="rewrap")
