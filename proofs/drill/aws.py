"""Clients of the local cloud's services, and the deployed functions as a caller sees them."""

import functools
import json
import os
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from proofs.drill.places import DEPLOYMENT, KEY_SET

READ_SECONDS = 60.0  # a cold start on two busy cores takes some; a function's own time-outs are shorter
CONNECTIONS = 24


class FunctionFailedError(Exception):
    """A deployed function raised, or answered with an error."""


class Aws:
    """All clients are made with the cloud's own settings, of which this process's environment is a part."""

    def __init__(self, environment: Mapping[str, str], endpoint: str) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]  # a user's own profile must not lead anywhere else
        os.environ.update(environment)
        self.environment = dict(environment)
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._client = functools.cache(self._new_client)

    def client(self, service: str, region: str) -> Any:
        with self._lock:  # making one is not safe for threads, using it is
            return self._client(service, region)

    def new_client(self, service: str, region: str) -> Any:
        """One of its own, for libraries that change the client they are given."""
        with self._lock:
            return self._new_client(service, region)

    def user_client(self, service: str, region: str, access_key: Mapping[str, str]) -> Any:
        """With an IAM user's own key, as CreateAccessKey answers it."""
        with self._lock:
            return self._new_client(
                service,
                region,
                aws_access_key_id=access_key["AccessKeyId"],
                aws_secret_access_key=access_key["SecretAccessKey"],
            )

    def invoke(self, function: str, region: str, payload: object) -> Any:
        """FunctionFailedError where the function raised; an `Error` in its answer is returned as it is."""
        name = f"{DEPLOYMENT}-{function}"
        answer = self.client("lambda", region).invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        body = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise FunctionFailedError(f"{name} in {region}: {body.get('errorType')}: {body.get('errorMessage')}")
        return body

    def runbook(self, action: str, region: str, **more: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.invoke("runbook", region, {"Action": action, "KeySet": KEY_SET, **more})
        if "Error" in answer:
            raise FunctionFailedError(f"runbook {action} in {region}: {answer['Error']}")
        return answer

    def call_url(self, region: str, payload: object, *, signed: bool) -> tuple[int, Any]:
        """The data_keys function by its URL: the host is the URL's own, as signed, the connection goes to the cloud."""
        functions = self.client("lambda", region)
        url = functions.get_function_url_config(FunctionName=f"{DEPLOYMENT}-data-keys")["FunctionUrl"]
        headers = {"content-type": "application/json"}
        request = AWSRequest("POST", url, data=json.dumps(payload).encode(), headers=headers)
        if signed:
            SigV4Auth(_credentials(), "lambda", region).add_auth(request)
        sent = {**dict(request.headers.items()), "host": urlsplit(url).netloc}
        answer = urllib3.request("POST", f"{self._endpoint}/", body=request.data, headers=sent, timeout=READ_SECONDS)
        return answer.status, json.loads(answer.data or b"null")

    def _new_client(self, service: str, region: str, **keys: str) -> Any:
        config = Config(
            connect_timeout=5.0,
            read_timeout=READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            retries={"total_max_attempts": 1, "mode": "standard"},  # a retry would hide a failure from the report
        )
        made: Any = boto3.client(service, region_name=region, config=config, **keys)  # type: ignore[call-overload]  # any service
        return made


def _credentials() -> Credentials:
    found = boto3.Session().get_credentials()
    if found is None:
        raise FunctionFailedError("there are no credentials to sign with")
    return found
