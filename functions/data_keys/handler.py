"""Serves data-key requests for callers without the library, over Invoke and a Function URL."""

from typing import Any

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return bootstrap.data_keys(context).answer(event)
