"""A map run is authorised by its own ARN, as AWS does.

[AWS docs: Service Authorization Reference, AWS Step Functions] ministack 1.5.33 asks for `*` instead of `mapRun*`.
"""

import json
from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Replaces the function: there is no register, and its callers look it up at each call."""
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> Any:
        found = extract(service, method, path, headers, body, *more)
        if service != "states" or found != "*":
            return found
        return json.loads(body or b"{}").get("mapRunArn", found)

    iam_actions.extract_resource_arn = extract_resource_arn
