"""Payloads have an end: invocations, messages, events and states.

ministack 1.5.33 checks messages of queues, without their attributes, and of topics, each with a figure of its own. It
takes an invocation, an event or a state of any size.
UNCONFIRMED: the wording for StartExecution, and whether a `Catch` that names States.DataLimitExceeded catches it. Here
none does; on AWS States.ALL does not [AWS docs: concepts-error-handling].
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.core.responses import error_response_json
from ministack.services import eventbridge, sns, sqs, stepfunctions

from local.cloud.account_limits import REGISTER, AccountLimits

INVOKE = re.compile(r"/functions/[^/]+/invocations$")
TIME_BYTES = 14  # what an entry's Time counts [AWS docs: eb-putevents, "Calculating PutEvents event entry size"]
STATE_HANDLERS = ("pass", "task", "choice", "wait", "parallel", "map")


def entry_bytes(entry: Mapping[str, Any]) -> int:
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ())]
    return sum(_bytes(text) for text in texts) + (TIME_BYTES if entry.get("Time") else 0)


def message_bytes(message: Mapping[str, Any]) -> int:
    """Attributes count with name, type and value [AWS docs: sqs-message-metadata]."""
    size = _bytes(message.get("MessageBody"))
    for name, value in (message.get("MessageAttributes") or {}).items():
        content = value.get("StringValue") or value.get("BinaryValue")
        size += _bytes(name) + _bytes(value.get("DataType")) + _bytes(content)
    return size


def _bytes(content: Any) -> int:
    return len(content if isinstance(content, bytes) else str(content or "").encode())


def invocation_refusal(path: str, headers: Mapping[str, str], body: bytes) -> Any:
    """The answer to an Invoke that is too long; None for any other request."""
    if not INVOKE.search(path):
        return None
    is_event = headers.get("x-amz-invocation-type", "").lower() == "event"
    limit = REGISTER.now.asynchronous_payload_bytes if is_event else REGISTER.now.synchronous_payload_bytes
    if len(body) <= limit:
        return None
    message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return error_response_json("RequestTooLargeException", message, 413)


def _limited_invoke(handle: Callable[..., Any]) -> Callable[..., Any]:
    async def invoke(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        if method == "POST" and (refusal := invocation_refusal(path, headers, body)):
            return refusal
        return await handle(method, path, headers, body, query)

    return invoke


def _limited_send(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_message(data: Any, url: str) -> Any:
        limit = REGISTER.now.queue_message_bytes
        if message_bytes(data) > limit:
            reason = f"Message must be shorter than {limit} bytes."
            raise sqs._Err("InvalidParameterValue", f"One or more parameters are invalid. Reason: {reason}")
        return send(data, url)

    return send_message


def _limited_batch(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_message_batch(data: Any, url: str) -> Any:
        limit, sent = REGISTER.now.queue_message_bytes, sum(map(message_bytes, data.get("Entries", ())))
        if sent > limit:
            message = f"Batch requests cannot be longer than {limit} bytes. You have sent {sent} bytes."
            raise sqs._Err("BatchRequestTooLong", message)
        return send(data, url)

    return send_message_batch


def _limited_events(put: Callable[..., Any]) -> Callable[..., Any]:
    def put_events(data: Any, *more: Any, **named: Any) -> Any:
        if sum(map(entry_bytes, data.get("Entries", ()))) >= REGISTER.now.event_entries_bytes:  # "less than"
            message = "Total size of the entries in the request is over the limit."
            return error_response_json("ValidationException", message, 400)
        return put(data, *more, **named)

    return put_events


def _limited_start(start: Callable[..., Any]) -> Callable[..., Any]:
    def start_execution(data: Any) -> Any:
        limit = REGISTER.now.state_bytes
        if _bytes(data.get("input")) > limit:
            constraint = f"Member must have length less than or equal to {limit}"
            message = f"1 validation error detected: Value at 'input' failed to satisfy constraint: {constraint}"
            return error_response_json("ValidationException", message, 400)
        return start(data)

    return start_execution


def _limited_state(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_state(state: Any, given: Any, *more: Any) -> Any:
        output, following = execute(state, given, *more)
        text = json.dumps(output, separators=(",", ":"), ensure_ascii=False)
        if _bytes(text) > REGISTER.now.state_bytes:
            name = more[-1].get("State", {}).get("Name", "") if more and more[-1] else ""
            cause = f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes"
            raise stepfunctions._ExecutionError("States.DataLimitExceeded", f"{cause} service limit.")
        return output, following

    return execute_state


def _limit_topics(limits: AccountLimits) -> None:
    sns._SNS_MAX_PAYLOAD_BYTES = limits.topic_message_bytes


def install() -> None:
    """Functions of the modules are replaced: their callers look them up. Only queues have a register as well."""
    app.SERVICE_HANDLERS["lambda"] = _limited_invoke(app.SERVICE_HANDLERS["lambda"])
    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = _limited_send(sqs._act_send_message)
    sqs._HANDLERS["SendMessageBatch"] = _limited_batch(sqs._HANDLERS["SendMessageBatch"])
    eventbridge._put_events = _limited_events(eventbridge._put_events)
    stepfunctions._start_execution = _limited_start(stepfunctions._start_execution)
    for kind in STATE_HANDLERS:
        name = f"_execute_{kind}"
        setattr(stepfunctions, name, _limited_state(getattr(stepfunctions, name)))
    REGISTER.watch(_limit_topics)
