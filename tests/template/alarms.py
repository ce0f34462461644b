"""What each alarm has to look at, by what the code measures and reads; and in words, where one does not."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

from functions.controller import handler as controller
from functions.probe import handler as probe
from functions.reimport import handler as reimport
from functions.rewrap import handler as rewrap
from functions.signals import handler as signals
from functions.sweep import handler as sweep
from kms_failover.adapters.state_table.unreadable_metric import UnreadableMetric
from kms_failover.domain.routing.aws_events import ALARM_INFIX, read
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.judgement import first_judgement
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.errors import UnreadableItemError
from local.cloud.alarm_evaluation import alarm_query
from tests.domain.strategies import NOON, key_set
from tests.template.deployed import Stack
from tests.template.samples import (
    Sample,
    of_age,
    of_counts,
    of_keys,
    of_looks,
    of_more_waiting,
    of_rounds,
    of_runs,
    of_sweeps,
    of_waiting,
    wrong_ringing,
)

type Metric = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions


class Said(NamedTuple):
    metric: Metric
    value: float


def wrong_alarms(stack: Stack) -> list[str]:
    """What it looks at, whether it rings when it has to and only then, whom it tells, and what its name says."""
    expected, found = samples(stack), {metric_of(alarm): alarm for alarm in stack.alarms()}
    problems = [f"no alarm looks at {metric}" for metric in expected.keys() - found.keys()]
    for metric, alarm in found.items():
        if metric not in expected:
            problems.append(f"nothing measures {metric} of {alarm['AlarmName']}, or it has no samples")
        problems += wrong_ringing(alarm, expected.get(metric, ()))
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


def samples(stack: Stack) -> dict[Metric, tuple[Sample, ...]]:
    """By what an alarm has to look at, what it is shown: in the values that the code says."""
    return {metric: tuple(shown) for metric, shown in _expected(stack)}


def _expected(stack: Stack) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    yield from _impaired(stack)
    yield from _lost(stack)
    yield from _counted(stack)
    yield from _of_material(stack)
    yield from _of_queues(stack)
    overdue, none = (_said(lambda count=count: sweep._count_overdue(count, _name(stack))) for count in (3, 0))  # type: ignore[misc]  # a default binds
    yield overdue.metric, of_sweeps(overdue.value, none.value)
    for end in ("ExecutionsFailed", "ExecutionsAborted"):
        yield ("AWS/States", end, frozenset({("StateMachineArn", stack.place.backfill)})), of_counts(1)


def _name(stack: Stack) -> str:
    return stack.place.deployment.name


def _impaired(stack: Stack) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    for region in (stack.region, stack.peer):
        fault = Observation(
            observer=stack.region, region=region, source=Source.PROBE, outcome=Outcome.REGION_FAULT, at=NOON, id="1"
        )
        fails = _said(lambda fault=fault: probe._measure(_name(stack), fault))  # type: ignore[misc]  # a default binds
        well = _said(
            lambda fault=fault: probe._measure(_name(stack), fault.but(outcome=Outcome.OK))  # type: ignore[misc]
        )
        yield fails.metric, of_rounds(fails.value, well.value)


def _lost(stack: Stack) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    """Of each of the deployment's regions, and of any: a key set may name others."""
    for region in (stack.region, stack.peer):
        lost, well = (_judged(stack, region, verdict)[0] for verdict in (Verdict.IMPAIRED, Verdict.HEALTHY))
        yield lost.metric, of_runs(lost.value, well.value)
    lost, well = (_judged(stack, "eu-west-1", verdict)[-1] for verdict in (Verdict.IMPAIRED, Verdict.HEALTHY))
    yield lost.metric, of_runs(lost.value, well.value)


def _judged(stack: Stack, region: str, verdict: Verdict) -> list[Said]:
    judgement = first_judgement(key_set(), stack.region, NOON)
    health = RegionHealth(region=region, since=NOON, verdict=verdict)
    return _all_said(lambda: controller._emit(_name(stack), [judgement.but(verdicts=(health,))]))


def _counted(stack: Stack) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    deployment = _name(stack)
    ignored = IgnoredEvent(id="1", source="", detail_type="", at=NOON, reason="")
    unreadable = UnreadableItemError("key-sets", "orders", "")
    for emit in (
        lambda: signals._announce(ignored, deployment),
        lambda: UnreadableMetric(deployment)([unreadable]),
        lambda: rewrap._count_tampered(deployment),
        lambda: sweep._count_dropped(3, deployment),
    ):
        one = _said(emit)
        yield one.metric, of_counts(one.value)


def _of_material(stack: Stack) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    at_risk, kept = (_said(lambda count=count: reimport._count_at_risk(_name(stack), count)) for count in (1, 0))  # type: ignore[misc]  # a default binds
    yield at_risk.metric, of_keys(at_risk.value, kept.value)
    look = _said(lambda: reimport._count_run(_name(stack)))
    yield look.metric, of_looks(look.value)


def _of_queues(stack: Stack) -> Iterator[tuple[Metric, Iterable[Sample]]]:
    for queue in _destinations(stack):
        yield _of_queue("ApproximateNumberOfMessagesVisible", queue), of_waiting()
        yield _of_queue("NumberOfMessagesSent", queue), of_counts(1)
    for source, dead_letters in _redriven(stack):
        yield _of_queue("ApproximateAgeOfOldestMessage", source), of_age(3600)
        yield _of_queue("ApproximateNumberOfMessagesVisible", dead_letters), of_waiting()
        grown = _of_queue("DIFF ApproximateNumberOfMessagesVisible", dead_letters)
        yield grown, of_more_waiting()  # redriven ones do not count as sent


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


def _said(emit: Callable[[], None]) -> Said:
    return _all_said(emit)[0]


def _all_said(emit: Callable[[], None]) -> list[Said]:
    """The metrics that CloudWatch reads in what is printed."""
    with redirect_stdout(StringIO()) as printed:
        emit()
    blobs: list[dict[str, Any]] = [json.loads(line) for line in printed.getvalue().splitlines()]
    return [_read(blob) for blob in blobs if "_aws" in blob]


def _read(blob: dict[str, Any]) -> Said:
    (metric,) = blob["_aws"]["CloudWatchMetrics"]
    (dimensions,) = metric["Dimensions"]
    name = metric["Metrics"][0]["Name"]
    (value,) = blob[name]
    return Said((metric["Namespace"], name, frozenset((one, blob[one]) for one in dimensions)), value)


def metric_of(alarm: dict[str, Any]) -> Metric:
    """Of one that looks at an expression over one metric, the function's name stands before the metric's."""
    query = alarm_query(alarm)
    return query.namespace, f"{query.function} {query.name}".lstrip(), query.dimensions
