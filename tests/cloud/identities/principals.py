"""Users, roles and the clients that have their keys, in a local cloud; and what they are allowed to touch."""

import io
import json
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.cloud import LocalCloud
from local.cloud.environment import ACCESS_KEY, ACCOUNT, HOME_REGION

WAIT_SECONDS = 30.0
PAUSE_SECONDS = 0.05
DENIALS = frozenset({"AccessDenied", "AccessDeniedException"})
OVER = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


@dataclass(frozen=True)
class Keys:
    access_key: str = ACCESS_KEY
    secret_key: str = ACCESS_KEY
    token: str | None = None


@dataclass
class Principal:
    """One who calls; it never retries: what is refused is seen."""

    cloud: LocalCloud
    keys: Keys = Keys()
    name: str = "root"
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:user/{self.name}"

    def client(self, service: str) -> Any:
        if service not in self._clients:
            addresses = self.cloud.addresses
            self._clients[service] = boto3.client(  # type: ignore[call-overload]  # the service is an argument
                service,
                region_name=HOME_REGION,
                endpoint_url=addresses.kms_front if service == "kms" else addresses.front,
                aws_access_key_id=self.keys.access_key,
                aws_secret_access_key=self.keys.secret_key,
                aws_session_token=self.keys.token,
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[service]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


class Principals(Principal):
    """The account's root, who makes everybody else."""

    def user(self, *statements: Mapping[str, Any]) -> Principal:
        """With an access key; the statements are an inline policy of its own."""
        iam, name = self.client("iam"), a_name()
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Principal(self.cloud, Keys(key["AccessKeyId"], key["SecretAccessKey"]), name)

    def role(self, trusted: Mapping[str, Any], *statements: Mapping[str, Any]) -> str:
        """The ARN of a role that `trusted`, the Principal of its trust policy, may assume."""
        iam, name = self.client("iam"), a_name()
        trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return arn

    def managed_policy(self, *statements: Mapping[str, Any]) -> str:
        made = self.client("iam").create_policy(PolicyName=a_name(), PolicyDocument=policy(*statements))
        arn: str = made["Policy"]["Arn"]
        return arn

    def group_of(self, user: Principal) -> str:
        iam, name = self.client("iam"), a_name()
        iam.create_group(GroupName=name)
        iam.add_user_to_group(GroupName=name, UserName=user.name)
        return name

    @cached_property
    def function(self) -> str:
        """The ARN of a function that answers with what it is given, and raises where that has `Fail`."""
        source = (
            "import time\ndef handle(event, context):\n    time.sleep(event.get('Seconds', 0))\n"
            "    if event.get('Fail'):\n        raise RuntimeError(event['Fail'])\n    return {'Given': event}\n"
        )
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("handler.py", source)
        functions, name = self.client("lambda"), a_name()
        role = self.role({"Service": "lambda.amazonaws.com"}, allow("logs:*"))
        made = functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handle",
            Role=role,
            Code={"ZipFile": packed.getvalue()},
            Timeout=30,
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        arn: str = made["FunctionArn"]
        return arn

    def document(self, *steps: Mapping[str, Any], **more: Any) -> str:
        """The name of a new Automation document, made by a stack as the product's own is. Raises RuntimeError."""
        name, formation = a_name(), self.client("cloudformation")
        content = {"schemaVersion": "0.3", "mainSteps": steps, **more}
        properties = {"Name": name, "DocumentType": "Automation", "Content": content}
        template = {"Resources": {"Document": {"Type": "AWS::SSM::Document", "Properties": properties}}}
        formation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        status = until(lambda: _ended_stack(formation, name))
        if status != "CREATE_COMPLETE":
            raise RuntimeError(status)
        return name

    def switch_automation(self, **switches: bool) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own gateway, on loopback
            f"{self.cloud.addresses.gateway}/_local/automation", method="PUT", data=json.dumps(switches).encode()
        )
        urllib.request.urlopen(request, timeout=WAIT_SECONDS).close()  # noqa: S310 - the same


def _ended_stack(formation: Any, name: str) -> str:
    status: str = formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    return "" if status.endswith("IN_PROGRESS") else status


def execute(who: Principal, document: str, **parameters: str) -> dict[str, Any]:
    """The execution as it has ended, in the eyes of the one who started it."""
    return ended(who, start(who, document, **parameters))


def start(who: Principal, document: str, **parameters: str) -> str:
    given = {name: [text] for name, text in parameters.items()}
    made = who.client("ssm").start_automation_execution(
        DocumentName=document, **({"Parameters": given} if given else {})
    )
    execution_id: str = made["AutomationExecutionId"]
    return execution_id


def ended(who: Principal, execution_id: str) -> dict[str, Any]:
    def seen() -> Any:
        found = who.client("ssm").get_automation_execution(AutomationExecutionId=execution_id)["AutomationExecution"]
        return found if found["AutomationExecutionStatus"] in OVER else None

    found: dict[str, Any] = until(seen)
    return found


def is_denied(call: Callable[[], object]) -> bool:
    """True for a refusal by IAM, False for an answer; any other error is raised."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIALS:
            return True
        raise
    return False


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Code and message."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError("it was not refused")


def until[T](look: Callable[[], T]) -> T:
    """The first thing seen that is true. Raises AssertionError if none ever is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(PAUSE_SECONDS)
    return seen


def a_name() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


def allow(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def deny(action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
