"""Serves data-key requests for callers without the library, over Invoke and a Function URL."""

from pathlib import Path
from typing import Any

from kms_failover import bootstrap
from kms_failover.bootstrap import LambdaContext

CONFIGURATION = Path(__file__).with_name("key-sets.yaml")  # optional: for a cold start while DynamoDB is out


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return bootstrap.data_keys(context, CONFIGURATION).answer(event)
