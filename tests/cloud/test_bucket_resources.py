"""A template's buckets are the strict S3's: sam's own bucket for artifacts among them."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

PAUSE_SECONDS, LOOKS = 1, 60


@pytest.fixture
def deploy(connect: Callable[..., Any]) -> Callable[[dict[str, Any]], str]:
    def deployed(resources: dict[str, Any]) -> str:
        cloudformation, name = connect("cloudformation"), f"s-{uuid.uuid4().hex}"
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": PAUSE_SECONDS, "MaxAttempts": LOOKS})
        return name

    return deployed


def test_a_bucket_as_sam_makes_it(connect: Callable[..., Any], deploy: Callable[..., str]) -> None:
    """With versions, a policy, and the AWS managed key: what is put there is read by CloudFormation itself."""
    default = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    properties = {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [default]},
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true"},
        "VersioningConfiguration": {"Status": "Enabled"},
        "Tags": [{"Key": "made-by", "Value": "sam"}],
    }
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/*"}
    policy = {"Bucket": {"Ref": "Made"}, "PolicyDocument": {"Version": "2012-10-17", "Statement": [allowed]}}
    stack = deploy(
        {
            "Made": {"Type": "AWS::S3::Bucket", "Properties": properties},
            "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
        }
    )
    found = connect("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId="Made")
    bucket, s3 = found["StackResourceDetail"]["PhysicalResourceId"], connect("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == properties["Tags"]
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == [allowed]
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    put = s3.put_object(Bucket=bucket, Key="t.json", Body=json.dumps(template).encode())
    assert put["ServerSideEncryption"] == "aws:kms"
    url = f"https://s3.amazonaws.com/{bucket}/t.json"
    described = connect("cloudformation").get_template_summary(TemplateURL=url)
    assert described["ResourceTypes"] == ["AWS::SQS::Queue"]


def test_a_property_that_cannot_be_set_fails_the_stack(connect: Callable[..., Any], deploy: Callable[..., str]) -> None:
    name = f"b-{uuid.uuid4().hex}"
    properties = {"BucketName": name, "LifecycleConfiguration": {"Rules": []}}
    with pytest.raises(WaiterError):
        deploy({"Made": {"Type": "AWS::S3::Bucket", "Properties": properties}})


def test_a_bucket_goes_with_its_stack(connect: Callable[..., Any], deploy: Callable[..., str]) -> None:
    name, cloudformation = f"b-{uuid.uuid4().hex}", connect("cloudformation")
    stack = deploy({"Made": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}})
    connect("s3").head_bucket(Bucket=name)
    cloudformation.delete_stack(StackName=stack)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=stack, WaiterConfig={"Delay": PAUSE_SECONDS, "MaxAttempts": LOOKS})
    with pytest.raises(ClientError, match="404"):
        connect("s3").head_bucket(Bucket=name)
