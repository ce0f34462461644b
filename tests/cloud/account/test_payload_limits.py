"""What is too long is refused, with AWS's figures and with smaller ones. Sources: local/cloud/account_limits.py."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import LocalCloud
from tests.cloud.account.clients import Account, a_name
from tests.cloud.account.functions import a_function, invoke, role
from tests.cloud.waiting import awaited

KIB, MIB = 1 << 10, 1 << 20


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def json_of(size: int) -> str:
    """A JSON text of so many bytes."""
    return json.dumps("x" * (size - 2))


@pytest.mark.parametrize(("kind", "limit"), [("Event", MIB), ("RequestResponse", 6 * MIB)])
def test_an_invocation_has_at_most_the_bytes_of_its_kind(account: Account, kind: str, limit: int) -> None:
    function = a_function(account, "lambda event, context: len(event)")

    taken = invoke(account, function, json_of(limit), kind)
    with pytest.raises(ClientError) as error:
        invoke(account, function, json_of(limit + 1), kind)

    assert "FunctionError" not in taken
    assert refusal(error) == ("RequestTooLargeException", 413)


def test_a_message_counts_with_its_attributes(account: Account) -> None:
    url, _ = account.queue()
    send = account.client("sqs").send_message
    attribute = {"name": {"DataType": "String", "StringValue": "value"}}  # 4 + 6 + 5 bytes

    send(QueueUrl=url, MessageBody="x" * (MIB - 15), MessageAttributes=attribute)
    with pytest.raises(ClientError) as error:
        send(QueueUrl=url, MessageBody="x" * (MIB - 14), MessageAttributes=attribute)

    assert refusal(error) == ("InvalidParameterValue", 400)


def test_a_batch_of_messages_has_the_size_of_one(account: Account) -> None:
    url, _ = account.queue()
    entries = [{"Id": str(number), "MessageBody": "x" * (MIB // 2)} for number in range(3)]
    send = account.client("sqs").send_message_batch

    taken = send(QueueUrl=url, Entries=entries[:2])
    with pytest.raises(ClientError) as error:
        send(QueueUrl=url, Entries=entries)

    assert len(taken["Successful"]) == 2
    assert "BatchRequestTooLong" in refusal(error)[0]


def test_a_topic_takes_256_kib(account: Account) -> None:
    sns = account.client("sns")
    topic = sns.create_topic(Name=a_name())["TopicArn"]

    sns.publish(TopicArn=topic, Message="x" * (256 * KIB))
    with pytest.raises(ClientError) as error:
        sns.publish(TopicArn=topic, Message="x" * (256 * KIB + 1))

    assert refusal(error) == ("InvalidParameter", 400)


def test_entries_of_one_call_are_less_than_1_mib_together(account: Account) -> None:
    put = account.client("events").put_events
    entry = {"Source": "a", "DetailType": "b", "Detail": json.dumps({"x": "x" * (MIB // 2 - 20)})}

    taken = put(Entries=[entry])
    with pytest.raises(ClientError) as error:
        put(Entries=[entry, {**entry, "Resources": ["x" * 100]}])

    assert taken["FailedEntryCount"] == 0
    assert refusal(error) == ("ValidationException", 400)


class Machine:
    """A state machine of one function, which answers `x` as often as it is told."""

    def __init__(self, account: Account) -> None:
        self._client = account.client("stepfunctions")
        function = a_function(account, "lambda event, context: 'x' * event['size']")
        arn = account.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
        state = {"Type": "Task", "Resource": arn, "End": True}
        definition = {"StartAt": "Answer", "States": {"Answer": state}}
        self.arn = self._client.create_state_machine(
            name=a_name(), definition=json.dumps(definition), roleArn=role(account)
        )["stateMachineArn"]

    def run(self, size: int) -> dict[str, Any]:
        execution = self._client.start_execution(stateMachineArn=self.arn, input=json.dumps({"size": size}))
        arn = execution["executionArn"]
        awaited(lambda: self._client.describe_execution(executionArn=arn)["status"] != "RUNNING")
        ended: dict[str, Any] = self._client.describe_execution(executionArn=arn)
        return ended


def test_a_state_that_answers_more_than_256_kib_fails(account: Account) -> None:
    machine = Machine(account)

    fitting, too_long = machine.run(256 * KIB - 2), machine.run(256 * KIB - 1)

    assert fitting["status"] == "SUCCEEDED"
    assert (too_long["status"], too_long["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_an_execution_takes_no_longer_an_input(account: Account) -> None:
    machine = Machine(account)

    with pytest.raises(ClientError) as error:
        account.client("stepfunctions").start_execution(stateMachineArn=machine.arn, input=json_of(256 * KIB + 1))

    assert refusal(error) == ("ValidationException", 400)


def sent_to_queue(account: Account) -> Any:
    url, _ = account.queue()
    return lambda: account.client("sqs").send_message(QueueUrl=url, MessageBody="x" * 200)


def sent_to_topic(account: Account) -> Any:
    arn = account.client("sns").create_topic(Name=a_name())["TopicArn"]
    return lambda: account.client("sns").publish(TopicArn=arn, Message="x" * 200)


def put_on_bus(account: Account) -> Any:
    entry = {"Source": "test", "DetailType": "test", "Detail": json.dumps({"text": "x" * 200})}
    return lambda: account.client("events").put_events(Entries=[entry])


def invoked(kind: str) -> Any:
    def prepared(account: Account) -> Any:
        function = a_function(account, "lambda event, context: 1")
        return lambda: invoke(account, function, json_of(200), kind)

    return prepared


def started(account: Account) -> Any:
    machine = Machine(account)
    return lambda: account.client("stepfunctions").start_execution(stateMachineArn=machine.arn, input=json_of(200))


@pytest.mark.parametrize(
    ("figure", "prepare"),
    [
        ("queue_message_bytes", sent_to_queue),
        ("topic_message_bytes", sent_to_topic),
        ("event_entries_bytes", put_on_bus),
        ("asynchronous_payload_bytes", invoked("Event")),
        ("synchronous_payload_bytes", invoked("RequestResponse")),
        ("state_bytes", started),
    ],
)
def test_every_figure_bites_when_it_is_set_and_goes_back_to_awss(account: Account, figure: str, prepare: Any) -> None:
    call = prepare(account)

    account.cloud.limits.set(**{figure: 100})

    with pytest.raises(ClientError):
        call()
    account.cloud.limits.clear()
    call()


def test_a_cloud_can_begin_with_limits(account: Account, tmp_path: Path) -> None:
    with LocalCloud(folder=tmp_path, limits={"queue_message_bytes": 10}) as small, closing(Account(small)) as other:
        url, _ = other.queue()
        with pytest.raises(ClientError):
            other.client("sqs").send_message(QueueUrl=url, MessageBody="x" * 11)
