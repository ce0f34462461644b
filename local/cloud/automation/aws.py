"""AWS as an execution's steps call it: signed with the execution's own credentials, each call tried once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from .surroundings import ActionFailedError, ActionTimeoutError, Invocation

CONNECT_SECONDS = 5.0
INVOKE_INPUTS = ("FunctionName", "Qualifier", "InvocationType", "LogType", "ClientContext")


@dataclass(frozen=True)
class Credentials:
    """`may_script`: "an IAM service role is always required" for scripts that call AWS [AWS docs: executeScript]."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    may_script: bool


@dataclass(frozen=True)
class AwsServices:
    """Endpoints are those of the environment, such as AWS_ENDPOINT_URL."""

    credentials: Credentials
    region: str
    environment: Mapping[str, str] = field(repr=False)

    @property
    def script_environment(self) -> Mapping[str, str]:
        """Nothing of the process's own, but its endpoints and its way to loopback."""
        kept = {name: text for name, text in self.environment.items() if name.startswith("AWS_ENDPOINT_URL")}
        kept |= {name: self.environment[name] for name in ("NO_PROXY", "no_proxy", "PATH") if name in self.environment}
        kept |= {"AWS_DEFAULT_REGION": self.region, "AWS_REGION": self.region, "AWS_EC2_METADATA_DISABLED": "true"}
        if not self.credentials.may_script:
            return kept
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        texts = (self.credentials.access_key, self.credentials.secret_key, self.credentials.token or "")
        return kept | dict(zip(names, texts, strict=True))

    def invoke(self, inputs: Mapping[str, Any], seconds: float) -> Invocation:
        """InputPayload goes before Payload where both are given [AWS docs: automation-action-lamb]."""
        sent = {name: inputs[name] for name in INVOKE_INPUTS if name in inputs}
        payload = inputs.get("InputPayload", inputs.get("Payload"))
        if payload is not None:
            sent["Payload"] = payload if isinstance(payload, str) else json.dumps(payload)
        answer = self._answer("lambda", "Invoke", sent, seconds)
        text = answer["Payload"].read().decode(errors="replace")
        return Invocation(text, answer.get("FunctionError"), answer["StatusCode"], answer.get("LogResult", ""))

    def call(self, service: str, operation: str, parameters: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._answer(service, operation, parameters, seconds)
        if any(hasattr(value, "read") for value in answer.values()):
            raise ActionFailedError(f"{operation} streams its answer, and is not supported")
        return answer

    def _answer(self, service: str, operation: str, parameters: Mapping[str, Any], seconds: float) -> Any:
        try:
            return getattr(self._client(service, seconds), xform_name(operation))(**parameters)
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise ActionTimeoutError(str(error)) from error
        except (ClientError, BotoCoreError, AttributeError, TypeError) as error:
            raise ActionFailedError(str(error)) from error

    def _client(self, service: str, seconds: float) -> Any:
        session = boto3.Session(
            aws_access_key_id=self.credentials.access_key,
            aws_secret_access_key=self.credentials.secret_key,
            aws_session_token=self.credentials.token,
            region_name=self.region,
        )
        # a call that is tried again would give an order twice
        config = Config(
            connect_timeout=CONNECT_SECONDS, read_timeout=max(seconds, 0.001), retries={"total_max_attempts": 1}
        )
        made: Any = session.client(service, config=config)  # type: ignore[call-overload]  # any service
        return made
