"""What each function may do: all that its code does, and nothing else."""

import importlib
from pathlib import Path

import pytest

from tests.template.resources import (
    FUNCTIONS,
    actions,
    every_function,
    properties,
    resources,
    role,
    statements,
)

FAILOVER_PATH = {"data-keys", "probe", "signals", "controller", "runbook"}


# Permissions: each is used. The module is where the call stands.

CALLS: dict[str, dict[str, tuple[str, str]]] = {
    "data-keys": {
        "kms:GenerateDataKey": ("kms_failover.client.bundler", '"generate_data_key"'),
        "kms:Encrypt": ("kms_failover.client.bundler", '"encrypt"'),
        "kms:Decrypt": ("kms_failover.client.bundler", '"decrypt"'),
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.state_table.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
    },
    "probe": {
        "kms:GenerateDataKey": ("kms_failover.adapters.prober", '"generate_data_key"'),
        "kms:Decrypt": ("kms_failover.adapters.prober", '"decrypt"'),
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
    },
    "signals": {
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
        "dynamodb:GetItem": ("kms_failover.adapters.idempotent_signals", "DynamoDBPersistenceLayer("),
        "dynamodb:UpdateItem": ("kms_failover.adapters.idempotent_signals", "DynamoDBPersistenceLayer("),
        "dynamodb:DeleteItem": ("kms_failover.adapters.idempotent_signals", "DynamoDBPersistenceLayer("),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
    },
    "controller": {
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.state_table.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
        "sns:Publish": ("kms_failover.adapters.announcer", ".publish("),
        "events:PutEvents": ("kms_failover.adapters.announcer", ".put_events("),
    },
    "rewrap": {
        "kms:Decrypt": ("kms_failover.client.bundler", '"decrypt"'),
        "kms:Encrypt": ("kms_failover.client.bundler", '"encrypt"'),
        "kms:GenerateDataKey": ("kms_failover.adapters.objects", ".copy_object("),  # S3, in the function's name
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.state_table.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
        "dynamodb:DeleteItem": ("kms_failover.adapters.state_table.items", ".delete_item("),
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
        "dynamodb:GetItem": ("kms_failover.adapters.state_table.items", ".get_item("),
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
        "dynamodb:DeleteItem": ("kms_failover.adapters.state_table.items", ".delete_item("),
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
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.state_table.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
        "dynamodb:UpdateItem": ("kms_failover.adapters.lease", "_table.update_item,"),
        "dynamodb:DeleteItem": ("kms_failover.adapters.lease", "_table.delete_item,"),
        "lambda:InvokeFunction": ("kms_failover.adapters.waker", ".invoke("),
        "sns:Publish": ("kms_failover.adapters.sns_topic", ".publish("),
    },
    "runbook": {
        "dynamodb:Query": ("kms_failover.adapters.state_table.items", ".query("),
        "dynamodb:GetItem": ("kms_failover.adapters.state_table.items", ".get_item("),
        "dynamodb:PutItem": ("kms_failover.adapters.state_table.items", ".put_item("),
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
