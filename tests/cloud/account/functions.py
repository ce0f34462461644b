"""Functions to invoke, and the role they have."""

import io
import json
import zipfile
from functools import cache
from typing import Any

from tests.cloud.account.clients import Account, a_name


def zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", source)
    return packed.getvalue()


@cache
def role(account: Account, allowed: str = "*") -> str:
    """A role that may do this action; without one, everything: most tests are not about permissions."""
    iam, name = account.client("iam"), a_name()
    trusted = {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}
    trust = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    permission = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=_document(permission))
    arn: str = made["Role"]["Arn"]
    return arn


def _document(statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def a_function(account: Account, handler: str, *, imports: str = "", dead_letters: str = "", allowed: str = "*") -> str:
    """The name of a new function; `handler` is an expression of Python, `dead_letters` the ARN of a queue."""
    name = a_name()
    account.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="handler.handle",
        Role=role(account, allowed),
        Code={"ZipFile": zipped(f"{imports}\nhandle = {handler}\n")},
        Timeout=30,
        DeadLetterConfig={"TargetArn": dead_letters} if dead_letters else {},
    )
    account.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return name


def invoke(account: Account, function: str, payload: str = "{}", kind: str = "RequestResponse") -> dict[str, Any]:
    """The answer, with its payload read: a connection goes back to its pool only then."""
    answer: dict[str, Any] = account.client("lambda").invoke(
        FunctionName=function, InvocationType=kind, Payload=payload
    )
    answer["Payload"] = answer["Payload"].read()
    return answer
