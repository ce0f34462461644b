"""IAM users in the local cloud: their policies bind, as a role's do, for every service that the product calls."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from local.cloud.environment import ACCOUNT
from tests.cloud.identities.principals import (
    Keys,
    Principal,
    Principals,
    a_name,
    allow,
    deny,
    is_denied,
    policy,
    refusal,
    start,
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.xdist_group("identities")]
SEND = "sqs:SendMessage"


@pytest.fixture
def queue(principals: Principals) -> str:
    url: str = principals.client("sqs").create_queue(QueueName=a_name())["QueueUrl"]
    return url


def sends(who: Principal, queue: str) -> bool:
    return not is_denied(lambda: who.client("sqs").send_message(QueueUrl=queue, MessageBody="m"))


def _invoke(principals: Principals) -> Callable[[Principal], object]:
    return lambda who: who.client("lambda").invoke(FunctionName=principals.function)["Payload"].read()


def _decrypt(principals: Principals) -> Callable[[Principal], object]:
    kms = principals.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"p")["CiphertextBlob"]
    return lambda who: who.client("kms").decrypt(CiphertextBlob=blob)


def _send(principals: Principals) -> Callable[[Principal], object]:
    url = principals.client("sqs").create_queue(QueueName=a_name())["QueueUrl"]
    return lambda who: who.client("sqs").send_message(QueueUrl=url, MessageBody="m")


def _start(principals: Principals) -> Callable[[Principal], object]:
    nap: Mapping[str, Any] = {"name": "nap", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}
    document = principals.document(nap)
    return lambda who: start(who, document)


def _put(principals: Principals) -> Callable[[Principal], object]:
    bucket = a_name()
    principals.client("s3").create_bucket(Bucket=bucket)
    return lambda who: who.client("s3").put_object(Bucket=bucket, Key="a:b c", Body=b"x")


CALLS = {
    "lambda:InvokeFunction": _invoke,
    "kms:Decrypt": _decrypt,
    SEND: _send,
    "ssm:StartAutomationExecution": _start,
    "s3:PutObject": _put,
}


@pytest.mark.parametrize("action", CALLS)
def test_a_user_may_do_what_a_policy_allows_and_nothing_else(principals: Principals, action: str) -> None:
    call = CALLS[action](principals)
    with_it, without = principals.user(allow(action)), principals.user(allow("dynamodb:*"))

    assert is_denied(lambda: call(without))
    assert not is_denied(lambda: call(with_it))


def test_the_caller_identity_is_the_user(principals: Principals) -> None:
    user = principals.user()

    identity = user.client("sts").get_caller_identity()

    assert (identity["Account"], identity["Arn"]) == (ACCOUNT, user.arn)
    assert identity["UserId"].startswith("AIDA")


def _inline(principals: Principals, user: Principal) -> None:
    principals.client("iam").put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=policy(allow(SEND)))


def _attached(principals: Principals, user: Principal) -> None:
    principals.client("iam").attach_user_policy(UserName=user.name, PolicyArn=principals.managed_policy(allow(SEND)))


def _of_a_group(principals: Principals, user: Principal) -> None:
    group = principals.group_of(user)
    principals.client("iam").put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy(allow(SEND)))


def _attached_to_a_group(principals: Principals, user: Principal) -> None:
    group = principals.group_of(user)
    principals.client("iam").attach_group_policy(GroupName=group, PolicyArn=principals.managed_policy(allow(SEND)))


@pytest.mark.parametrize("give", [_inline, _attached, _of_a_group, _attached_to_a_group])
def test_a_policy_binds_wherever_it_is(
    principals: Principals, queue: str, give: Callable[[Principals, Principal], None]
) -> None:
    user = principals.user()

    assert not sends(user, queue)
    give(principals, user)

    assert sends(user, queue)


def test_a_deny_anywhere_wins(principals: Principals, queue: str) -> None:
    user = principals.user(allow("*"))
    group = principals.group_of(user)
    assert sends(user, queue)

    principals.client("iam").put_group_policy(GroupName=group, PolicyName="no", PolicyDocument=policy(deny(SEND)))

    assert not sends(user, queue)


@pytest.mark.parametrize(("within", "may"), [(SEND, True), ("sqs:ReceiveMessage", False)])
def test_a_permissions_boundary_limits_a_user(principals: Principals, queue: str, within: str, *, may: bool) -> None:
    user = principals.user(allow("*"))
    boundary = principals.managed_policy(allow(within))

    principals.client("iam").put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=boundary)

    assert sends(user, queue) == may


def test_a_boundary_alone_allows_nothing(principals: Principals, queue: str) -> None:
    user = principals.user()

    principals.client("iam").put_user_permissions_boundary(
        UserName=user.name, PermissionsBoundary=principals.managed_policy(allow("*"))
    )

    assert not sends(user, queue)


def test_a_policy_that_is_taken_away_binds_no_more(principals: Principals, queue: str) -> None:
    user = principals.user(allow(SEND))

    principals.client("iam").delete_user_policy(UserName=user.name, PolicyName="own")

    assert not sends(user, queue)


def test_a_key_that_is_inactive_deleted_or_forged_opens_nothing(principals: Principals, queue: str) -> None:
    user, iam = principals.user(allow(SEND)), principals.client("iam")
    forged = Principal(user.cloud, Keys(user.keys.access_key, "of-nobody"))
    key = {"UserName": user.name, "AccessKeyId": user.keys.access_key}

    codes = [refusal(lambda: sends(forged, queue))[0]]
    iam.update_access_key(**key, Status="Inactive")
    codes.append(refusal(lambda: sends(user, queue))[0])
    iam.delete_access_key(**key)
    codes.append(refusal(lambda: sends(user, queue))[0])

    assert codes == ["SignatureDoesNotMatch", "InvalidClientTokenId", "InvalidClientTokenId"]


def assumed(principals: Principals, user: Principal, role: str) -> Principal:
    made = user.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    return Principal(principals.cloud, Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]))


@pytest.mark.parametrize(
    ("trusts", "may_assume", "denied"),
    [
        ("user", False, False),
        ("user", True, False),
        ("account", True, False),
        ("account", False, True),
        ("other", True, True),
    ],
)
def test_a_user_assumes_a_role_that_trusts_it(
    principals: Principals, queue: str, trusts: str, *, may_assume: bool, denied: bool
) -> None:
    """Trust in the account leaves it to the user's own policies; trust in the user itself is enough.

    botocore: sts, AssumeRole.
    """
    user = principals.user(*([allow("sts:AssumeRole")] if may_assume else []))
    trusted = {"user": user.arn, "account": f"arn:aws:iam::{ACCOUNT}:root", "other": principals.user().arn}
    role = principals.role({"AWS": trusted[trusts]}, allow(SEND))

    def assume() -> Principal:
        return assumed(principals, user, role)

    assert is_denied(assume) == denied
    if not denied:
        session = assume()
        assert f":assumed-role/{role.rpartition('/')[2]}/session" in session.client("sts").get_caller_identity()["Arn"]
        assert sends(session, queue)
        assert not sends(user, queue)


@pytest.mark.parametrize(("given", "denied"), [({}, True), ({"ExternalId": "42"}, False)])
def test_a_trust_policy_may_ask_for_an_external_id(
    principals: Principals, given: dict[str, str], *, denied: bool
) -> None:
    user = principals.user()
    trust = {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "sts:AssumeRole"}
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "42"}}}
    name = a_name()
    made = principals.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust | condition))
    asked = {"RoleArn": made["Role"]["Arn"], "RoleSessionName": "session"} | given

    assert is_denied(lambda: user.client("sts").assume_role(**asked)) == denied


def test_a_deny_in_the_users_policies_outweighs_the_trust(principals: Principals) -> None:
    user = principals.user(deny("sts:AssumeRole"))
    role = principals.role({"AWS": user.arn}, allow(SEND))

    assert is_denied(lambda: assumed(principals, user, role))


def test_a_session_policy_limits_the_role(principals: Principals, queue: str) -> None:
    user = principals.user(allow("sts:AssumeRole"))
    role = principals.role({"AWS": user.arn}, allow(SEND))
    nothing = json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]})

    made = user.client("sts").assume_role(RoleArn=role, RoleSessionName="session", Policy=nothing)["Credentials"]
    session = Principal(principals.cloud, Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]))

    assert not sends(session, queue)
