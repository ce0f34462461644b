"""What a role allows to a service of AWS that acts as it, outside of any request of the role's own."""

from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region


def role_allows(role_arn: str, action: str, resource_arn: str) -> bool:
    """By the role's own policies. Its boundary is not looked at, and the resource's policy is the caller's to ask."""
    if not app.AUTH:
        return True
    name = parse_arn(role_arn).resource.rpartition("/")[2]
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource_arn,
        region=get_region(),
    )
    result: Any = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, get_account_id()))
    return bool(result.decision == "Allow")
