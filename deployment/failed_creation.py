"""Clears the way for a first deployment to be repeated: `python -m deployment.failed_creation STACK REGION`.

CloudFormation refuses to deploy over a stack whose creation was rolled back. Such a stack has no resources left, so it
is deleted; any other stack is left as it is.
"""

import sys
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

ROLLED_BACK = "ROLLBACK_COMPLETE"
STUCK = frozenset(
    {"CREATE_FAILED", "ROLLBACK_FAILED"}
)  # it still has resources, and only a person can say which may go
WAIT_SECONDS, WAITS = 2, 150  # an empty stack goes within seconds


class StuckStackError(Exception):
    """A stack that nobody but a person can remove; the message says how."""


def clear(cloudformation: "CloudFormationClient", stack: str, region: str) -> bool:
    """Whether there was something to clear.

    Raises:
        StuckStackError: its creation failed, and was not rolled back.
    """
    found = _found(cloudformation, stack)
    if found is None:
        return False
    stack_id, status = found
    if status in STUCK:
        raise StuckStackError(
            f"the stack {stack!r} in {region} is {status}: delete it (CloudFormation, Delete stack). If it leaves the "
            f"table {stack}-state behind, which is empty, delete that as well. Then deploy again"
        )
    if status != ROLLED_BACK:
        return False
    cloudformation.delete_stack(StackName=stack_id)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=stack_id, WaiterConfig={"Delay": WAIT_SECONDS, "MaxAttempts": WAITS})
    return True


def _found(cloudformation: "CloudFormationClient", stack: str) -> tuple[str, str] | None:
    """Its id and status; None if there is no such stack, which CloudFormation calls a validation error."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return found["StackId"], found["StackStatus"]


def main(arguments: list[str]) -> int:
    stack, region = arguments
    try:
        if clear(boto3.client("cloudformation", region_name=region), stack, region):
            print(f"deploy: removed what was left in {region} of a first deployment of {stack} that failed")
    except (StuckStackError, ClientError, BotoCoreError, WaiterError) as error:
        print(f"deploy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
