"""Where the events of the strict KMS go: kept in memory, and to the EventBridge rules of moto."""

import logging
from collections import deque
from datetime import datetime, timezone
from typing import Any, Protocol

Event = dict[str, Any]

KEPT_EVENTS = 1000
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

logger = logging.getLogger(__name__)


class EventSink(Protocol):
    """Takes EventBridge-shaped events; must not block and must not raise: it is called with the lock held."""

    def publish(self, event: Event) -> None: ...


class EventLog:
    """Keeps the newest events in memory, for tests."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)

    def publish(self, event: Event) -> None:
        self.events.append(event)


class MotoEventBridge(EventLog):
    """Hands each event to the rules of moto's default bus in the event's Region as well, as AWS does.

    Only where moto's EventBridge is installed (moto[events]) and in use.
    """

    def publish(self, event: Event) -> None:
        super().publish(event)
        from moto.events.models import events_backends  # noqa: PLC0415 - needs more than moto[kms]

        account = events_backends.get(event["account"])
        backend: Any = None if account is None else account.get(event["region"])
        if backend is None:  # nobody made a rule there
            return
        # moto's rules keep time as a number, and turn it into text for the target
        moment = datetime.strptime(event["time"], TIME_FORMAT).replace(tzinfo=timezone.utc).timestamp()
        for rule in list(backend.event_buses["default"].rules.values()):
            if rule.state == "ENABLED":
                self._send(rule, event | {"time": moment, "ingestion-time": moment})

    def _send(self, rule: Any, event: Event) -> None:
        try:
            rule.send_to_targets(event)
        except Exception:  # moto's targets fail in ways of their own; KMS goes on, as on AWS
            logger.exception("rule %s did not get %s", rule.name, event["detail-type"])
