"""The house rules of template.yaml: what would only fail in an account, or on the day that KMS fails."""

import importlib
import json

import pytest

from kms_failover.domain.routing.schedule import deployed_in
from tests.template.deployed import HOME, REPLICA, Stack
from tests.template.resources import (
    FUNCTIONS,
    TEMPLATE,
    every_function,
    properties,
    resources,
    role,
    statements,
    timeout,
)

ASYNCHRONOUS = {"Schedule", "ScheduleV2", "EventBridgeRule", "CloudWatchEvent", "SNS", "S3"}


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


# Queues and rules


def test_a_message_stays_invisible_six_times_as_long_as_its_function_may_take() -> None:
    for name in FUNCTIONS:
        for event in properties(name).get("Events", {}).values():
            if event["Type"] == "SQS":
                queue = resources("AWS::SQS::Queue")[event["Properties"]["Queue"]["Fn::GetAtt"][0]]["Properties"]
                assert queue["VisibilityTimeout"] >= 6 * timeout(name)
                assert "RedrivePolicy" in queue
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_one_ignored_event_is_enough_for_people_to_be_told() -> None:
    alarm = resources("AWS::CloudWatch::Alarm")["EventsIgnoredAlarm"]["Properties"]

    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


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
