"""The account whose credentials this process has: that of the state table, which is named without one."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.errors import StateUnavailableError

if TYPE_CHECKING:
    from boto3 import Session

TIMEOUT_SECONDS = 1.0
ATTEMPTS = 2


def own_account(region: str, session: "Session | None" = None) -> str:
    """As STS says, which needs no permission for it (facts 8.8).

    Raises:
        StateUnavailableError: it did not answer; says what to set, so that nobody has to ask it.
    """
    config = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    sts: Any = (session or boto3).client("sts", region_name=region, config=config)
    try:
        account: str = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise StateUnavailableError(
            f"the account that may hold member keys is not known, for STS in {region} does not say it ({error}): "
            'name it with Settings(accounts=("111122223333",)), or give key_sets to FailoverKms.connect'
        ) from error
    return account
