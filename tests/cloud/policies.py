"""Policies as the product's template writes them."""

import json
from typing import Any


def queue_policy(queue_arn: str, **condition: str) -> str:
    """Lets EventBridge send, for the rule that the condition names."""
    allowed: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
    }
    if condition:
        allowed["Condition"] = {"ArnEquals": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
