"""What each alarm has to look at, by what the code measures and reads; and in words, where one does not."""

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from functions.controller import handler as controller
from functions.probe import handler as probe
from functions.reimport import handler as reimport
from functions.rewrap import handler as rewrap
from functions.signals import handler as signals
from functions.sweep import handler as sweep
from kms_failover.adapters.unreadable_metric import UnreadableMetric
from kms_failover.domain.aws_events import ALARM_INFIX, read
from kms_failover.domain.health import Observation, Outcome, RegionHealth, Source
from kms_failover.domain.judgement import first_judgement
from kms_failover.domain.signals import IgnoredEvent
from kms_failover.errors import UnreadableItemError
from tests.domain.strategies import NOON, key_set
from tests.template.deployed import Stack

type Metric = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions


def wrong_alarms(stack: Stack) -> list[str]:
    expected, found = set(_expected(stack)), {_metric(alarm): alarm for alarm in stack.alarms()}
    problems = [f"no alarm looks at {metric}" for metric in expected - set(found)]
    problems += [f"nothing measures {metric} of {found[metric]['AlarmName']}" for metric in set(found) - expected]
    for metric, alarm in found.items():
        if alarm.get("AlarmActions") != [stack.place.changes_topic]:
            problems.append(f"{alarm['AlarmName']} tells nobody")
        if alarm.get("OKActions") != [stack.place.changes_topic]:
            problems.append(f"{alarm['AlarmName']} tells nobody that it is over")
        problems += _wrong_name(stack, metric, alarm["AlarmName"])
    return problems


def _wrong_name(stack: Stack, metric: Metric, name: str) -> Iterator[str]:
    """The alarm of a region's KMS names the region for signals to read; no other alarm may be read so.

    Least of all the one of a lost region: the controller would take its own conclusion for evidence.
    """
    region = dict(metric[2]).get("Region", "")
    if not name.endswith(region):
        yield f"{name} names another region than {region}"
    if metric[1] != "RegionFault":
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
    unreadable = UnreadableItemError("key-sets", "orders", "")
    yield _emitted(lambda: UnreadableMetric(deployment)([unreadable]))
    yield _emitted(lambda: reimport._count_at_risk(deployment, 1))
    yield _emitted(lambda: reimport._count_run(deployment))
    yield _emitted(lambda: rewrap._count_tampered(deployment))
    yield _emitted(lambda: sweep._count_overdue(0, deployment))
    yield from _lost(stack)
    for queue in _destinations(stack):
        yield _of_queue("ApproximateNumberOfMessagesVisible", queue)
        yield _of_queue("NumberOfMessagesSent", queue)
    for source, dead_letters in _redriven(stack):
        yield _of_queue("ApproximateAgeOfOldestMessage", source)
        yield _of_queue("ApproximateNumberOfMessagesVisible", dead_letters)
        yield _of_queue("DIFF ApproximateNumberOfMessagesVisible", dead_letters)  # redriven ones do not count as sent
    for end in ("ExecutionsFailed", "ExecutionsAborted"):
        yield "AWS/States", end, frozenset({("StateMachineArn", stack.place.backfill)})


def _lost(stack: Stack) -> Iterator[Metric]:
    """Of each region that a judgement is about."""
    deployment, judgement = stack.place.deployment.name, first_judgement(key_set(), stack.region, NOON)
    for region in (stack.region, stack.peer):
        health = RegionHealth(region=region, since=NOON)
        one = judgement.model_copy(update={"verdicts": (health,)})
        yield _emitted(lambda one=one: controller._emit(deployment, [one]))  # type: ignore[misc]  # a default binds the loop's judgement


def _of_queue(metric: str, arn: str) -> Metric:
    return "AWS/SQS", metric, frozenset({("QueueName", arn.rpartition(":")[2])})


def _destinations(stack: Stack) -> set[str]:
    """ARNs of what an asynchronous invocation is given up to."""
    invoked = [one.get("EventInvokeConfig") for one in stack.resources("AWS::Serverless::Function").values()]
    return {stack.resolved(one["DestinationConfig"]["OnFailure"]["Destination"]) for one in invoked if one}


def _redriven(stack: Stack) -> Iterator[tuple[str, str]]:
    """ARNs of each queue that gives messages up, and of where they go."""
    for name, queue in stack.resources("AWS::SQS::Queue").items():
        if redrive := queue.get("RedrivePolicy"):
            yield stack.resolved({"Fn::GetAtt": [name, "Arn"]}), stack.resolved(redrive["deadLetterTargetArn"])


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
    """Of one that looks at an expression over one metric, the function's name stands before the metric's."""
    if "Metrics" in alarm:
        expression, looked_at = alarm["Metrics"]
        function, _, operand = expression["Expression"].rstrip(")").partition("(")
        assert (operand, expression["ReturnData"], looked_at["ReturnData"]) == (looked_at["Id"], True, False)
        namespace, name, dimensions = _metric(looked_at["MetricStat"]["Metric"])
        return namespace, f"{function} {name}", dimensions
    dimensions = frozenset((one["Name"], one["Value"]) for one in alarm["Dimensions"])
    return alarm["Namespace"], alarm["MetricName"], dimensions
