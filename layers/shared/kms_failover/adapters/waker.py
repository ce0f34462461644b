"""Wakes another function of the same region."""

import json
import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)


class FunctionWaker:
    """Asynchronous. A wake-up that fails is logged and no more: a schedule wakes the function every minute."""

    def __init__(self, functions: "LambdaClient", name: str) -> None:
        self._functions = functions
        self._name = name

    def __call__(self, **request: object) -> None:
        """`request` is the event that the function gets."""
        payload = json.dumps(request).encode()
        try:
            self._functions.invoke(FunctionName=self._name, InvocationType="Event", Payload=payload)
        except (BotoCoreError, ClientError) as error:
            logger.warning("%s could not be woken, its schedule will: %s", self._name, error)
