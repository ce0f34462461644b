"""EventBridge delivers only with its target's permission [AWS docs: eb-use-resource-based, eb-rule-dlq]."""

import json
from typing import Any

import pytest

from tests.cloud.account.clients import Account, a_name
from tests.cloud.account.functions import a_function, role
from tests.cloud.policies import queue_policy
from tests.cloud.waiting import awaited


class Route:
    """A rule for events of one source, from the bus to a queue."""

    def __init__(self, account: Account, **target: Any) -> None:
        self._events = account.client("events")
        self.source = self.rule_name = a_name()
        self._events.put_rule(Name=self.rule_name, EventPattern=json.dumps({"source": [self.source]}))
        self.rule_arn = self._events.describe_rule(Name=self.rule_name)["Arn"]
        self._events.put_targets(Rule=self.rule_name, Targets=[{"Id": "queue", **target}])

    def send(self) -> None:
        entry = {"Source": self.source, "DetailType": "Test", "Detail": '{"number": 1}'}
        assert self._events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def allow(account: Account, url: str, text: str) -> None:
    account.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})


def test_a_queue_that_allows_the_rule_gets_the_event(account: Account) -> None:
    url, arn = account.queue()
    route = Route(account, Arn=arn)
    allow(account, url, queue_policy(arn, **{"aws:SourceArn": route.rule_arn}))

    route.send()

    assert [json.loads(one["Body"])["detail"] for one in account.messages(url, 1)] == [{"number": 1}]
    assert account.count("AWS/Events", "FailedInvocations", RuleName=route.rule_name) == 0


@pytest.mark.parametrize("text", ["", "another rule", "another service"])
def test_a_queue_without_permission_gets_nothing_and_the_failure_is_counted(account: Account, text: str) -> None:
    url, arn = account.queue()
    route = Route(account, Arn=arn)
    if text == "another rule":
        allow(account, url, queue_policy(arn, **{"aws:SourceArn": route.rule_arn + "x"}))
    if text == "another service":
        allow(account, url, queue_policy(arn).replace("events.", "sns."))

    route.send()

    assert account.messages(url) == []
    assert account.count("AWS/Events", "FailedInvocations", RuleName=route.rule_name) == 1


def test_what_may_not_be_delivered_goes_to_the_targets_dead_letter_queue_at_once(account: Account) -> None:
    _, arn = account.queue()
    dead_url, dead_arn = account.queue()
    allow(account, dead_url, queue_policy(dead_arn))
    route = Route(account, Arn=arn, DeadLetterConfig={"Arn": dead_arn})

    route.send()

    (letter,) = account.messages(dead_url, 1)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert json.loads(letter["Body"])["detail"] == {"number": 1}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (route.rule_arn, arn)
    assert account.count("AWS/Events", "InvocationsSentToDlq", RuleName=route.rule_name) == 1


def test_a_dead_letter_queue_needs_a_policy_of_its_own(account: Account) -> None:
    _, arn = account.queue()
    dead_url, dead_arn = account.queue()
    route = Route(account, Arn=arn, DeadLetterConfig={"Arn": dead_arn})

    route.send()

    assert account.messages(dead_url) == []
    assert account.count("AWS/Events", "InvocationsFailedToBeSentToDlq", RuleName=route.rule_name) == 1


def test_a_queue_that_is_gone_is_named_as_such(account: Account) -> None:
    url, arn = account.queue()
    dead_url, dead_arn = account.queue()
    allow(account, dead_url, queue_policy(dead_arn))
    route = Route(account, Arn=arn, DeadLetterConfig={"Arn": dead_arn})
    account.client("sqs").delete_queue(QueueUrl=url)

    route.send()

    (letter,) = account.messages(dead_url, 1)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


@pytest.mark.parametrize(("suffix", "failures"), [("", 0), ("x", 1)])
def test_a_function_is_called_only_for_the_rule_that_its_policy_names(
    account: Account, suffix: str, failures: int
) -> None:
    function = a_function(account, "lambda event, context: 1")
    functions = account.client("lambda")
    arn = functions.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    route = Route(account, Arn=arn)
    functions.add_permission(
        FunctionName=function,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=route.rule_arn + suffix,
    )

    route.send()

    awaited(lambda: account.count("AWS/Lambda", "AsyncEventsReceived", FunctionName=function) == 1 - failures)
    assert account.count("AWS/Events", "FailedInvocations", RuleName=route.rule_name) == failures


def test_an_event_in_a_template_of_sam_brings_the_permission_along(account: Account) -> None:
    stack, source, stacks = a_name(), a_name(), account.client("cloudformation")
    event = {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": [source]}}}
    properties = {
        "FunctionName": stack,
        "Runtime": "python3.13",
        "Handler": "index.handle",
        "InlineCode": "def handle(event, context): pass",
        "Role": role(account),
        "Events": {"Arrival": event},
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"Function": {"Type": "AWS::Serverless::Function", "Properties": properties}},
    }
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    stacks.create_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=capabilities)
    awaited(lambda: stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")

    account.client("events").put_events(Entries=[{"Source": source, "DetailType": "Test", "Detail": "{}"}])

    awaited(lambda: account.count("AWS/Lambda", "AsyncEventsReceived", FunctionName=stack) == 1)


def test_a_queue_under_the_key_of_sqs_itself_gets_nothing(account: Account) -> None:
    url, arn = account.queue(KmsMasterKeyId="alias/aws/sqs")
    allow(account, url, queue_policy(arn))
    route = Route(account, Arn=arn)

    route.send()

    assert account.messages(url) == []
    assert account.count("AWS/Events", "FailedInvocations", RuleName=route.rule_name) == 1


def test_a_schedule_sends_to_a_queue_as_its_role_and_not_by_the_queues_policy(account: Account) -> None:
    url, arn = account.queue()
    account.client("scheduler").create_schedule(
        Name=a_name(),
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role(account), "Input": '{"number": 1}'},
    )

    assert [one["Body"] for one in account.messages(url, 20)] == ['{"number": 1}']
