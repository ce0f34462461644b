"""An account's concurrency, and events that find none. Sources: gaps/account_concurrency and asynchronous_events."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.account.clients import Account, a_name
from tests.cloud.account.functions import a_function, invoke, role
from tests.cloud.waiting import awaited

# Runs until the file of its event is there, and says with another that it runs
HELD = "lambda event, context: hold(event)"
HOLD = """
import pathlib, time
def hold(event):
    pathlib.Path(event['file'] + '.runs').touch()
    while not pathlib.Path(event['file']).exists():
        time.sleep(0.01)
"""


@contextmanager
def running(account: Account, function: str, file: Path) -> Iterator[None]:
    """One invocation of it lasts as long as the block."""
    call = threading.Thread(target=invoke, args=(account, function, json.dumps({"file": str(file)})))
    call.start()
    try:
        awaited(Path(f"{file}.runs").exists)
        yield
    finally:
        file.touch()
        call.join()


def refused(account: Account, function: str) -> dict[str, Any]:
    with pytest.raises(ClientError) as error:
        invoke(account, function)
    return dict(error.value.response)


@contextmanager
def reserved(account: Account, function: str, concurrency: int) -> Iterator[None]:
    """Given back at the end, for it is taken from what the other functions share."""
    client = account.client("lambda")
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=concurrency)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName=function)


def test_an_account_that_is_busy_throttles_every_function(account: Account, tmp_path: Path) -> None:
    busy, other = a_function(account, HELD, imports=HOLD), a_function(account, "lambda event, context: 1")
    account.cloud.limits.set(concurrent_executions=1)

    with running(account, busy, tmp_path / "go"):
        answer = refused(account, other)

    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert (answer["Reason"], answer["Type"]) == ("ConcurrentInvocationLimitExceeded", "User")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["retryAfterSeconds"] == answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]
    assert invoke(account, other)["Payload"] == b"1"


def test_reserved_concurrency_is_a_functions_own_even_in_a_busy_account(account: Account, tmp_path: Path) -> None:
    busy, own = a_function(account, HELD, imports=HOLD), a_function(account, HELD, imports=HOLD)
    account.cloud.limits.set(concurrent_executions=2)

    with reserved(account, own, 1), running(account, busy, tmp_path / "1"), running(account, own, tmp_path / "2"):
        of_reserved, of_others = refused(account, own), refused(account, busy)

    assert of_reserved["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert of_others["Reason"] == "ConcurrentInvocationLimitExceeded"


def test_a_throttled_call_counts_as_that_and_as_no_invocation(account: Account) -> None:
    function = a_function(account, "lambda event, context: 1")

    with reserved(account, function, 0):
        refused(account, function)

    assert account.count("AWS/Lambda", "Throttles", FunctionName=function) == 1
    assert account.count("AWS/Lambda", "Invocations", FunctionName=function) == 0


def test_a_throttled_event_waits_until_there_is_room(account: Account, tmp_path: Path) -> None:
    busy = a_function(account, HELD, imports=HOLD)
    writes = a_function(account, "lambda event, context: pathlib.Path(event).touch()", imports="import pathlib")
    account.cloud.limits.set(concurrent_executions=1, asynchronous_speed=10)
    done = tmp_path / "done"

    with running(account, busy, tmp_path / "go"):
        invoke(account, writes, json.dumps(str(done)), "Event")
        awaited(lambda: account.count("AWS/Lambda", "Throttles", FunctionName=writes) > 3)
        assert not done.exists()

    awaited(done.exists)
    assert account.count("AWS/Lambda", "AsyncEventsDropped", FunctionName=writes) == 0


def test_an_event_that_is_throttled_too_long_is_given_up_as_too_old(account: Account, tmp_path: Path) -> None:
    busy, function = a_function(account, HELD, imports=HOLD), a_function(account, "lambda event, context: 1")
    url, arn = account.queue()
    account.client("lambda").put_function_event_invoke_config(
        FunctionName=function,
        MaximumEventAgeInSeconds=3600,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    account.cloud.limits.set(concurrent_executions=1, asynchronous_speed=3600)

    with running(account, busy, tmp_path / "go"):
        invoke(account, function, '{"number": 1}', "Event")
        (message,) = account.messages(url, 20)

    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"number": 1}
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert account.count("AWS/Lambda", "AsyncEventsDropped", FunctionName=function) == 1
    assert account.count("AWS/Lambda", "AsyncEventAge", FunctionName=function) > 0


def test_a_function_that_fails_is_tried_again_as_often_as_it_says(account: Account) -> None:
    function = a_function(account, "lambda event, context: 1 / 0")
    url, arn = account.queue()
    account.client("lambda").put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    account.cloud.limits.set(asynchronous_retry_seconds=60, asynchronous_speed=600)

    invoke(account, function, "{}", "Event")
    (message,) = account.messages(url, 20)

    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"]["errorMessage"] == "division by zero"
    assert account.count("AWS/Lambda", "Errors", FunctionName=function) == 2


def test_a_record_needs_no_more_than_the_right_to_send(account: Account) -> None:
    url = given_up(account, a_function(account, "lambda event, context: 1", allowed="sqs:SendMessage"))

    assert len(account.messages(url, 20)) == 1


def test_a_record_that_the_functions_role_may_not_send_is_lost_and_counted(account: Account) -> None:
    function = a_function(account, "lambda event, context: 1", allowed="logs:PutLogEvents")

    url = given_up(account, function)

    awaited(lambda: account.count("AWS/Lambda", "DestinationDeliveryFailures", FunctionName=function) == 1)
    assert account.messages(url) == []


def given_up(account: Account, function: str) -> str:
    """The queue of the destination, once an event has been dropped."""
    url, arn = account.queue()
    account.client("lambda").put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    with reserved(account, function, 0):
        invoke(account, function, "{}", "Event")
        awaited(lambda: account.count("AWS/Lambda", "AsyncEventsDropped", FunctionName=function) == 1)
    return url


def test_with_no_concurrency_at_all_an_event_becomes_a_dead_letter_at_once(account: Account) -> None:
    url, arn = account.queue()
    function = a_function(account, "lambda event, context: 1", dead_letters=arn)

    with reserved(account, function, 0):
        invoke(account, function, '{"number": 1}', "Event")
        (letter,) = account.messages(url, 20)

    assert json.loads(letter["Body"]) == {"number": 1}
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"


def test_a_rules_event_waits_like_any_other(account: Account) -> None:
    function = a_function(account, "lambda event, context: 1 / 0")
    arn = account.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    events, rule = account.client("events"), a_name()
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "function", "Arn": arn}])
    account.client("lambda").add_permission(
        FunctionName=function, StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    account.cloud.limits.set(asynchronous_speed=100)

    events.put_events(Entries=[{"Source": rule, "DetailType": "Test", "Detail": "{}"}])

    awaited(lambda: account.count("AWS/Lambda", "Errors", FunctionName=function) == 3)


def test_a_throttled_batch_of_a_queue_comes_back_after_its_visibility_timeout(account: Account, tmp_path: Path) -> None:
    busy, function = a_function(account, HELD, imports=HOLD), a_function(account, "lambda event, context: 1")
    url, arn = account.queue(VisibilityTimeout="1")
    account.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=function, BatchSize=1)
    account.cloud.limits.set(concurrent_executions=1)

    with running(account, busy, tmp_path / "go"):
        account.client("sqs").send_message(QueueUrl=url, MessageBody="one")
        awaited(lambda: account.count("AWS/Lambda", "Throttles", FunctionName=function) > 1)
        assert _waiting(account, url) == 1

    awaited(lambda: _waiting(account, url) == 0)


def _waiting(account: Account, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = account.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())


def test_a_throttled_task_fails_by_the_name_that_a_retry_can_give(account: Account) -> None:
    function = a_function(account, "lambda event, context: 1")
    arn = account.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    states = account.client("stepfunctions")
    definition = {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": arn, "End": True}}}
    machine = states.create_state_machine(name=a_name(), definition=json.dumps(definition), roleArn=role(account))

    with reserved(account, function, 0):
        execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        awaited(lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED")

    assert states.describe_execution(executionArn=execution)["error"] == "Lambda.TooManyRequestsException"
