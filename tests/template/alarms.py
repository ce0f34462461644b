"""What each alarm has to look at, by what the code measures and reads; and in words, where one does not."""

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from functions.probe import handler as probe
from functions.signals import handler as signals
from kms_failover.domain.aws_events import ALARM_INFIX, read
from kms_failover.domain.health import Observation, Outcome, Source
from kms_failover.domain.signals import IgnoredEvent
from tests.domain.strategies import NOON
from tests.template.deployed import Stack

type Metric = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions


def wrong_alarms(stack: Stack) -> list[str]:
    expected, found = set(_expected(stack)), {_metric(alarm): alarm for alarm in stack.alarms()}
    problems = [f"no alarm looks at {metric}" for metric in expected - set(found)]
    problems += [f"nothing measures {metric} of {found[metric]['AlarmName']}" for metric in set(found) - expected]
    for metric, alarm in found.items():
        if alarm.get("AlarmActions") != [stack.place.changes_topic]:
            problems.append(f"{alarm['AlarmName']} tells nobody")
        problems += _wrong_name(stack, metric, alarm["AlarmName"])
    return problems


def _wrong_name(stack: Stack, metric: Metric, name: str) -> Iterator[str]:
    """The alarm of a region's KMS names the region for signals to read; no other alarm may be read so."""
    region = dict(metric[2]).get("Region")
    if region is None:
        if ALARM_INFIX in name:
            yield f"{name} would be read as a region's"
        return
    rings = {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "time": NOON.isoformat()}
    if not name.startswith(f"{stack.place.deployment.name}{ALARM_INFIX}"):
        yield f"{name} matches no rule and is not read"
    elif read(rings | {"detail": {"alarmName": name, "state": {"value": "ALARM"}}}).region != region:
        yield f"{name} is read as another region's than {region}"


def _expected(stack: Stack) -> Iterator[Metric]:
    deployment = stack.place.deployment.name
    fault = Observation(
        observer=stack.region, region=stack.region, source=Source.PROBE, outcome=Outcome.REGION_FAULT, at=NOON, id="1"
    )
    yield _emitted(lambda: probe._measure(deployment, fault))
    yield _emitted(lambda: probe._measure(deployment, fault.model_copy(update={"region": stack.peer})))
    ignored = IgnoredEvent(id="1", source="", detail_type="", at=NOON, reason="")
    yield _emitted(lambda: signals._announce(ignored, deployment))
    for queue in _queues_of_failures(stack):
        yield "AWS/SQS", "ApproximateNumberOfMessagesVisible", frozenset({("QueueName", queue.rpartition(":")[2])})


def _queues_of_failures(stack: Stack) -> set[str]:
    """ARNs of what an asynchronous invocation is given up to, and a queue's message."""
    invoked = [one.get("EventInvokeConfig") for one in stack.resources("AWS::Serverless::Function").values()]
    redriven = [one.get("RedrivePolicy") for one in stack.resources("AWS::SQS::Queue").values()]
    failures = [one["DestinationConfig"]["OnFailure"]["Destination"] for one in invoked if one]
    dead_letters = [one["deadLetterTargetArn"] for one in redriven if one]
    return {stack.resolved(one) for one in failures + dead_letters}


def _emitted(emit: Callable[[], None]) -> Metric:
    """From the one metric that CloudWatch reads in what is printed."""
    with redirect_stdout(StringIO()) as printed:
        emit()
    blobs: list[dict[str, Any]] = [json.loads(line) for line in printed.getvalue().splitlines()]
    (blob,) = [blob for blob in blobs if "_aws" in blob]
    (metric,) = blob["_aws"]["CloudWatchMetrics"]
    (dimensions,) = metric["Dimensions"]
    return metric["Namespace"], metric["Metrics"][0]["Name"], frozenset((name, blob[name]) for name in dimensions)


def _metric(alarm: dict[str, Any]) -> Metric:
    dimensions = frozenset((one["Name"], one["Value"]) for one in alarm["Dimensions"])
    return alarm["Namespace"], alarm["MetricName"], dimensions
