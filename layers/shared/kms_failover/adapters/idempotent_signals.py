"""Each event once, by Powertools' idempotency: a repeat gets the answer of the first time."""

import logging
from typing import TYPE_CHECKING, Protocol, cast

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.serialization.custom_dict import CustomDictSerializer
from pydantic import ValidationError

from kms_failover.domain.routing.aws_events import repeat_key
from kms_failover.domain.routing.signals import LONGEST_DELIVERY, Intake, SignalService

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext as PowertoolsContext
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)


class RemainingTime(Protocol):
    """What is read of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


class IdempotentSignals:
    """Each region keeps its own record: the state table is global, and what one has taken the other has not.

    What fails leaves no record, so its retry takes the event. What is killed leaves one that counts until the
    invocation's own end: 30 s, which is sooner than Lambda's first retry (a minute, facts 8.3). Where the table cannot
    be reached, the error is raised: the event is retried, never lost.
    """

    def __init__(self, service: SignalService, table: str, region: str, client: "DynamoDBClient") -> None:
        self._service = service
        self._config = IdempotencyConfig(
            expires_after_seconds=int(LONGEST_DELIVERY.total_seconds()), hash_function="sha256"
        )
        store = DynamoDBPersistenceLayer(
            table_name=table,
            key_attr="pk",
            sort_key_attr="sk",
            static_pk_value=f"idempotency#{region}",
            expiry_attr="expires_at",
            boto3_client=client,
        )
        once = idempotent_function(
            self._handle,
            data_keyword_argument="repeat",
            persistence_store=store,
            config=self._config,
            output_serializer=CustomDictSerializer(_stored, _as_stored),
            key_prefix="signals",
        )
        self._once = cast("Callable[..., Intake]", once)

    def handle(self, event: object, context: RemainingTime) -> Intake:
        """As the service does, and what it ignores as often as it comes."""
        repeat = repeat_key(event)
        if not repeat or self._service.is_premature(event):
            return self._service.handle(event)
        self._config.register_lambda_context(cast("PowertoolsContext", context))
        return self._once(event, repeat=repeat)

    def _handle(self, event: object, *, repeat: str) -> Intake:  # noqa: ARG002  # read by Powertools
        return self._service.handle(event)


def _as_stored(record: object) -> Intake:
    """What another version has written down was taken all the same: once is enough."""
    try:
        return Intake.model_validate(record, extra="ignore")
    except ValidationError:
        logger.exception("the record of an event that was taken cannot be read")
        return Intake()


def _stored(taken: Intake) -> dict[str, object]:
    return taken.model_dump(mode="json")
