"""Events of an asynchronous invocation wait in a queue of Lambda's, where they grow old.

[AWS docs: invocation-async-error-handling, invocation-async-retain-records] ministack 1.5.33 counts a throttled try as
one of the function's failures, takes AWS's minutes for seconds, and gives a rule's event one try only.

- A function that fails is tried again after a minute, then after two, as often as MaximumRetryAttempts says.
- A throttled event is tried again after 1 s, 2 s, 4 s ... 5 min, however often, until it is too old.
- With a reserved concurrency of 0 it is given up at once.
- An event that is given up goes to the on-failure destination as a record, or to the dead-letter queue as itself.
"""

import contextvars
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import _request_account_id, _request_region, new_uuid
from ministack.services import cloudwatch, eventbridge, lambda_svc, sqs

from local.cloud.account_limits import REGISTER

from .queue_messages import deliver_message
from .role_permissions import role_allows

RETRIES = 2
LONGEST_AGE_SECONDS = 21_600.0
FIRST_THROTTLED_SECONDS, LONGEST_THROTTLED_SECONDS = 1.0, 300.0
# What the function's role needs for its destination [AWS docs: invocation-async-retain-records]
ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
LONGEST_PAUSE_SECONDS = 0.2  # real ones: a clock that is set faster meanwhile is noticed


class EventClock:
    """The seconds that events have seen, as `asynchronous_speed` makes them pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen, self._read_at = 0.0, time.monotonic()

    def now(self) -> float:
        with self._lock:
            read_at = time.monotonic()
            self._seen += (read_at - self._read_at) * REGISTER.now.asynchronous_speed
            self._read_at = read_at
            return self._seen

    def wait_until(self, moment: float) -> None:
        while (left := moment - self.now()) > 0:
            time.sleep(min(left / REGISTER.now.asynchronous_speed, LONGEST_PAUSE_SECONDS))


CLOCK = EventClock()


@dataclass
class QueuedEvent:
    function: Any
    event: Any
    queued_at: float = field(default_factory=CLOCK.now)
    request_id: str = field(default_factory=new_uuid)
    tries: int = 0

    def work(self) -> None:
        """Until the function took it, or Lambda gives it up. Runs in a thread of its own."""
        account, region = lambda_svc._account_region_from_function_config(self._config)
        _request_account_id.set(account)
        _request_region.set(region)
        self._count("AsyncEventsReceived", 1)
        if (given_up := self._process()) is not None:
            self._count("AsyncEventsDropped", 1)
            self._send_to_destination(*given_up)

    @property
    def _config(self) -> Any:
        return self.function.get("config") or self.function

    @property
    def _settings(self) -> Any:
        known = self.function.get("event_invoke_configs") or {}
        return known.get("$LATEST") or known.get("") or self.function.get("event_invoke_config") or {}

    def _process(self) -> tuple[str, Any] | None:
        """Why the event was given up, and the last answer; None when it was taken."""
        throttled, failures, answer = 0, 0, {}
        retries = self._settings.get("MaximumRetryAttempts", RETRIES)
        expires = self.queued_at + float(self._settings.get("MaximumEventAgeInSeconds", LONGEST_AGE_SECONDS))
        while CLOCK.now() < expires:
            self._count("AsyncEventAge", (CLOCK.now() - self.queued_at) * 1000, "Milliseconds")
            answer = self._try()
            if not answer.get("error"):
                return None
            if answer.get("throttle"):
                if lambda_svc._reserved_concurrency(self.function, self._config) == 0:
                    return "RetriesExhausted", answer
                wait = min(FIRST_THROTTLED_SECONDS * 2**throttled, LONGEST_THROTTLED_SECONDS)
                throttled += 1
            else:
                if failures == retries:
                    return "RetriesExhausted", answer
                wait = REGISTER.now.asynchronous_retry_seconds * 2**failures
                failures += 1
            CLOCK.wait_until(min(CLOCK.now() + wait, expires))
        return "EventAgeExceeded", answer

    def _try(self) -> Any:
        began = time.monotonic()
        answer = lambda_svc._execute_function(self.function, self.event)
        if not answer.get("throttle"):
            self.tries += 1
            milliseconds = (time.monotonic() - began) * 1000
            lambda_svc._emit_lambda_metrics(self._name, milliseconds, bool(answer.get("error")), throttle=False)
        if answer.get("log"):
            lambda_svc.logger.info("Lambda %s async output:\n%s", self._name, answer["log"])
        return answer

    def _send_to_destination(self, condition: str, answer: Any) -> None:
        """As the function's role, which has to allow it. To what is no queue, ministack sends."""
        on_failure = (self._settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        target = on_failure or (self._config.get("DeadLetterConfig") or {}).get("TargetArn")
        if not target:
            return
        if not role_allows(self._config["Role"], ACTIONS.get(target.split(":")[2], ""), target):
            self._count("DestinationDeliveryFailures" if on_failure else "DeadLetterErrors", 1)
        elif (queue := sqs._queue_by_arn(target)) is None:
            lambda_svc._route_async_failure(target, self._name, self.event, answer)
        elif on_failure:
            deliver_message(queue, json.dumps(self._record(condition, answer)), {})
        else:
            deliver_message(queue, json.dumps(self.event), self._letter(answer))

    def _record(self, condition: str, answer: Any) -> dict[str, Any]:
        """Without a response where the function never ran. UNCONFIRMED: what AWS says of a throttled event."""
        record = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": f"{self._config['FunctionArn']}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": self.tries,
            },
            "requestPayload": self.event,
        }
        if not self.tries or answer.get("throttle"):
            return record
        error = answer.get("function_error") or "Unhandled"
        response = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": error}
        return record | {"responseContext": response, "responsePayload": answer.get("body")}

    def _letter(self, answer: Any) -> dict[str, str]:
        """What a dead letter says of the failure: the status, and the first kilobyte of the message."""
        body = answer.get("body")
        message = body.get("errorMessage") or body.get("message") if isinstance(body, dict) else body
        code = "429" if answer.get("throttle") else "200"
        return {"RequestID": self.request_id, "ErrorCode": code, "ErrorMessage": str(message or "")[:1024] or "-"}

    @property
    def _name(self) -> str:
        name: str = self._config.get("FunctionName", "")
        return name

    def _count(self, metric: str, value: float, unit: str = "Count") -> None:
        cloudwatch.record_metric("AWS/Lambda", metric, value, unit, {"FunctionName": self._name})


def queue_event(function: Any, event: Any) -> None:
    """Returns at once, as an asynchronous Invoke does."""
    context = contextvars.copy_context()  # it carries how deep a recursion is
    threading.Thread(target=context.run, args=(QueuedEvent(function, event).work,), daemon=True).start()


def _from_rule(arn: str, payload: str) -> None:
    """In the place of a rule's or schedule's single try."""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        eventbridge.logger.warning("EventBridge: function %s not found", name)
        return
    queue_event(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def install() -> None:
    """Functions are replaced, for ministack has no register: their callers look them up."""
    lambda_svc.invoke_async_with_retry = queue_event
    eventbridge._dispatch_to_lambda = _from_rule
