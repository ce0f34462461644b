"""A user that a role of its own account trusts by name needs no policy of its own to assume it.

[botocore: sts, AssumeRole: "If the user is in the same account as the role, then you can do either of the following"]
ministack 1.5.33 binds users as it binds roles, but asks for sts:AssumeRole among the user's own policies in any case.
"""

from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, sts

CONDITION_KEYS = {"ExternalId": "sts:ExternalId", "RoleSessionName": "sts:RoleSessionName"}


def role_trust_for_arn(arn: str) -> Any:
    """The trust policy and the role's account, as ministack's lookups of resource policies give it; or None."""
    account, _, name = arn.removeprefix("arn:aws:iam::").partition(":role/")
    role = iam._roles.get_scoped(account, None, name.rpartition("/")[2]) if name else None
    return role and (role.get("AssumeRolePolicyDocument"), account)


def install() -> None:
    """The lookup is registered; it has to be found in ministack's module. What a trust policy may ask for is added."""
    sts.role_trust_for_arn = role_trust_for_arn
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["sts"] = ("sts", role_trust_for_arn.__name__)
    of_tags = iam_actions.request_tag_context

    def request_context(service: str, action: str, body: bytes, parameters: Any) -> Any:
        keys = of_tags(service, action, body, parameters)
        return {**keys, **_condition_keys(body, parameters)} if action == "sts:AssumeRole" else keys

    iam_actions.request_tag_context = request_context  # imported by name at each request; there is no register


def _condition_keys(body: bytes, parameters: Any) -> dict[str, str]:
    given = {**parameters, **parse_qs(body.decode(errors="replace"))}
    return {key: given[name][0] for name, key in CONDITION_KEYS.items() if given.get(name)}
