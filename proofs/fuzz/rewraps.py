"""The rewrap function: batches of the queue, of which no message may be lost, and invocations."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from functions.rewrap.handler import lambda_handler as rewrap
from kms_failover.domain.objects.rewrap_result import RewrapResult
from kms_failover.errors import EventFormatError, UnknownBucketError
from proofs.fuzz.functions import EVENTS, mutated, samples
from proofs.fuzz.mutation import Mutator
from proofs.fuzz.surprise import expect, expect_sendable
from proofs.fuzz.target import Take, Target, context, instead
from tests.domain.objects import rewrap_world
from tests.domain.strategies import WEST

if TYPE_CHECKING:
    from kms_failover.domain.objects.rewrap import RewrapService

MOST_RECORDS = 10  # of a batch, as the function's event source has it
BATCHES = 0.2  # of the events that are asked for: a batch has five or six


class CountedService:
    """The real service over the world of its tests; `done` are the objects that it has answered for."""

    def __init__(self) -> None:
        world = rewrap_world.World()
        world.put(rewrap_world.v3(rewrap_world.blob_under(rewrap_world.THERE)))
        self._service: RewrapService = world.service
        self.done: list[tuple[str, str]] = []

    def rewrap(self, bucket: str, key: str) -> RewrapResult:
        result = self._service.rewrap(bucket, key)
        self.done.append((bucket, key))
        return result


_BUCKET = f"orders-{rewrap_world.HERE}"
_CREATED = {**EVENTS["s3-object-created"]}
_CREATED["detail"] = {**_CREATED["detail"], "bucket": {"name": _BUCKET}, "object": {"key": "k"}}
MESSAGES: list[Any] = [{"bucket": _BUCKET, "key": "k"}, EVENTS["rewrap-debt"], EVENTS["s3-object-created"], _CREATED]
INVOCATIONS: list[Any] = [
    {"bucket": _BUCKET, "key": "k"},
    {"Items": [{"Key": "k"}, {"Key": "gone"}], "BatchInput": {"bucket": _BUCKET}},
    *samples("rewrap-"),
    {"Records": [{"messageId": "m", "body": "{}"}]},
]


def _batch(random: Random) -> Any:
    """As the queue sends it: the structure is AWS's own, seldom anything else; the bodies are anybody's."""
    bodies = Mutator(random, MESSAGES)
    records = [
        {"messageId": f"m{at}", "receiptHandle": "r", "body": bodies.json_text(bodies.event()), "attributes": {}}
        | {"messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": WEST}
        for at in range(random.randint(1, MOST_RECORDS))
    ]
    batch: Any = {"Records": records}
    return Mutator(random, [batch]).changed(batch) if random.random() < 0.1 else batch


@contextmanager
def _rewrap_batches() -> Iterator[Take]:
    service = CountedService()
    with instead(rewrap_service=service):

        def take(event: Any) -> str:
            service.done.clear()
            answer = rewrap(event, context(WEST, "rewrap"))
            expect_sendable(answer)
            if "batchItemFailures" not in answer:
                return "an invocation"
            ids = [record["messageId"] for record in event["Records"]]
            failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
            expect(set(failed) <= set(ids), "only what came can have failed")
            if len(set(ids)) == len(ids):
                expect(len(set(failed)) == len(failed), "each message fails once")
                expect(len(service.done) + len(failed) == len(ids), "each message is done or comes again")
            return "some come again" if failed else "all done"

        yield take


@contextmanager
def _rewrap_invocations() -> Iterator[Take]:
    with instead(rewrap_service=CountedService()):

        def take(event: Any) -> str:
            answer = rewrap(event, context(WEST, "rewrap"))
            expect_sendable(answer)
            return "a batch" if "batchItemFailures" in answer else "counted"

        yield take


REWRAPS = (
    Target("rewrap-batches", _batch, _rewrap_batches, (EventFormatError,), share=BATCHES),
    Target("rewrap-invoked", mutated(INVOCATIONS), _rewrap_invocations, (EventFormatError, UnknownBucketError)),
)
