"""The rules of EventBridge: each event that the code reads is delivered, and no other."""

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.template.loading import ROOT
from tests.template.resources import (
    FUNCTIONS,
    properties,
    resources,
)


def rules() -> dict[str, dict[str, Any]]:
    """Every EventBridge rule's pattern and targets' dead-letter configurations, by name."""
    found = {
        f"{name}.{event}": {"pattern": trigger["Properties"]["Pattern"], "dead": [trigger["Properties"]]}
        for name in FUNCTIONS
        for event, trigger in properties(name).get("Events", {}).items()
        if trigger["Type"] == "EventBridgeRule"
    }
    for name, rule in resources("AWS::Events::Rule").items():
        found[name] = {"pattern": rule["Properties"]["EventPattern"], "dead": rule["Properties"]["Targets"]}
    return found


@pytest.mark.parametrize("name", rules())
def test_each_rule_has_somewhere_for_what_it_cannot_deliver(name: str) -> None:
    for target in rules()[name]["dead"]:
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["FailuresQueue", "Arn"]}}


def test_eventbridge_may_write_to_the_failures_queue() -> None:
    policy = resources("AWS::SQS::QueuePolicy")["FailuresQueuePolicy"]["Properties"]
    statement = policy["PolicyDocument"]["Statement"][0]

    assert policy["Queues"] == [{"Ref": "FailuresQueue"}]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")


# The examples in events/ are really delivered

DEPLOYED = {"AWS::StackName": "kms-failover"}
BUCKETS = ["BUCKETS"]


def concrete(value: Any, buckets: list[str]) -> Any:
    """The pattern as it is deployed under the name kms-failover."""
    if isinstance(value, dict):
        if "Fn::Sub" in value:
            text: str = value["Fn::Sub"]
            for name, replacement in DEPLOYED.items():
                text = text.replace(f"${{{name}}}", replacement)
            return text
        if value == {"Ref": "BucketNames"}:
            return buckets
        return {key: concrete(child, buckets) for key, child in value.items()}
    return [concrete(child, buckets) for child in value] if isinstance(value, list) else value


def matching(event: Any) -> set[str]:
    bucket = event.get("detail", {}).get("bucket", {})
    buckets = [bucket["name"]] if bucket else ["none"]
    return {
        name
        for name, rule in rules().items()
        if EventPattern.load(json.dumps(concrete(rule["pattern"], buckets))).matches_event(event)
    }


EXAMPLES = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))}
EMITTED = {"kms-route-changed", "kms-readiness-changed"}  # by us, for others
UNWANTED = {"aws-health-abuse-event"}
READ_ONLY = {"cloudtrail-get-parameters-for-import"}  # EventBridge delivers none of these to an ordinary rule
CONSUMED = {name for name, event in EXAMPLES.items() if "detail-type" in event} - EMITTED - UNWANTED - READ_ONLY


@pytest.mark.parametrize("name", sorted(CONSUMED))
def test_each_example_event_matches_a_rule(name: str) -> None:
    assert matching(EXAMPLES[name])


@pytest.mark.parametrize("name", sorted(CONSUMED | EMITTED | UNWANTED))
def test_the_signals_rules_deliver_what_the_code_reads_and_nothing_else(name: str) -> None:
    from kms_failover.domain.routing.aws_events import repeat_key  # noqa: PLC0415  # whether it is read

    delivered = any(rule.startswith("SignalsFunction.") for rule in matching(EXAMPLES[name]))

    assert delivered is bool(repeat_key(EXAMPLES[name]))


def values(rule: str, *path: str) -> set[str]:
    pattern = rules()[f"SignalsFunction.{rule}"]["pattern"]
    for step in path:
        pattern = pattern[step]
    return set(pattern)


def test_the_signals_rules_name_exactly_the_events_of_keys_that_the_code_knows() -> None:
    from kms_failover.domain.routing import aws_events  # noqa: PLC0415  # for its tables only

    assert values("Keys", "detail-type") == set(aws_events.KEY_EVENTS)
    for rule, detail_type in (("KeyCalls", aws_events.API_CALL), ("KeyServiceEvents", aws_events.SERVICE_EVENT)):
        assert values(rule, "detail-type") == {detail_type}
        assert values(rule, "detail", "eventName") == set(aws_events.CALLS[detail_type]) - aws_events.READ_ONLY
    assert values("Health", "detail", "service") == aws_events.HEALTH_SERVICES


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("aws-health-kms-open", {"detail": {"service": "EC2"}}),
        ("aws-health-kms-open", {"detail-type": "AWS Health Abuse Event"}),
        ("cloudwatch-alarm", {"detail": {"alarmName": "other-kms-impaired-us-east-1"}}),
        ("cloudtrail-disable-key", {"detail": {"eventSource": "kms.amazonaws.com", "eventName": "Decrypt"}}),
        ("cloudtrail-delete-key", {"detail": {"eventSource": "kms.amazonaws.com", "eventName": "DisableKey"}}),
        ("drill-region-impaired", {"source": "somebody.else"}),
        ("drill-region-impaired", {"detail": {"region": "us-east-1"}}),
        ("drill-region-impaired", {"detail": {"deployment": "other", "region": "us-east-1"}}),
        ("kms-region-recovered", {"detail": {"deployment": "other", "keySet": "orders"}}),
    ],
)
def test_its_neighbours_match_none(name: str, change: dict[str, Any]) -> None:
    assert not matching(EXAMPLES[name] | change)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_names_nobodys_account(name: str) -> None:
    assert EXAMPLES[name].get("account", "111122223333") == "111122223333"
