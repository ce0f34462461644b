"""Wakes the controller of the same region."""

import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)


class ControllerWaker:
    """Asynchronous. A wake-up that fails is logged and no more: the schedule wakes the controller every minute."""

    def __init__(self, functions: "LambdaClient", controller: str) -> None:
        self._functions = functions
        self._controller = controller

    def __call__(self) -> None:
        try:
            self._functions.invoke(FunctionName=self._controller, InvocationType="Event", Payload=b"{}")
        except (BotoCoreError, ClientError) as error:
            logger.warning("the controller could not be woken, the schedule will: %s", error)
