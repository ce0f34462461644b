"""SQS batch calls are authorised as their single ones, as AWS does: `sqs:SendMessage` allows SendMessageBatch.

[AWS docs: Service Authorization Reference, Amazon SQS] ministack 1.5.33 asks for an action `sqs:SendMessageBatch`.
"""

from typing import Any

from ministack.core import iam_actions

SUFFIX = "Batch"


def install() -> None:
    """Replaces the function: there is no register, and its callers look it up at each call."""
    extract = iam_actions.extract_iam_action

    def extract_iam_action(service: str, *positional: Any, **named: Any) -> Any:
        action = extract(service, *positional, **named)
        return action.removesuffix(SUFFIX) if service == "sqs" and isinstance(action, str) else action

    iam_actions.extract_iam_action = extract_iam_action
