"""A rule delivers to a queue or a function only if that one's policy lets EventBridge, for that rule.

ministack 1.5.33 delivers to every one, and knows neither a target's dead-letter queue nor FailedInvocations.
A delivery without permission is not tried again: it goes to the dead-letter queue at once, which needs a policy of
its own; without one the event is gone [AWS docs: eb-rule-dlq, eb-use-resource-based].

The policy of a queue's KMS key is not looked at, for ministack does not know the strict KMS's policies. Only AWS's own
key is: nobody can write EventBridge into its policy [AWS docs: sqs-server-side-encryption, sqs-key-management].
UNCONFIRMED: the text of ERROR_MESSAGE, and that the dead letter is the event from before an input transformer.
"""

import json
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, lambda_svc, sqs

from .queue_messages import deliver_message

PRINCIPAL = "events.amazonaws.com"
NAMESPACE = "AWS/Events"
AWS_OWN_KEY = "alias/aws/sqs"


def delivery_refusal(target_arn: str, rule_arn: str) -> tuple[str, str] | None:
    """Code and message of the failed delivery; None where EventBridge may deliver, or where nobody asks it."""
    match target_arn.split(":")[2:3]:
        case ["sqs"]:
            return _queue_refusal(target_arn, rule_arn)
        case ["lambda"]:
            return _function_refusal(target_arn, rule_arn)
        case _:
            return None


def _queue_refusal(arn: str, rule_arn: str) -> tuple[str, str] | None:
    if (queue := sqs._queue_by_arn(arn)) is None:
        return "NO_RESOURCE", f"The queue {arn} does not exist."
    if str(queue["attributes"].get("KmsMasterKeyId", "")).endswith(AWS_OWN_KEY):
        return "NO_PERMISSIONS", f"{PRINCIPAL} may not use the key {AWS_OWN_KEY} of {arn}."
    if not sqs.queue_policy_allows(arn, PRINCIPAL, rule_arn, get_account_id()):
        return "NO_PERMISSIONS", f"{PRINCIPAL} is not authorized to perform: sqs:SendMessage on {arn}"
    return None


def _function_refusal(arn: str, rule_arn: str) -> tuple[str, str] | None:
    if (found := lambda_svc.function_policy_for_arn(arn)) is None:
        return "NO_RESOURCE", f"The function {arn} does not exist."
    policy, _ = found
    if app.AUTH and not _allows(policy, "lambda:InvokeFunction", arn, rule_arn):
        return "NO_PERMISSIONS", f"{PRINCIPAL} is not authorized to perform: lambda:InvokeFunction on {arn}"
    return None


def _allows(policy: Any, action: str, arn: str, rule_arn: str) -> bool:
    """A service is no principal of the account: a grant to the account does not reach it."""
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=arn,
        region=get_region(),
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": get_account_id()},
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context, service=PRINCIPAL).decision == "Allow")


def _bury(target: Any, event: Any, rule: Any, reason: tuple[str, str]) -> None:
    """The event goes to the target's dead-letter queue, if it has one that takes it, and is counted."""
    _count("FailedInvocations", rule)
    if not (queue_arn := target.get("DeadLetterConfig", {}).get("Arn")):
        return
    if delivery_refusal(queue_arn, rule["Arn"]):
        _count("InvocationsFailedToBeSentToDlq", rule)
        return
    code, message = reason
    attributes = {"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"], "ERROR_CODE": code, "ERROR_MESSAGE": message}
    body = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
    deliver_message(sqs._queue_by_arn(queue_arn), body, attributes)
    _count("InvocationsSentToDlq", rule)


def _count(metric: str, rule: Any) -> None:
    cloudwatch.record_metric(NAMESPACE, metric, 1, "Count", {"RuleName": rule["Name"]})


def install() -> None:
    """`_invoke_target` is replaced, the last function that knows target and rule; its callers look it up."""
    deliver = eventbridge._invoke_target

    def invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> None:
        is_rule = ":rule/" in rule["Arn"]  # a schedule comes this way as well, and acts as its role
        if is_rule and (reason := delivery_refusal(str(target.get("Arn", "")), rule["Arn"])):
            _bury(target, event, rule, reason)
        else:
            deliver(target, event, rule, view)

    eventbridge._invoke_target = invoke_target
