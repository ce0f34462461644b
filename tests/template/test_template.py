"""The house rules of template.yaml: what would only fail in an account, or on the day that KMS fails."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from kms_failover.domain.routing.schedule import deployed_in
from tests.template.deployed import HOME, REPLICA, Stack
from tests.template.loading import ROOT, TEXT, loaded

FAILOVER_PATH = {"data-keys", "probe", "signals", "controller", "runbook"}


def resources(*kinds: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
    return {name: resource for name, resource in found.items() if not kinds or resource["Type"] in kinds}


TEMPLATE = loaded(TEXT)
FUNCTIONS = resources("AWS::Serverless::Function")
ASYNCHRONOUS = {"Schedule", "ScheduleV2", "EventBridgeRule", "CloudWatchEvent", "SNS", "S3"}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = FUNCTIONS[name]["Properties"]
    return found


def timeout(name: str) -> int:
    return int(properties(name).get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"]))


def role(name: str) -> str:
    full_name: str = properties(name)["FunctionName"]["Fn::Sub"]
    return full_name.removeprefix("${AWS::StackName}-")


def unconditional(statements: list[Any]) -> Iterator[dict[str, Any]]:
    for statement in statements:
        yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def statements(name: str, effect: str = "Allow") -> list[dict[str, Any]]:
    policies = resources()[name]["Properties"].get("Policies", [])
    said = [statement for policy in policies for statement in unconditional(policy["Statement"])]
    return [statement for statement in said if statement["Effect"] == effect]


def actions(statement: dict[str, Any]) -> list[str]:
    action = statement["Action"]
    return [action] if isinstance(action, str) else action


# Functions


@every_function
def test_each_handler_is_a_callable_under_exactly_the_name_that_lambda_uses(name: str) -> None:
    module, _, function = properties(name)["Handler"].rpartition(".")
    folder = properties(name)["CodeUri"]

    found = importlib.import_module(module)

    assert callable(getattr(found, function))
    assert module == f"{folder.replace('/', '.')}.handler"
    build = FUNCTIONS[name]["Metadata"]["BuildProperties"]
    assert build == {"ParentPackageMode": "explicit", "ParentPackages": folder.replace("/", ".")}


@every_function
def test_no_function_has_environment_variables(name: str) -> None:
    assert "Environment" not in properties(name)
    assert "Environment" not in TEMPLATE["Globals"]["Function"]


@every_function
def test_each_function_is_named_as_the_code_derives_names(name: str) -> None:
    from kms_failover.domain.naming import FUNCTIONS as ROLES  # noqa: PLC0415  # beside the template's FUNCTIONS

    assert role(name) in ROLES


@every_function
def test_each_function_has_its_own_log_group_with_retention(name: str) -> None:
    group = resources("AWS::Logs::LogGroup")[properties(name)["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]

    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{properties(name)['FunctionName']['Fn::Sub']}"}
    assert "RetentionInDays" in group


@every_function
def test_no_function_makes_a_log_group_that_outlives_its_stack(name: str) -> None:
    (denied,) = statements(name, "Deny")

    assert (denied["Action"], "Condition" in denied) == ("logs:CreateLogGroup", False)
    assert denied["Resource"]["Fn::Sub"].endswith(":log-group:/aws/lambda/${AWS::StackName}-*")


@pytest.mark.parametrize("reserving", ["probe", "controller", "signals", "runbook"])
def test_a_function_that_an_outage_needs_has_concurrency_of_its_own(reserving: str) -> None:
    (name,) = [name for name in FUNCTIONS if role(name) == reserving]
    parameter = f"Reserved{reserving.title()}"

    reserved = properties(name)["ReservedConcurrentExecutions"]

    assert reserved == {"Fn::If": [f"Reserves{reserving.title()}", {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}
    assert TEMPLATE["Conditions"][f"Reserves{reserving.title()}"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, 0]}]
    }
    # more than one: a run may still be under way when the next one is due, and beside it one that was asked for
    assert TEMPLATE["Parameters"][parameter]["Default"] > 2


def test_what_callers_use_is_not_bounded_by_what_is_reserved() -> None:
    reserving = {role(name) for name in FUNCTIONS if "ReservedConcurrentExecutions" in properties(name)}

    assert "data-keys" not in reserving


# A first deployment that fails can be repeated


def test_nothing_that_has_a_name_outlives_a_first_deployment_that_fails() -> None:
    kept = {name: one["DeletionPolicy"] for name, one in resources().items() if "DeletionPolicy" in one}

    assert kept == {"StateTable": "RetainExceptOnCreate"}
    assert resources()["StateTable"]["UpdateReplacePolicy"] == "Retain"


def test_a_stack_begins_in_one_of_the_two_regions_of_its_table_alone() -> None:
    (rule,) = TEMPLATE["Rules"].values()

    here, different = [one["Assert"] for one in rule["Assertions"]]

    homes = [{"Ref": "StateTableHome"}, {"Ref": "StateTableReplica"}]
    assert here == {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, home]} for home in homes]}
    assert different == {"Fn::Not": [{"Fn::Equals": homes}]}


@every_function
def test_what_is_invoked_asynchronously_has_a_failure_destination(name: str) -> None:
    triggers = {event["Type"] for event in properties(name).get("Events", {}).values()}
    invoked_by_code = {"controller", "runbook"}
    if not triggers & ASYNCHRONOUS and role(name) not in invoked_by_code:
        return

    destination = properties(name)["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]

    assert destination == {"Type": "SQS", "Destination": {"Fn::GetAtt": ["FailuresQueue", "Arn"]}}


def test_a_function_outlasts_what_it_waits_for() -> None:
    from kms_failover.adapters.starter import LambdaStarter  # noqa: PLC0415  # for its number only
    from kms_failover.domain.routing.probe import ROUND_SECONDS  # noqa: PLC0415  # the same
    from kms_failover.domain.routing.probe_request import ROUNDS  # noqa: PLC0415  # the same

    by_role = {role(name): timeout(name) for name in FUNCTIONS}

    assert by_role["reimport"] < LambdaStarter.PATIENCE_SECONDS < by_role["runbook"]
    assert by_role["probe"] > ROUNDS * ROUND_SECONDS


# KMS is not on the path


@pytest.mark.parametrize("name", resources())
def test_nothing_is_encrypted_under_a_kms_key(name: str) -> None:
    text = json.dumps(resources()[name].get("Properties", {}))

    for setting in ("KmsMasterKeyId", "KmsKeyId", "KmsKeyArn", "KMSMasterKeyId", "KMSKeyArn", "SSESpecification"):
        assert f'"{setting}"' not in text


# Permissions: each is used. The module is where the call stands.

CALLS: dict[str, dict[str, tuple[str, str]]] = {
    "data-keys": {
        "kms:GenerateDataKey": ("kms_failover.client.bundler", '"generate_data_key"'),
        "kms:Encrypt": ("kms_failover.client.bundler", '"encrypt"'),
        "kms:Decrypt": ("kms_failover.client.bundler", '"decrypt"'),
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
    },
    "probe": {
        "kms:GenerateDataKey": ("kms_failover.adapters.prober", '"generate_data_key"'),
        "kms:Decrypt": ("kms_failover.adapters.prober", '"decrypt"'),
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
    },
    "signals": {
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "dynamodb:GetItem": ("kms_failover.adapters.once", "DynamoDBPersistenceLayer("),
        "dynamodb:UpdateItem": ("kms_failover.adapters.once", "DynamoDBPersistenceLayer("),
        "dynamodb:DeleteItem": ("kms_failover.adapters.once", "DynamoDBPersistenceLayer("),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
    },
    "controller": {
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
        "sns:Publish": ("kms_failover.adapters.announcer", ".publish("),
        "events:PutEvents": ("kms_failover.adapters.announcer", ".put_events("),
    },
    "rewrap": {
        "kms:Decrypt": ("kms_failover.client.bundler", '"decrypt"'),
        "kms:Encrypt": ("kms_failover.client.bundler", '"encrypt"'),
        "kms:GenerateDataKey": ("kms_failover.adapters.objects", ".copy_object("),  # S3, in the function's name
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "dynamodb:DeleteItem": ("kms_failover.adapters.items", ".delete_item("),
        "s3:GetObject": ("kms_failover.adapters.objects", ".head_object("),
        "s3:GetObjectVersion": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:GetObjectTagging": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:GetObjectVersionTagging": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:PutObject": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:GetObjectAnnotation": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:PutObjectAnnotation": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:PutObjectTagging": ("kms_failover.adapters.objects", ".copy_object("),
        "s3:GetObjectRetention": ("kms_failover.adapters.objects", "ObjectLock"),
        "s3:GetObjectLegalHold": ("kms_failover.adapters.objects", "ObjectLock"),
        "s3:PutObjectRetention": ("kms_failover.adapters.objects", "ObjectLock"),
        "s3:PutObjectLegalHold": ("kms_failover.adapters.objects", "ObjectLock"),
        "s3:GetReplicationConfiguration": ("kms_failover.adapters.objects", ".get_bucket_replication("),
        "s3:ListBucket": ("kms_failover.adapters.objects", ".head_object("),
        "s3:ListBucketVersions": ("kms_failover.adapters.objects", ".list_object_versions("),
    },
    "sweep": {
        "dynamodb:GetItem": ("kms_failover.adapters.items", ".get_item("),
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "dynamodb:DeleteItem": ("kms_failover.adapters.items", ".delete_item("),
        "states:DescribeExecution": ("kms_failover.adapters.map_runs", ".describe_execution("),
        "states:ListMapRuns": ("kms_failover.adapters.map_runs", ".list_map_runs("),
        "states:DescribeMapRun": ("kms_failover.adapters.map_runs", ".describe_map_run("),
        "sqs:SendMessage": ("kms_failover.adapters.queue", ".send_message_batch("),
        "sqs:GetQueueUrl": ("kms_failover.bootstrap", ".get_queue_url("),
    },
    "reimport": {
        "kms:DescribeKey": ("kms_failover.adapters.key_import", ".describe_key("),
        "kms:ListKeyRotations": ("kms_failover.adapters.key_import", ".list_key_rotations("),
        "kms:GetParametersForImport": ("kms_failover.adapters.key_import", ".get_parameters_for_import("),
        "kms:ImportKeyMaterial": ("kms_failover.adapters.key_import", ".import_key_material("),
        "kms:GenerateDataKeyWithoutPlaintext": (
            "kms_failover.adapters.key_import",
            ".generate_data_key_without_plaintext(",
        ),
        "kms:Decrypt": ("kms_failover.adapters.key_import", ".decrypt("),
        "secretsmanager:GetSecretValue": ("kms_failover.adapters.custody", ".get_secret_value("),
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "dynamodb:UpdateItem": ("kms_failover.adapters.lease", "_table.update_item,"),
        "dynamodb:DeleteItem": ("kms_failover.adapters.lease", "_table.delete_item,"),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
        "sns:Publish": ("kms_failover.adapters.people", ".publish("),
    },
    "runbook": {
        "dynamodb:Query": ("kms_failover.adapters.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.items", ".put_item("),
        "lambda:InvokeFunction": ("kms_failover.adapters.starter", ".invoke("),
        "states:StartExecution": ("kms_failover.adapters.starter", ".start_execution("),
    },
}


@every_function
def test_a_function_may_do_exactly_what_its_code_does(name: str) -> None:
    allowed = {action for statement in statements(name) for action in actions(statement)}

    assert allowed == set(CALLS[role(name)])


@pytest.mark.parametrize(("module", "call"), sorted({call for calls in CALLS.values() for call in calls.values()}))
def test_each_call_that_a_permission_is_for_stands_where_it_is_said_to(module: str, call: str) -> None:
    source = importlib.import_module(module).__file__

    assert source is not None
    assert call in Path(source).read_text()


POLICIES = [name for name, resource in resources().items() if resource["Properties"].get("Policies")]


@pytest.mark.parametrize("name", POLICIES)
def test_no_permission_is_for_everything(name: str) -> None:
    for statement in statements(name):
        assert not [action for action in actions(statement) if "*" in action]
        assert statement["Resource"] != "*"
        assert "*" not in (statement["Resource"] if isinstance(statement["Resource"], list) else [])


@pytest.mark.parametrize("name", POLICIES)
def test_permissions_on_kms_are_for_named_keys_alone_and_a_buckets_key_only_through_s3(name: str) -> None:
    for statement in statements(name):
        if any(action.startswith("kms:") for action in actions(statement)):
            assert statement["Resource"] in ({"Ref": "MemberKeyArns"}, {"Ref": "BucketKeyArns"})
            if statement["Resource"] == {"Ref": "BucketKeyArns"}:
                assert "kms:ViaService" in statement["Condition"]["StringEquals"]


def test_no_function_on_the_failover_path_may_change_a_key_or_a_policy() -> None:
    harmless = {"kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt"}

    for name in FUNCTIONS:
        if role(name) in FAILOVER_PATH:
            asked = {action for statement in statements(name) for action in actions(statement)}
            assert {action for action in asked if action.startswith(("kms:", "iam:"))} <= harmless


def test_the_function_url_asks_who_is_calling() -> None:
    urls = {
        name: properties(name)["FunctionUrlConfig"] for name in FUNCTIONS if "FunctionUrlConfig" in properties(name)
    }

    assert {config["AuthType"] for config in urls.values()} == {"AWS_IAM"}


# Queues and rules


def test_a_message_stays_invisible_six_times_as_long_as_its_function_may_take() -> None:
    for name in FUNCTIONS:
        for event in properties(name).get("Events", {}).values():
            if event["Type"] == "SQS":
                queue = resources("AWS::SQS::Queue")[event["Properties"]["Queue"]["Fn::GetAtt"][0]]["Properties"]
                assert queue["VisibilityTimeout"] >= 6 * timeout(name)
                assert "RedrivePolicy" in queue
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


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


WRITES = {  # whose partitions each function may write: what comes from outside must not reach what is decided
    "data-keys": {"reports#${AWS::Region}"},
    "probe": {"observations#${AWS::Region}"},
    "signals": {"signals#${AWS::Region}", "ignored#${AWS::Region}", "idempotency#${AWS::Region}"},
    "controller": {"control#${AWS::Region}", "history#${AWS::Region}#*", "news#${AWS::Region}#*"},
    "runbook": {"intents", "control#${AWS::Region}"},
    "rewrap": {"debt#*", "refusal#*", "reports#${AWS::Region}"},
    "sweep": {"debt#*", "refusal#*", "backfill#*"},
    "reimport": {"key-set#*", "lease#${AWS::Region}"},
}


@every_function
def test_a_function_writes_into_its_own_partitions_of_the_state_table_alone(name: str) -> None:
    written = set()
    for statement in statements(name):
        if {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"} & set(actions(statement)):
            (keys,) = statement["Condition"].values()
            written |= {key["Fn::Sub"] if isinstance(key, dict) else key for key in keys["dynamodb:LeadingKeys"]}

    assert written == WRITES.get(role(name), set())


def test_one_ignored_event_is_enough_for_people_to_be_told() -> None:
    alarm = resources("AWS::CloudWatch::Alarm")["EventsIgnoredAlarm"]["Properties"]

    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


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


@pytest.mark.parametrize("name", ["LocalKmsAlarm", "PeerKmsAlarm"])
def test_a_probe_that_is_silent_rings_as_one_that_fails(name: str) -> None:
    alarm = resources("AWS::CloudWatch::Alarm")[name]["Properties"]

    assert (alarm["TreatMissingData"], alarm["Statistic"], alarm["Threshold"]) == ("breaching", "Average", 0.5)


@pytest.mark.parametrize("region", [HOME, REPLICA])
@pytest.mark.parametrize(
    ("function", "metric"), [("ProbeFunction", "RegionFault"), ("ControllerFunction", "RegionLost")]
)
def test_who_measures_regions_each_minute_is_told_of_all_that_alarms_look_at(
    function: str, metric: str, region: str
) -> None:
    """So that it measures those too that no key set names: an idle deployment is not silent, and silence rings."""
    stack = Stack(region)
    (schedule,) = [
        e
        for e in resources("AWS::Serverless::Function")[function]["Properties"]["Events"].values()
        if e["Type"] == "ScheduleV2"
    ]
    alarms = [alarm for alarm in stack.alarms() if alarm.get("MetricName") == metric]

    said = deployed_in(json.loads(stack.resolved(schedule["Properties"]["Input"])))

    assert sorted(said) == sorted(d["Value"] for a in alarms for d in a["Dimensions"] if d["Name"] == "Region")
    assert {alarm["TreatMissingData"] for alarm in alarms} == {"breaching"}
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
