"""Alarms ring in the local cloud, and what rings is on its page of messages. A minute of alarms lasts a second here."""

import contextlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kms_failover.domain.routing.aws_events import read
from kms_failover.domain.routing.observation import Outcome
from tests.cloud.cloud_gateway import Gateway, gateway
from tests.cloud.policies import queue_policy
from tests.cloud.waiting import awaited

WEST = "us-west-2"
NAMESPACE = "kms-failover"
RULE = {"Namespace": NAMESPACE, "Period": 60, "EvaluationPeriods": 1, "Threshold": 0}
RULE |= {"ComparisonOperator": "GreaterThanThreshold"}
SLOW_HANDLER = """
import time
def handler(event, context):
    print(event["line"])
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Gateway]:
    with gateway("--alarm-minute", "1") as running:
        yield running


@pytest.fixture
def topic(cloud: Gateway) -> str:
    arn: str = cloud.client("sns", WEST).create_topic(Name="changes")["TopicArn"]
    return arn


def line(name: str, *values: float, **dimensions: str) -> str:
    """As Powertools prints it."""
    directive = {"Namespace": NAMESPACE, "Dimensions": [[*dimensions]], "Metrics": [{"Name": name, "Unit": "Count"}]}
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, **dimensions, name: list(values)})


def log(cloud: Gateway, stream: str, *lines: str) -> None:
    logs = cloud.client("logs", WEST)
    for make, names in ((logs.create_log_group, {}), (logs.create_log_stream, {"logStreamName": stream})):
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            make(logGroupName="/test", **names)
    events = [{"timestamp": int(time.time() * 1000), "message": one} for one in lines]
    logs.put_log_events(logGroupName="/test", logStreamName=stream, logEvents=events)


def put_alarm(cloud: Gateway, name: str, topic: str, **rule: Any) -> None:
    actions = {kind: [topic] for kind in ("AlarmActions", "OKActions", "InsufficientDataActions")}
    cloud.client("cloudwatch", WEST).put_metric_alarm(AlarmName=name, **actions, **rule)


def rings(cloud: Gateway, name: str, act: Callable[[], object]) -> dict[str, Any]:
    """Its message. It is given cause again and again: a machine that stalls a few seconds misses all of a second's."""

    def look() -> list[dict[str, Any]]:
        act()
        return cloud.messages(alarm=name, state="ALARM")

    return awaited(look)[0]


def state_of(cloud: Gateway, name: str) -> str:
    (alarm,) = cloud.client("cloudwatch", WEST).describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


def test_a_metric_in_a_log_line_rings_and_its_end_is_told(cloud: Gateway, topic: str) -> None:
    region = {"Name": "Region", "Value": WEST}
    rule = RULE | {"MetricName": "RegionFault", "Statistic": "Average", "Dimensions": [region]}
    put_alarm(cloud, "faults", topic, TreatMissingData="notBreaching", **rule)
    awaited(lambda: state_of(cloud, "faults") == "OK")

    rang = rings(cloud, "faults", lambda: log(cloud, "faults", "words", line("RegionFault", 1, 0, Region=WEST)))

    assert (rang["topic"], rang["region"]) == (topic, WEST)
    assert rang["subject"] == 'ALARM: "faults" in US West (Oregon)'
    message = json.loads(rang["body"])
    assert "1 out of the last 1 datapoint [0.5 (" in message["NewStateReason"]
    assert message["Trigger"]["Dimensions"] == [{"value": WEST, "name": "Region"}]
    over = awaited(lambda: [one for one in cloud.messages(alarm="faults", state="OK") if one["at"] > rang["at"]])[0]
    assert json.loads(over["body"])["OldStateValue"] == "ALARM"


def test_a_metric_of_other_dimensions_is_another_metric(cloud: Gateway, topic: str) -> None:
    rule = RULE | {"MetricName": "RegionLost", "Statistic": "Sum", "TreatMissingData": "notBreaching"}
    put_alarm(cloud, "of-none", topic, **rule)
    put_alarm(cloud, "of-west", topic, **rule, Dimensions=[{"Name": "Region", "Value": WEST}])

    rings(cloud, "of-west", lambda: log(cloud, "lost", line("RegionLost", 1, Region=WEST)))

    assert cloud.messages(alarm="of-none", state="ALARM") == []


def test_silence_rings_where_missing_data_are_breaching(cloud: Gateway, topic: str) -> None:
    rule = RULE | {"MetricName": "Silence", "Statistic": "Sum", "EvaluationPeriods": 2}

    put_alarm(cloud, "silence", topic, **rule, TreatMissingData="breaching")

    rang = awaited(lambda: cloud.messages(alarm="silence", state="ALARM"))[0]
    why = json.loads(rang["body"])["NewStateReason"]
    assert why.endswith(
        "no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."
    )


def test_missing_data_that_are_missing_lead_to_insufficient_data(cloud: Gateway, topic: str) -> None:
    put_alarm(cloud, "unknown", topic, **RULE, MetricName="Unknown", Statistic="Sum")

    cloud.client("cloudwatch", WEST).set_alarm_state(AlarmName="unknown", StateValue="OK", StateReason="a test's")

    told = awaited(lambda: cloud.messages(alarm="unknown", state="INSUFFICIENT_DATA"))[0]
    assert json.loads(told["body"])["NewStateReason"] == "Insufficient Data: 1 datapoint was unknown."


def test_ignored_missing_data_change_nothing(cloud: Gateway, topic: str) -> None:
    put_alarm(cloud, "kept", topic, **RULE, MetricName="Kept", Statistic="Sum", TreatMissingData="ignore")
    cloud.client("cloudwatch", WEST).set_alarm_state(AlarmName="kept", StateValue="ALARM", StateReason="a test's")

    put_alarm(cloud, "later", topic, **RULE, MetricName="Later", Statistic="Sum", TreatMissingData="breaching")

    awaited(lambda: cloud.messages(alarm="later", state="ALARM"))
    assert state_of(cloud, "kept") == "ALARM"


def test_a_composite_alarm_names_the_child_that_changed(cloud: Gateway, topic: str) -> None:
    put_alarm(cloud, "child", topic, **RULE, MetricName="Child", Statistic="Sum", TreatMissingData="notBreaching")
    cloudwatch = cloud.client("cloudwatch", WEST)
    cloudwatch.put_composite_alarm(AlarmName="parent", AlarmRule="ALARM(child)", AlarmActions=[topic])

    body = json.loads(rings(cloud, "parent", lambda: log(cloud, "child", line("Child", 1)))["body"])

    (child,) = body["TriggeringChildren"]
    assert child["Arn"].endswith(":alarm:child")
    assert (body["AlarmRule"], child["State"]["Value"]) == ("ALARM(child)", "ALARM")


def test_eventbridge_gets_the_event_that_the_service_reads(cloud: Gateway, topic: str) -> None:
    sqs = cloud.client("sqs", WEST)
    queue = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": queue_policy(arn)})
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [{"prefix": "prod-kms-impaired-"}]}}
    events = cloud.client("events", WEST)
    events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": arn}])
    name = f"prod-kms-impaired-{WEST}"

    put_alarm(cloud, name, topic, **RULE, MetricName="None", Statistic="Sum", TreatMissingData="breaching")

    received = awaited(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    event = json.loads(received[0]["Body"])
    signal = read(event)
    assert (signal.region, signal.outcome) == (WEST, Outcome.REGION_FAULT)
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    metric = event["detail"]["configuration"]["metrics"][0]["metricStat"]
    assert metric == {
        "metric": {"namespace": NAMESPACE, "name": "None", "dimensions": {}},
        "period": 60,
        "stat": "Sum",
    }


def growth(queue: str, expression: str = "DIFF(waiting)") -> dict[str, Any]:
    dimensions = [{"Name": "QueueName", "Value": queue}]
    metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": dimensions}
    waiting = {"Id": "waiting", "MetricStat": {"Metric": metric, "Stat": "Maximum", "Period": 60}, "ReturnData": False}
    rest = {name: RULE[name] for name in ("EvaluationPeriods", "Threshold", "ComparisonOperator")}
    return rest | {"Metrics": [{"Id": "grown", "Expression": expression, "ReturnData": True}, waiting]}


def test_an_expression_over_what_waits_in_a_queue_rings(cloud: Gateway, topic: str) -> None:
    queue = cloud.client("sqs", WEST).create_queue(QueueName="letters")["QueueUrl"]
    put_alarm(cloud, "more", topic, **growth("letters"), TreatMissingData="notBreaching")
    awaited(lambda: state_of(cloud, "more") == "OK")

    sqs = cloud.client("sqs", WEST)
    body = json.loads(rings(cloud, "more", lambda: sqs.send_message(QueueUrl=queue, MessageBody="one"))["body"])

    assert body["Trigger"]["Metrics"][0]["Expression"] == "DIFF(waiting)"
    awaited(lambda: state_of(cloud, "more") == "OK")  # it waits still, and does not grow


def test_an_expression_that_is_not_evaluated_here_is_refused_by_name(cloud: Gateway, topic: str) -> None:
    with pytest.raises(ClientError, match="function RATE is not evaluated by the local cloud"):
        put_alarm(cloud, "rate", topic, **growth("letters", "RATE(waiting)"))


def test_cloudformation_keeps_an_expression_whole_and_refuses_what_is_not_evaluated(cloud: Gateway) -> None:
    stacks, metrics = cloud.client("cloudformation", WEST), cloud.client("cloudwatch", WEST)
    made = {"kept": growth("letters"), "refused": growth("letters", "RATE(waiting)")}
    for name, properties in made.items():
        alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | {"AlarmName": name}}
        stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Alarm": alarm}}))

    ended = {name: awaited(lambda name=name: ended_status(stacks, name)) for name in made}  # type: ignore[misc]  # a default binds

    assert ended == {"kept": "CREATE_COMPLETE", "refused": "ROLLBACK_COMPLETE"}
    (kept,) = metrics.describe_alarms(AlarmNames=[*made])["MetricAlarms"]
    assert kept["Metrics"] == made["kept"]["Metrics"]


def ended_status(stacks: Any, name: str) -> str | None:
    status = str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    return None if status.endswith("_IN_PROGRESS") else status


def test_messages_sent_and_the_oldest_ones_age_are_metrics(cloud: Gateway, topic: str) -> None:
    queue = cloud.client("sqs", WEST).create_queue(QueueName="aged")["QueueUrl"]
    rule = RULE | {"Namespace": "AWS/SQS", "Dimensions": [{"Name": "QueueName", "Value": "aged"}]}
    rule |= {"TreatMissingData": "notBreaching"}
    put_alarm(cloud, "sent", topic, **rule | {"MetricName": "NumberOfMessagesSent", "Statistic": "Sum", "Threshold": 1})
    put_alarm(cloud, "old", topic, **rule | {"MetricName": "ApproximateAgeOfOldestMessage", "Statistic": "Maximum"})

    entries = [{"Id": str(number), "MessageBody": "one"} for number in range(2)]
    rings(cloud, "sent", lambda: cloud.client("sqs", WEST).send_message_batch(QueueUrl=queue, Entries=entries))

    awaited(lambda: cloud.messages(alarm="old", state="ALARM"))
    awaited(lambda: state_of(cloud, "sent") == "OK")
    assert state_of(cloud, "old") == "ALARM"


def test_a_redriven_message_waits_and_was_not_sent(cloud: Gateway) -> None:
    sqs, metrics = cloud.client("sqs", WEST), cloud.client("cloudwatch", WEST)
    sqs.create_queue(QueueName="dead")
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:{WEST}:000000000000:dead", "maxReceiveCount": 1}
    queue = sqs.create_queue(QueueName="alive", Attributes={"RedrivePolicy": json.dumps(policy)})["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="one")

    awaited(lambda: "Messages" not in sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0))

    def waiting() -> list[dict[str, Any]]:
        at = {"StartTime": time.time() - 60, "EndTime": time.time() + 60, "Period": 60, "Statistics": ["Maximum"]}
        named = {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": "dead"}],
        }
        points = metrics.get_metric_statistics(Namespace="AWS/SQS", **named, **at)["Datapoints"]
        return [point for point in points if point["Maximum"] == 1]

    awaited(waiting)
    sent = metrics.list_metrics(Namespace="AWS/SQS", MetricName="NumberOfMessagesSent")["Metrics"]
    queues = {one["Value"] for metric in sent for one in metric["Dimensions"]}
    assert "alive" in queues
    assert "dead" not in queues


def test_a_failed_execution_is_a_metric(cloud: Gateway, topic: str) -> None:
    machines = cloud.client("stepfunctions", WEST)
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": "a test's"}}})
    role = cloud.client("iam").create_role(RoleName="fails", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    machine = machines.create_state_machine(name="fails", definition=definition, roleArn=role)["stateMachineArn"]
    rule = RULE | {"Namespace": "AWS/States", "MetricName": "ExecutionsFailed", "TreatMissingData": "notBreaching"}
    put_alarm(
        cloud, "failed", topic, **rule, Statistic="Sum", Dimensions=[{"Name": "StateMachineArn", "Value": machine}]
    )

    rang = rings(cloud, "failed", lambda: machines.start_execution(stateMachineArn=machine))

    assert json.loads(rang["body"])["Trigger"]["Namespace"] == "AWS/States"


def test_a_functions_line_counts_when_it_is_written(cloud: Gateway, topic: str) -> None:
    """And not when the invocation ends: the probe's lasts a minute."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("slow.py", SLOW_HANDLER)
    functions = cloud.client("lambda", WEST)
    role = cloud.client("iam").create_role(RoleName="slow", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions.create_function(
        FunctionName="slow", Runtime="python3.13", Role=role, Handler="slow.handler", Code={"ZipFile": code.getvalue()},
        Timeout=90,
    )  # fmt: skip
    rule = RULE | {"MetricName": "Slow", "TreatMissingData": "notBreaching"}
    put_alarm(cloud, "slow", topic, **rule, Statistic="Sum")

    payload = json.dumps({"line": line("Slow", 1)})
    functions.invoke(FunctionName="slow", InvocationType="Event", Payload=payload)

    metrics = cloud.client("cloudwatch", WEST)
    awaited(lambda: metrics.list_metrics(Namespace=NAMESPACE, MetricName="Slow")["Metrics"])
    groups = cloud.client("logs", WEST).describe_log_groups(logGroupNamePrefix="/aws/lambda/slow")["logGroups"]
    assert groups == []  # the cloud writes them when the invocation ends


def test_the_page_shows_the_newest_first_to_people_and_to_programs(cloud: Gateway, topic: str) -> None:
    sns = cloud.client("sns", WEST)
    for text in ("earlier", "<b>later</b>"):
        sns.publish(TopicArn=topic, Subject=f"about {text}", Message=text)

    kind, html = cloud.page()

    assert kind.startswith("text/html")
    assert html.index(escape("<b>later</b>")) < html.index("earlier")
    assert "<b>" not in html
    bodies = [one["body"] for one in cloud.messages(topic=topic) if one["alarm"] is None]
    assert bodies[:2] == ["<b>later</b>", "earlier"]
    assert cloud.page(accept="application/json")[0] == "application/json"
