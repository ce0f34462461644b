"""The account whose credentials this process has: that of the state table, which is named without one."""

import logging
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.aws_config import aws_config
from kms_failover.client.key_set_memory import KeySetMemory
from kms_failover.errors import StateUnavailableError

if TYPE_CHECKING:
    from boto3 import Session

STS_SECONDS = 1.0
STS_ATTEMPTS = 2

logger = logging.getLogger(__name__)


class OwnAccount:
    """As STS says, once in a process; until it does, what it said to an earlier one, which `memory` has kept."""

    def __init__(self, region: str, memory: KeySetMemory, session: "Session | None" = None) -> None:
        self._region, self._memory, self._session = region, memory, session
        self._known: str | None = None
        self._has_told = False

    def __call__(self) -> str:
        """StateUnavailableError where STS does not answer and never did."""
        if self._known is None:
            try:
                self._known = own_account(self._region, self._session)
            except StateUnavailableError as error:
                return self._remembered(error)
            self._memory.keep_account(self._known)
        return self._known

    def _remembered(self, silence: StateUnavailableError) -> str:
        account = self._memory.recall_account()
        if account is None:
            raise silence
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "STS in %s does not answer: account %s is remembered as this process's own", self._region, account
            )
        return account


def own_account(region: str, session: "Session | None" = None) -> str:
    """As STS says, which needs no permission for it (facts 8.8).

    Raises:
        StateUnavailableError: it did not answer; says what to set, so that nobody has to ask it.
    """
    sts: Any = (session or boto3).client("sts", region_name=region, config=aws_config(STS_SECONDS, STS_ATTEMPTS))
    try:
        account: str = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise StateUnavailableError(
            f"the account that may hold member keys is not known, for STS in {region} does not say it ({error}): "
            'name it with Settings(accounts=("111122223333",)), or give key_sets to FailoverKms.connect'
        ) from error
    return account
