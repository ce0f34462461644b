"""Automation documents in the local cloud: started through its gateway, run as somebody, shown as AWS shows them."""

import json
import uuid
from functools import partial
from typing import Any

import pytest
from botocore.session import get_session

from local.cloud.environment import ACCOUNT, HOME_REGION
from tests.local.identities.principals import (
    Principals,
    a_name,
    allow,
    ended,
    execute,
    is_denied,
    refusal,
    start,
    until,
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("identities")]
AUTOMATION = {"Service": "ssm.amazonaws.com"}


def invoking(function: str, **payload: Any) -> dict[str, Any]:
    inputs = {"FunctionName": function, "InputPayload": payload}
    return {"name": "call", "action": "aws:invokeLambdaFunction", "inputs": inputs}


def sleeping(duration: str = "PT10M") -> dict[str, Any]:
    return {"name": "nap", "action": "aws:sleep", "inputs": {"Duration": duration}}


def script(source: str) -> dict[str, Any]:
    inputs = {"Runtime": "python3.11", "Handler": "run", "Script": source}
    return {"name": "code", "action": "aws:executeScript", "inputs": inputs}


def test_a_document_runs_to_its_end_and_shows_what_its_steps_gave(principals: Principals) -> None:
    parameters = {"Name": {"type": "String"}, "Role": {"type": "String", "default": ""}}
    document = principals.document(
        invoking(principals.function, Name="{{ Name }}"),
        script("def run(events, context):\n    return {'Length': 3}\n")
        | {"outputs": [{"Name": "Length", "Selector": "$.Payload.Length", "Type": "Integer"}]},
        parameters=parameters,
        outputs=["code.Length", "call.LogResult"],
    )

    shown = execute(principals, document, Name="orders")

    assert shown["AutomationExecutionStatus"] == "Success"
    call = shown["StepExecutions"][0]
    assert json.loads(call["Outputs"]["Payload"][0]) == {"Given": {"Name": "orders"}}
    assert call["Inputs"]["InputPayload"] == '{"Name": "orders"}'
    absent = "No output available yet because the step is not successfully executed"
    assert shown["Outputs"] == {"code.Length": ["3"], "call.LogResult": [absent]}
    assert (shown["Parameters"], shown["ExecutedBy"]) == ({"Name": ["orders"]}, f"arn:aws:iam::{ACCOUNT}:root")


def test_answers_have_the_fields_of_aws_alone(principals: Principals) -> None:
    model = get_session().get_service_model("ssm")
    document = principals.document(sleeping("PT0.1S"))
    ssm = principals.client("ssm")
    raw: list[Any] = []
    ssm.meta.events.register(
        "before-parse.ssm", lambda response_dict, **_: raw.append(json.loads(response_dict["body"]))
    )

    execution_id = start(principals, document)
    ended(principals, execution_id)
    ssm.describe_automation_executions()
    ssm.describe_automation_step_executions(AutomationExecutionId=execution_id)

    shapes = [("AutomationExecution", raw[-3]["AutomationExecution"]), ("StepExecution", raw[-1]["StepExecutions"][0])]
    shapes.append(("AutomationExecutionMetadata", raw[-2]["AutomationExecutionMetadataList"][0]))
    for name, answer in shapes:
        known: Any = model.shape_for(name)
        assert answer.keys() <= known.members.keys()


@pytest.mark.parametrize("may_invoke", [False, True])
def test_steps_run_as_the_assume_role(principals: Principals, *, may_invoke: bool) -> None:
    statements = [allow("lambda:InvokeFunction", principals.function)] if may_invoke else []
    role = principals.role(AUTOMATION, *statements)
    document = principals.document(invoking(principals.function), assumeRole=role)

    shown = execute(principals, document)

    if may_invoke:
        assert shown["AutomationExecutionStatus"] == "Success"
    else:
        assert shown["AutomationExecutionStatus"] == "Failed"
        assert f"assumed-role/{role.rpartition('/')[2]}/" in shown["FailureMessage"]
        assert "is not authorized to perform: lambda:InvokeFunction" in shown["FailureMessage"]
        assert shown["StepExecutions"][0]["StepStatus"] == "Failed"


@pytest.mark.parametrize("may_invoke", [False, True])
def test_steps_without_an_assume_role_run_as_the_caller(principals: Principals, *, may_invoke: bool) -> None:
    statements = [allow("lambda:InvokeFunction")] if may_invoke else []
    user = principals.user(allow("ssm:*"), *statements)
    document = principals.document(invoking(principals.function))

    shown = execute(user, document)

    assert shown["ExecutedBy"] == user.arn
    assert shown["AutomationExecutionStatus"] == ("Success" if may_invoke else "Failed")
    assert ("is not authorized" in shown.get("FailureMessage", "")) != may_invoke


def test_a_role_has_to_trust_automation(principals: Principals) -> None:
    """The texts: AWS docs, automation-troubleshooting."""
    stranger = principals.role({"Service": "lambda.amazonaws.com"}, allow("*"))
    for role, message in [
        (stranger, "The defined assume role is unable to be assumed."),
        (f"{stranger}-absent", "The defined assume role is unable to be assumed."),
        ("no-arn", "The format of the supplied assume role ARN is invalid."),
    ]:
        document = principals.document(sleeping(), assumeRole=role)
        refused = refusal(partial(start, principals, document))
        assert refused == ("InvalidAutomationExecutionParametersException", message)


@pytest.mark.parametrize("may_pass", [False, True])
def test_whoever_names_a_role_needs_to_pass_it(principals: Principals, *, may_pass: bool) -> None:
    role = principals.role(AUTOMATION)
    parameters = {"Role": {"type": "AWS::IAM::Role::Arn"}}
    document = principals.document(sleeping("PT0S"), assumeRole="{{ Role }}", parameters=parameters)
    user = principals.user(allow("ssm:*"), *([allow("iam:PassRole", role)] if may_pass else []))

    if may_pass:
        assert execute(user, document, Role=role)["AutomationExecutionStatus"] == "Success"
    else:
        code, message = refusal(lambda: start(user, document, Role=role))
        assert code == "AccessDeniedException"
        assert f"perform: iam:PassRole on resource: {role}" in message


@pytest.mark.parametrize(
    ("own", "executions", "denied"),
    [(True, True, False), (False, True, True), (True, False, True)],
)
def test_to_start_needs_the_document_and_the_executions(
    principals: Principals, *, own: bool, executions: bool, denied: bool
) -> None:
    """AWS docs: automation-setup-identity-based-policies, example 1."""
    document = principals.document(sleeping("PT0S"))
    head = f"arn:aws:ssm:{HOME_REGION}:{ACCOUNT}"
    allowed = [allow("ssm:StartAutomationExecution", f"{head}:document/{document if own else 'other'}")]
    if executions:
        allowed.append(allow("ssm:*", f"{head}:automation-execution/*"))
    user = principals.user(*allowed)

    assert is_denied(lambda: start(user, document)) == denied


def test_steps_call_the_clouds_own_services(principals: Principals) -> None:
    """As the role: what its policy leaves out fails the step that asks for it, and onFailure leads on."""
    role = principals.role(AUTOMATION, allow("sqs:CreateQueue"), allow("sqs:GetQueueAttributes"))
    queue = {"Service": "sqs", "QueueUrl": "{{ make.Url }}"}
    looks = queue | {"Api": "GetQueueAttributes", "AttributeNames": ["VisibilityTimeout"]}
    property_ = {"PropertySelector": "$.Attributes.VisibilityTimeout", "DesiredValues": ["77"]}
    attributes = {"VisibilityTimeout": "77"}
    document = principals.document(
        {
            "name": "make",
            "action": "aws:executeAwsApi",
            "inputs": {"Service": "sqs", "Api": "CreateQueue", "QueueName": a_name(), "Attributes": attributes},
            "outputs": [{"Name": "Url", "Selector": "$.QueueUrl"}],
        },
        {"name": "wait", "action": "aws:waitForAwsResourceProperty", "inputs": looks | property_},
        {"name": "look", "action": "aws:assertAwsResourceProperty", "inputs": looks | property_},
        {
            "name": "send",
            "action": "aws:executeAwsApi",
            "inputs": queue | {"Api": "send_message", "MessageBody": "m"},
            "onFailure": "step:last",
            "isCritical": False,
        },
        sleeping("PT10M"),
        sleeping("PT0S") | {"name": "last"},
        assumeRole=role,
    )

    shown = execute(principals, document)

    statuses = [step["StepStatus"] for step in shown["StepExecutions"]]
    assert (shown["AutomationExecutionStatus"], statuses) == (
        "Success",
        ["Success"] * 3 + ["Failed", "Pending", "Success"],
    )
    assert "not authorized to perform: sqs:SendMessage" in shown["StepExecutions"][3]["FailureMessage"]


@pytest.mark.parametrize("with_role", [False, True])
def test_a_script_calls_aws_only_with_an_assume_role(principals: Principals, *, with_role: bool) -> None:
    """AWS docs: automation-action-executeScript."""
    source = "import boto3\ndef run(events, context):\n    return boto3.client('sts').get_caller_identity()['Arn']\n"
    role = {"assumeRole": principals.role(AUTOMATION)} if with_role else {}
    document = principals.document(script(source), **role)

    shown = execute(principals, document)

    assert shown["AutomationExecutionStatus"] == ("Success" if with_role else "Failed")
    if with_role:
        assert (
            f"assumed-role/{role['assumeRole'].rpartition('/')[2]}/"
            in shown["StepExecutions"][0]["Outputs"]["Payload"][0]
        )
    else:
        assert "NoCredentialsError" in shown["FailureMessage"]


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_failed_function_does_is_a_switch_of_the_cloud(principals: Principals, *, fails: bool) -> None:
    document = principals.document(invoking(principals.function, Fail="on purpose"))
    principals.switch_automation(function_error_fails=fails)

    shown = execute(principals, document)

    assert shown["AutomationExecutionStatus"] == ("Failed" if fails else "Success")


def test_a_function_answers_with_the_type_of_what_it_raised(principals: Principals) -> None:
    """AWS docs: python-exceptions."""
    document = principals.document(invoking(principals.function, Fail="on purpose"))

    answer = json.loads(execute(principals, document)["StepExecutions"][0]["Outputs"]["Payload"][0])

    assert (answer["errorType"], answer["errorMessage"]) == ("RuntimeError", "on purpose")
    assert "in handle" in answer["stackTrace"][-1]


def test_a_function_that_is_slower_than_the_step_times_out(principals: Principals) -> None:
    document = principals.document(invoking(principals.function, Seconds=20) | {"timeoutSeconds": 1})

    shown = execute(principals, document)

    assert shown["AutomationExecutionStatus"] == "TimedOut"


@pytest.mark.parametrize(
    "step",
    [sleeping(), script("import time\ndef run(events, context):\n    time.sleep(600)\n")],
    ids=["sleep", "script"],
)
def test_an_execution_that_is_stopped_ends_at_once(principals: Principals, step: dict[str, Any]) -> None:
    ssm, execution_id = principals.client("ssm"), start(principals, principals.document(step))
    ssm.stop_automation_execution(AutomationExecutionId=execution_id)

    shown = ended(principals, execution_id)

    assert shown["AutomationExecutionStatus"] == "Cancelled"
    again = refusal(lambda: ssm.stop_automation_execution(AutomationExecutionId=execution_id))
    assert again[0] == "InvalidAutomationStatusUpdateException"


def test_an_approver_approves_and_nobody_else(principals: Principals) -> None:
    ana, ben = principals.user(allow("ssm:*")), principals.user(allow("ssm:*"))
    ask = {"name": "ask", "action": "aws:approve", "inputs": {"Approvers": [ana.name]}}
    execution_id = start(principals, principals.document(ask))
    find, signal = principals.client("ssm").describe_automation_executions, {"AutomationExecutionId": execution_id}
    filters = [{"Key": "ExecutionId", "Values": [execution_id]}, {"Key": "ExecutionStatus", "Values": ["Waiting"]}]
    until(lambda: find(Filters=filters)["AutomationExecutionMetadataList"])

    refused = refusal(lambda: ben.client("ssm").send_automation_signal(**signal, SignalType="Approve"))
    ana.client("ssm").send_automation_signal(**signal, SignalType="Approve", Payload={"Comment": ["go"]})

    outputs = ended(principals, execution_id)["StepExecutions"][0]["Outputs"]
    decision = {"decision": "Approved", "approver": ana.arn, "comment": "go"}
    assert refused[0] == "InvalidAutomationSignalException"
    assert outputs["ApprovalStatus"] == ["Approved"]
    assert json.loads(outputs["ApproverDecisions"][0]) == decision


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"DocumentName": "absent"}, "AutomationDefinitionNotFoundException"),
        ({"DocumentVersion": "7"}, "AutomationDefinitionVersionNotFoundException"),
        ({"Parameters": {"Other": ["x"]}}, "InvalidAutomationExecutionParametersException"),
        ({"Parameters": {"Kind": ["c"]}}, "InvalidAutomationExecutionParametersException"),
        ({"Parameters": {"Text": ["x" * 513]}}, "ValidationException"),
        ({"Mode": "Interactive"}, "ValidationException"),
    ],
)
def test_what_cannot_be_started_is_refused(principals: Principals, request_: dict[str, Any], code: str) -> None:
    parameters = {
        "Kind": {"type": "String", "allowedValues": ["a", "b"], "default": "a"},
        "Text": {"type": "String", "default": ""},
    }
    document = principals.document(sleeping("PT0S"), parameters=parameters)
    asked = {"DocumentName": document} | request_

    assert refusal(lambda: principals.client("ssm").start_automation_execution(**asked))[0] == code


def test_a_client_token_starts_one_execution(principals: Principals) -> None:
    document, ssm, token = principals.document(sleeping("PT0S")), principals.client("ssm"), str(uuid.uuid4())

    first, second = (ssm.start_automation_execution(DocumentName=document, ClientToken=token) for _ in range(2))

    assert first["AutomationExecutionId"] == second["AutomationExecutionId"]
    other = principals.document(sleeping("PT0S"))
    refused = refusal(lambda: ssm.start_automation_execution(DocumentName=other, ClientToken=token))
    assert refused[0] == "IdempotentParameterMismatch"


def test_a_stack_with_a_document_that_would_not_run_fails(principals: Principals) -> None:
    with pytest.raises(RuntimeError, match="ROLLBACK"):
        principals.document({"name": "x", "action": "aws:runCommand", "inputs": {}})


def test_an_execution_of_nobody_is_not_found(principals: Principals) -> None:
    get = principals.client("ssm").get_automation_execution

    assert refusal(lambda: get(AutomationExecutionId=str(uuid.uuid4())))[0] == "AutomationExecutionNotFoundException"
