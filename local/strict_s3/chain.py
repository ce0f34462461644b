"""The way of a request through LocalStack's handlers: those that S3 needs, and none of its other services."""

import base64
import binascii
import json
from typing import Any

from localstack.aws import handlers
from localstack.aws.api import RequestContext, ServiceException
from localstack.aws.gateway import Gateway
from localstack.aws.handlers.service import SkeletonHandler
from localstack.aws.skeleton import Skeleton
from localstack.aws.spec import load_service
from localstack.services.s3.utils import s3_response_handler
from pydantic import ValidationError

from local.strict_kms.calls import CallLedger

from .caller import GATEWAY, Caller, acting_for, principal_of
from .forwarding import WITHIN
from .provider import StrictS3
from .regions import redirect
from .settings import LiveSettings

OK = 200
ERROR_INSIDE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code><Message>We encountered an internal '
    b"error. Please try again.</Message><RequestId>656c76696e6727</RequestId></Error>"
)


class S3Gateway(Gateway):  # type: ignore[misc]  # its base is untyped
    def __init__(self, provider: StrictS3, settings: LiveSettings, account: str) -> None:
        super().__init__(context_class=RequestContext)
        self._account = account
        self._service = load_service("s3")
        self._settings = settings
        self._limits = provider.limits
        self._calls = CallLedger()
        self._answer = SkeletonHandler(Skeleton(self._service, provider))
        handlers.modify_service_response.append("s3", s3_response_handler)
        self.request_handlers.extend(
            [
                self._serve_own_addresses,
                self._name_the_service,
                handlers.parse_service_name,
                handlers.parse_pre_signed_url_request,
                handlers.inject_auth_header_if_missing,
                handlers.add_region_from_header,
                self._name_the_account,
                handlers.parse_service_request,
                self._answer_for_the_caller,
            ]
        )
        self.exception_handlers.extend(
            [handlers.log_exception, handlers.handle_service_exception, handlers.handle_internal_failure]
        )
        self.response_handlers.append(handlers.modify_service_response)

    def _name_the_service(self, _chain: Any, context: Any, _response: Any) -> None:
        context.service = self._service

    def _name_the_account(self, _chain: Any, context: Any, _response: Any) -> None:
        """LocalStack would read another account out of each role's access key."""
        context.account_id = self._account

    def _answer_for_the_caller(self, chain: Any, context: Any, response: Any) -> None:
        if redirect(context, response):
            return
        request = context.service_request or {}
        self._check_limits(context, request)
        with acting_for(_caller(context.request.headers, request)):
            self._answer(chain, context, response)
        refusal = context.service_exception
        self._calls.record(context.region, context.operation.name, None if refusal is None else refusal.code)
        self._put_error_inside(context.operation.name, response)

    def _check_limits(self, context: Any, request: Any) -> None:
        try:
            self._limits.check(context.operation.name, context, request)
        except ServiceException as refusal:
            self._calls.record(context.region, context.operation.name, refusal.code)
            raise

    def _put_error_inside(self, operation: str, response: Any) -> None:
        """What S3 may do after it has begun to answer [AWS docs: API_CopyObject]; the change itself was made."""
        if response.status_code == OK and self._settings.take_error(operation):
            response.set_response(ERROR_INSIDE)

    def _serve_own_addresses(self, chain: Any, context: Any, response: Any) -> None:
        match context.request.path:
            case "/_strict_s3/health":
                _answer_json(response, 200, {"status": "ok"})
            case "/_strict_s3/calls":
                _answer_json(response, 200, {"calls": self._calls.snapshot()})
            case "/_strict_s3/settings":
                _answer_json(response, *self._settings_after(context.request))
            case _:
                return
        chain.stop()

    def _settings_after(self, request: Any) -> tuple[int, Any]:
        if request.method not in {"GET", "PUT", "DELETE"}:
            return 405, {"message": "GET shows the settings, PUT changes those that it names, DELETE takes all back"}
        if request.method == "DELETE":
            self._settings.reset()
        try:
            if request.method == "PUT":
                self._settings.change(json.loads(request.get_data()))
        except ValidationError as error:
            return 400, {"message": said_of_settings(error)}
        except (ValueError, TypeError) as error:
            return 400, {"message": f"a JSON object with settings is needed: {error}"}
        return 200, self._settings.now.model_dump(mode="json")


def said_of_settings(error: ValidationError) -> str:
    """Each setting that is wrong, and why."""
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors())


def _caller(headers: Any, request: Any) -> Caller:
    if WITHIN in headers:
        return GATEWAY
    given = encryption_context_in(request.get("SSEKMSEncryptionContext"))
    return Caller(principal_of(headers.get("Authorization", "")), given)


def encryption_context_in(header: str | None) -> dict[str, str]:
    """Of `x-amz-server-side-encryption-context`: base64 of JSON. Empty where none can be read."""
    try:
        given = json.loads(base64.b64decode(header or "", validate=True) or b"{}")
    except (binascii.Error, ValueError):
        return {}
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}


def _answer_json(response: Any, status: int, content: Any) -> None:
    response.status_code = status
    response.set_json(content)
