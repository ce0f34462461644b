"""Wakes another function of the same region."""

import json
import logging
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_NOBODY_THERE = frozenset({"ResourceNotFoundException", "AccessDeniedException"})

logger = logging.getLogger(__name__)


class FunctionWaker:
    """Asynchronous. What fails is logged; whoever calls knows whether anything is lost with it."""

    def __init__(self, functions: "LambdaClient", name: str) -> None:
        self._functions = functions
        self._name = name

    def __call__(self, **request: object) -> None:
        """`request` is the event that the function gets; for functions that a schedule wakes as well."""
        self.reaches(**request)

    def reaches(self, **request: object) -> bool:
        """Whether the function has the request, or nobody of this deployment is there to have it.

        False: it may have it another time. IAM refuses what the deployment's own roles do not name: a third region.
        """
        payload = json.dumps(request).encode()
        try:
            self._functions.invoke(FunctionName=self._name, InvocationType="Event", Payload=payload)
        except (BotoCoreError, ClientError) as error:
            logger.warning("%s could not be woken: %s", self._name, error)
            return isinstance(error, ClientError) and error.response["Error"]["Code"] in _NOBODY_THERE
        return True
