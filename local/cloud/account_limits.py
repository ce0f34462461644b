"""What an account allows, as one value. Its figures are AWS's; None is no limit.

It does without ministack, for the gateway and its clients share it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

KIB, MIB = 1 << 10, 1 << 20
FRACTIONS = {"asynchronous_retry_seconds", "asynchronous_speed", "connection_idle_seconds"}


class BadLimitError(ValueError):
    """The message names the limit, and what it may be."""


@dataclass(frozen=True)
class AccountLimits:
    """Sizes in bytes of UTF-8.

    Asynchronous invocations, queues and buses take 1 MiB, since 2026-01-29 at the latest, and took 256 KiB before
    [AWS Compute Blog: "More room to build"; botocore sqs:SendMessageBatch, events:PutEvents].
    """

    synchronous_payload_bytes: int = 6 * MIB  # [AWS docs: Lambda quotas]
    asynchronous_payload_bytes: int = MIB
    queue_message_bytes: int = MIB
    event_entries_bytes: int = MIB
    topic_message_bytes: int = 256 * KIB  # [botocore sns:PublishInput]
    state_bytes: int = 256 * KIB  # [AWS docs: Step Functions quotas; botocore stepfunctions:SensitiveData]
    # None is no limit: AWS's is 1,000 in a Region by default, fewer in a new account [AWS docs: Lambda quotas]
    concurrent_executions: int | None = None
    # Seconds on the clock of waiting events, which runs `asynchronous_speed` times as fast as the world's. AWS waits 60
    # after a function's first error [AWS docs: invocation-async-error-handling]; a drill would take that as an outage.
    asynchronous_retry_seconds: float = 1.0
    asynchronous_speed: float = 1.0
    # None is no limit. AWS's are 1,000 and 3,000 units a second [AWS docs: bp-partition-key-design]
    partition_write_units: int | None = None
    partition_read_units: int | None = None
    # None: workers run on between invocations. Else they are frozen, and keep their connections
    # for so long; a NAT gateway of AWS keeps them 350 s [AWS docs: nat-gateway-troubleshooting]
    connection_idle_seconds: float | None = None


def parse_limits(values: Mapping[str, Any]) -> AccountLimits:
    """Whatever is not named is as AWS has it. Raises BadLimitError, also for what is no mapping."""
    if not isinstance(values, dict):
        raise BadLimitError(f'limits are a JSON object, such as {{"state_bytes": 1000}}, not {values!r}')
    defaults = {field.name: field.default for field in fields(AccountLimits)}
    for name, value in values.items():
        if name not in defaults:
            raise BadLimitError(f"there is no limit {name}; there are {', '.join(sorted(defaults))}")
        _check(name, value, defaults[name])
    return AccountLimits(**values)


def _check(name: str, value: Any, default: Any) -> None:
    if value is None and default is None:
        return
    allowed = int | float if name in FRACTIONS else int
    if isinstance(value, bool) or not isinstance(value, allowed) or value <= 0:
        kind = "a number" if name in FRACTIONS else "a whole number"
        raise BadLimitError(f"{name} is {kind} above 0{' or null' if default is None else ''}, not {value!r}")


class LimitRegister:
    """The limits that hold now. A watcher is told at once, and then of every change."""

    def __init__(self) -> None:
        self.now = AccountLimits()
        self._watchers: list[Callable[[AccountLimits], None]] = []

    def replace(self, limits: AccountLimits) -> None:
        self.now = limits
        for watcher in self._watchers:
            watcher(limits)

    def watch(self, watcher: Callable[[AccountLimits], None]) -> None:
        self._watchers.append(watcher)
        watcher(self.now)


REGISTER = LimitRegister()  # of the gateway's process
