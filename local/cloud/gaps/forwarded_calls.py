"""KMS calls that a service makes for its caller: allowed where that caller may make them (forward access sessions).

S3 cannot sign for its caller, so it says in a header who it is: an access key id, or the ARN of a role. The gateway
takes its word.
"""

import hashlib
import re
import secrets
from typing import Any

from ministack.core import iam_actions, responses
from ministack.services import sts

from local.cloud.environment import ACCOUNT
from local.strict_s3.forwarding import ON_BEHALF_OF, VIA_SERVICE

from .kms_calls import StrictKms, refusal_of, refusal_of_re_encrypt

SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[a-z0-9-]+)/kms/")
ROLE = re.compile(r"arn:aws:iam::\d{12}:role/(?:.*/)?(?P<name>[^/]+)")


class ForwardedCalls:
    def __init__(self, kms: StrictKms) -> None:
        self._kms = kms

    async def handle(self, headers: dict[str, str], body: bytes) -> Any:
        """Status, headers and body of the answer."""
        found = SCOPE.search(headers.get("authorization", ""))
        with responses.request_scope(ACCOUNT, found["region"] if found else "us-east-1"):
            if refusal := _refusal(headers, body):
                return refusal
            return await self._kms.handle("POST", "/", headers, body, {})


def _refusal(headers: dict[str, str], body: bytes) -> Any:
    access_key = _access_key_of(headers[ON_BEHALF_OF])
    via = {"kms:ViaService": headers.get(VIA_SERVICE, "")}
    action = iam_actions.extract_iam_action("kms", "POST", "/", headers, body, {})
    if action is None:
        return refusal_of_re_encrypt(access_key, body, via)
    arn = iam_actions.extract_resource_arn("kms", "POST", "/", headers, body, {}, responses.get_region(), ACCOUNT)
    return refusal_of(access_key, action, arn, {**iam_actions.request_tag_context("kms", action, body, {}), **via})


def _access_key_of(principal: str) -> str:
    """A role is given a session, as S3 would take one with sts:AssumeRole."""
    role = ROLE.fullmatch(principal)
    if role is None:
        return principal
    access_key = f"ASIA{hashlib.sha256(principal.encode()).hexdigest()[:16].upper()}"
    session = {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['name']}/s3", "UserId": f"{role['name']}:s3"}
    nobodys = {"SecretAccessKey": secrets.token_hex(), "SessionToken": secrets.token_hex()}
    sts.register_session(access_key, session | nobodys)
    return access_key
