"""A first deployment that failed can be repeated; what works is never touched."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from deployment.failed_creation import StuckStackError, clear
from tests.domain.strategies import ACCOUNT, EAST

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STACK_ID = f"arn:aws:cloudformation:{EAST}:{ACCOUNT}:stack/prod/1"


@pytest.fixture
def cloudformation() -> "CloudFormationClient":
    return boto3.client("cloudformation", region_name=EAST, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def aws(cloudformation: "CloudFormationClient") -> Iterator[Stubber]:
    """CloudFormation's answers; a call that nobody expects fails, and so does one that is expected and not made."""
    with Stubber(cloudformation) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def has(aws: Stubber, status: str, name: str = "prod") -> None:
    stack = {"StackId": STACK_ID, "StackName": "prod", "CreationTime": 0, "StackStatus": status}
    aws.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": name})


def test_a_stack_that_was_rolled_back_is_removed(cloudformation: "CloudFormationClient", aws: Stubber) -> None:
    has(aws, "ROLLBACK_COMPLETE")
    aws.add_response("delete_stack", {}, {"StackName": STACK_ID})
    has(aws, "DELETE_COMPLETE", STACK_ID)

    assert clear(cloudformation, "prod", EAST)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"])
def test_a_stack_that_has_worked_is_left_as_it_is(
    status: str, cloudformation: "CloudFormationClient", aws: Stubber
) -> None:
    has(aws, status)

    assert not clear(cloudformation, "prod", EAST)


def test_a_first_deployment_has_nothing_to_remove(cloudformation: "CloudFormationClient", aws: Stubber) -> None:
    aws.add_client_error("describe_stacks", "ValidationError", "Stack with id prod does not exist", 400)

    assert not clear(cloudformation, "prod", EAST)


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED"])
def test_a_stack_that_still_has_resources_is_a_persons_to_remove(
    status: str, cloudformation: "CloudFormationClient", aws: Stubber
) -> None:
    has(aws, status)

    with pytest.raises(StuckStackError, match=rf"prod.*{EAST}.*{status}.*prod-state"):
        clear(cloudformation, "prod", EAST)
