"""KMS calls: ministack says who may make them, the strict KMS answers them.

ministack 1.5.33 decrypts with whatever key is named and lacks ReEncrypt; its IAM, though, is the only one that knows
the Lambda roles. So KMS requests go through it to the strict KMS. Key policies are not looked at: each
key behaves as under the default policy, which leaves all to IAM.
"""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services.cloudformation import provisioners

from local.strict_s3.forwarding import ON_BEHALF_OF

from .kms_requests import condition_keys, key_id_in, re_encrypt_checks

RE_ENCRYPT = "ReEncrypt"
TYPES = ("AWS::KMS::Key", "AWS::KMS::Alias", "AWS::KMS::ReplicaKey")
PASSED_ON = ("content-type", "x-amz-target", "authorization", "x-amz-date", "x-amz-security-token")
PASSED_BACK = ("content-type", "x-amzn-errortype")
SECONDS = 60.0  # for one call; the strict KMS answers in milliseconds


class StrictKms:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, method: str, _path: str, headers: Any, body: bytes, _query: Any) -> Any:
        is_forwarded = ON_BEHALF_OF in headers  # asked already
        if operation(headers) == RE_ENCRYPT and not is_forwarded and (refusal := _refuse_re_encrypt(headers, body)):
            return refusal
        if self._session is None:  # it belongs to the loop that handles requests
            timeout = aiohttp.ClientTimeout(total=SECONDS)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        sent = {name: headers[name] for name in PASSED_ON if name in headers}
        async with self._session.request(method, self._url, data=body, headers=sent) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() in PASSED_BACK}
            return answer.status, kept, await answer.read()


def operation(headers: Any) -> str:
    name: str = headers.get("x-amz-target", "").rpartition(".")[2]
    return name


def _refuse_re_encrypt(headers: Any, body: bytes) -> Any:
    return refusal_of_re_encrypt(app.extract_access_key_id(headers, {}) or "", body, {})


def refusal_of_re_encrypt(access_key: str, body: bytes, context: Mapping[str, str]) -> Any:
    """The answer where one of the two actions is denied, else None. `context` holds condition keys of the call."""
    region, account = responses.get_region(), responses.get_account_id()
    for action, arn in re_encrypt_checks(json.loads(body or b"{}"), region, account):
        if refusal := refusal_of(access_key, action, arn, context):
            return refusal
    return None


def refusal_of(access_key: str, action: str, arn: str, context: Mapping[str, Any]) -> Any:
    """KMS's answer where IAM denies it, else None."""
    denied = iam_evaluator.enforce(
        access_key, action, "kms", responses.get_region(), resource_arn=arn, service_context=dict(context)
    )
    if not denied:
        return None
    principal = getattr(denied, "principal_arn", access_key)
    message = f"User: {principal} is not authorized to perform: {action} on resource: {arn}"
    return responses.error_response_json("AccessDeniedException", message, 400)


def install(kms: StrictKms) -> None:
    app.SERVICE_HANDLERS["kms"] = kms.handle
    for name in TYPES:  # ministack would make a key that nobody can use; so it refuses the template instead
        provisioners._RESOURCE_HANDLERS.pop(name, None)  # ministack's register
    # ministack's own keys have policies, the strict KMS's are not known to it
    iam_evaluator._RESOURCE_POLICY_LOOKUPS.pop("kms")  # ministack's register
    of_request = iam_actions.extract_iam_action

    def extract_iam_action(service: str, method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        """None means: authenticate only; `handle` then asks for the two actions."""
        if service == "kms" and operation(headers) == RE_ENCRYPT:
            return None
        return of_request(service, method, path, headers, body, query)

    of_tags = iam_actions.request_tag_context

    def request_context(service: str, action: str, body: bytes, parameters: Any) -> Any:
        keys = of_tags(service, action, body, parameters)
        return {**keys, **condition_keys(json.loads(body or b"{}"))} if service == "kms" else keys

    # imported by name at each request; there is no register
    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.request_tag_context = request_context
    iam_actions._kms_key_id_from_ciphertext = key_id_in
