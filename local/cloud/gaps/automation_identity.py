"""Whose permissions an Automation execution has: its assumeRole's, or those of the caller who started it.

[AWS docs: automation-setup, automation-troubleshooting] ministack 1.5.33 has no Automation. Its STS keeps the session,
so its IAM binds the steps as it binds any other caller.
"""

import secrets
from typing import Any

from ministack.core import iam_evaluator, responses
from ministack.services import iam, sts

from local.cloud.automation.aws import Credentials

SERVICE = "ssm.amazonaws.com"


class AssumeRoleError(Exception):
    """AWS answers InvalidAutomationExecutionParametersException."""


def role_credentials(role_arn: str, execution_id: str) -> Credentials:
    """Raises AssumeRoleError, with AWS's own texts [AWS docs: automation-troubleshooting]."""
    account, _, name = role_arn.removeprefix("arn:aws:iam::").partition(":role/")
    if not role_arn.startswith("arn:aws:iam::") or not name:
        raise AssumeRoleError("The format of the supplied assume role ARN is invalid.")
    role = iam._roles.get_scoped(account, None, name.rpartition("/")[2])
    if role is None or not _trusts_automation(role, role_arn):
        raise AssumeRoleError("The defined assume role is unable to be assumed.")
    session = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/{execution_id}",
        "UserId": f"{role['RoleId']}:{execution_id}",
        "AccountId": account,
        "PrincipalType": "AssumedRole",
    }
    return _registered(session, may_script=True)


def caller_credentials(access_key: str) -> Credentials:
    """A session of the same principal, under the same session policies as the caller's own."""
    caller = iam_evaluator.resolve_credential(access_key)
    if caller.principal_type == "Root":
        return Credentials(access_key, caller.secret_access_key, caller.session_token, may_script=False)
    own = sts._sessions.get(access_key, {})
    session = {
        "Arn": caller.principal_arn,
        "UserId": caller.principal_id,
        "AccountId": caller.account_id,
        "PrincipalType": caller.principal_type,
        "PrincipalName": caller.principal_name,
        "SessionPolicies": own.get("SessionPolicies"),
        "SessionTags": own.get("SessionTags"),
    }
    return _registered(session, may_script=False)


def may_pass_role(access_key: str, role_arn: str) -> Any:
    """None, or the denial: whoever names a role for Automation has to be allowed iam:PassRole on it."""
    context = {"iam:PassedToService": SERVICE}
    return iam_evaluator.enforce(
        access_key, "iam:PassRole", "iam", responses.get_region(), resource_arn=role_arn, service_context=context
    )


def forget(credentials: Credentials) -> None:
    """The session of an execution that has ended. The root's own key has none."""
    sts._sessions.pop(credentials.access_key, None)


def _trusts_automation(role: Any, role_arn: str) -> bool:
    asked = iam_evaluator.EvalContext(
        principal_arn="",
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=responses.get_region(),
    )
    trust = role.get("AssumeRolePolicyDocument")
    return bool(iam_evaluator.evaluate_resource_policy(trust, asked, service=SERVICE).decision == "Allow")


def _registered(session: dict[str, Any], *, may_script: bool) -> Credentials:
    credentials = Credentials(
        f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(32), may_script
    )
    keys = {"SecretAccessKey": credentials.secret_key, "SessionToken": credentials.token}
    sts.register_session(credentials.access_key, session | keys)
    return credentials
