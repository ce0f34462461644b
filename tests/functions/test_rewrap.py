"""The rewrap handler: what SQS, Step Functions and a person get back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.rewrap import handler
from kms_failover import bootstrap
from kms_failover.domain.objects.rewrap_result import RewrapOutcome, RewrapResult
from kms_failover.errors import ObjectChangedError, TamperedError

EVENTS = Path(__file__).parents[2] / "events"
ORDER = "2026/11/order 1+1.json"
BUCKET = "orders-eu-west-1"


class Context:
    function_name = "prod-rewrap"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:prod-rewrap"
    aws_request_id = "3f1c8e0a-1111-4222-8333-944455556666"


class FakeService:
    """Answers by key: an outcome, or an error to raise."""

    def __init__(self) -> None:
        self.answers: dict[str, RewrapOutcome | Exception] = {}
        self.seen: list[tuple[str, str]] = []
        self.failures: list[tuple[str, str]] = []

    def record_failure(self, _bucket: str, key: str, code: str) -> None:
        if "unrecorded" in key:
            raise ObjectChangedError("x")
        self.failures.append((key, code))

    def rewrap(self, bucket: str, key: str) -> RewrapResult:
        self.seen.append((bucket, key))
        answer = self.answers.get(key, RewrapOutcome.REWRAPPED)
        if isinstance(answer, Exception):
            raise answer
        return RewrapResult(bucket, key, answer, "because")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    service = FakeService()
    monkeypatch.setattr(bootstrap, "rewrap_service", lambda _context: service)
    return service


@pytest.fixture
def invoke(service: FakeService) -> Callable[[dict[str, Any]], Any]:
    context: Any = Context()
    return lambda event: handler.lambda_handler(event, context)


def event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return loaded


def queued(*bodies: str) -> dict[str, Any]:
    records = [
        {"messageId": f"m{at}", "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {}}
        | {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:prod-rewrap"}
        | {"awsRegion": "eu-west-1", "md5OfBody": "x"}
        for at, body in enumerate(bodies)
    ]
    return {"Records": records}


def debt(key: str) -> str:
    return json.dumps({"bucket": BUCKET, "key": key})


def test_events_of_s3_and_of_the_sweep_arrive_through_the_queue(service: FakeService, invoke: Any) -> None:
    bodies = [(EVENTS / name).read_text() for name in ("s3-object-created.json", "rewrap-debt.json")]

    answer = invoke(queued(*bodies))

    assert service.seen == [(BUCKET, ORDER)] * 2
    assert answer == {"batchItemFailures": []}


def arrival(key: str) -> str:
    message = event("s3-object-created.json")
    message["detail"]["object"]["key"] = key
    return json.dumps(message)


def test_only_the_messages_that_failed_come_again(service: FakeService, invoke: Any) -> None:
    service.answers = {"changed": ObjectChangedError("x"), "owed": RewrapOutcome.OWED, "no": RewrapOutcome.REFUSED}

    answer = invoke(queued(arrival("fine"), arrival("changed"), debt("owed"), debt("no"), "not json"))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m4"}]}


def test_a_batch_that_fails_as_a_whole_comes_again_as_a_whole(service: FakeService, invoke: Any) -> None:
    service.answers = {"a": ObjectChangedError("x"), "b": ObjectChangedError("x")}

    answer = invoke(queued(arrival("a"), arrival("b")))

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m1"]


def test_whatever_fails_leaves_a_debt_with_its_code(service: FakeService, invoke: Any) -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "CopyObject")
    service.answers = dict.fromkeys(["a", "b"], denied)

    invoke(queued(arrival("a"), debt("b")))

    assert service.failures == [("a", "AccessDenied"), ("b", "AccessDenied")]


def test_a_debt_that_fails_again_is_the_sweeps_to_send_and_makes_no_dead_letter(
    service: FakeService, invoke: Any
) -> None:
    service.answers = dict.fromkeys(["again", "unrecorded"], ObjectChangedError("x"))

    answer = invoke(queued(debt("again"), debt("unrecorded")))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_try_that_was_killed_leaves_a_debt_before_the_next_one_begins(service: FakeService, invoke: Any) -> None:
    first, again = queued(arrival("first")), queued(arrival("again"))
    first["Records"][0]["attributes"] = {"ApproximateReceiveCount": "1"}
    again["Records"][0]["attributes"] = {"ApproximateReceiveCount": "2"}

    for event in (first, again):
        invoke(event)

    assert service.failures == [("again", "NotFinished")]


@pytest.mark.parametrize("message", [arrival, debt])
def test_what_was_tampered_with_is_no_debt_and_becomes_a_dead_letter(
    service: FakeService, invoke: Any, message: Callable[[str], str]
) -> None:
    service.answers = {"a": TamperedError("x")}

    answer = invoke(queued(message("a")))

    assert (service.failures, len(answer["batchItemFailures"])) == ([], 1)


def test_a_backfill_item_answers_with_its_counts(service: FakeService, invoke: Any) -> None:
    answer = invoke(event("rewrap-backfill-item.json"))

    assert service.seen == [(BUCKET, ORDER)]
    assert answer == {"objects": 1, "already": 0, "rewrapped": 1, "owed": 0, "refused": 0}


def test_a_backfill_batch_answers_with_the_sum(service: FakeService, invoke: Any) -> None:
    service.answers = {"2026/11/order-2.json": RewrapOutcome.REFUSED}

    answer = invoke(event("rewrap-backfill-batch.json"))

    assert answer == {"objects": 2, "already": 0, "rewrapped": 1, "owed": 0, "refused": 1}


@pytest.mark.parametrize(
    ("error", "outcome", "failures"),
    [
        (ObjectChangedError("x"), "owed", [(ORDER, "ObjectChangedError")]),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "HeadObject"),
            "owed",
            [(ORDER, "AccessDenied")],
        ),
        (TamperedError("x"), "refused", []),
    ],
)
def test_an_object_that_fails_is_counted_as_the_ledger_has_it_and_its_batch_goes_on(
    service: FakeService, invoke: Any, error: Exception, outcome: str, failures: list[tuple[str, str]]
) -> None:
    service.answers = {ORDER: error}

    answer = invoke(event("rewrap-backfill-batch.json"))

    counts = {"objects": 2, "already": 0, "rewrapped": 1, "owed": 0, "refused": 0}
    assert answer == counts | {outcome: 1}
    assert service.failures == failures


def test_an_object_of_which_nothing_could_be_recorded_fails_its_batch_after_the_others_had_their_turn(
    service: FakeService, invoke: Any
) -> None:
    service.answers = {"unrecorded": ObjectChangedError("x")}
    items = [{"key": "unrecorded"}, {"key": ORDER}]

    with pytest.raises(ExceptionGroup) as raised:
        invoke({"Items": items, "BatchInput": {"bucket": BUCKET}})

    assert [key for _, key in service.seen] == ["unrecorded", ORDER]
    assert [type(error) for error in raised.value.exceptions] == [ObjectChangedError]


@pytest.mark.parametrize("batch", [lambda: queued(arrival(ORDER)), lambda: event("rewrap-backfill-item.json")])
def test_what_was_tampered_with_is_measured_for_an_alarm(
    service: FakeService, invoke: Any, batch: Callable[[], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = {ORDER: TamperedError("x")}

    invoke(batch())

    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [metric["ObjectsTampered"] for metric in printed if "ObjectsTampered" in metric] == [[1.0]]


def test_what_was_owed_and_refused_is_logged_with_its_reason(
    service: FakeService, invoke: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers = {ORDER: RewrapOutcome.REFUSED}

    invoke(event("rewrap-debt.json"))

    (logged,) = [vars(record) for record in caplog.records]
    (metric,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (logged["outcome"], logged["reason"], logged["key"]) == ("refused", "because", ORDER)
    assert (metric["ObjectsRefused"], metric["Deployment"]) == ([1.0], "prod")
