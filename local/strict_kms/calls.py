"""How often each API call was answered, by Region, operation and outcome."""

from collections import Counter
from threading import Lock
from typing import TypedDict


class Outcomes(TypedDict):
    succeeded: int
    failed: dict[str, int]


class CallLedger:
    """Bounded by what AWS has: Regions, operations and error codes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_region: dict[str, dict[str, Outcomes]] = {}

    def record(self, region: str, operation: str, error_code: str | None) -> None:
        with self._lock:
            by_operation = self._by_region.setdefault(region, {})
            outcomes = by_operation.setdefault(operation, {"succeeded": 0, "failed": {}})
            if error_code is None:
                outcomes["succeeded"] += 1
            else:
                outcomes["failed"][error_code] = outcomes["failed"].get(error_code, 0) + 1

    def by_operation(self) -> dict[str, int]:
        """All calls, refused ones too, of all Regions."""
        counted: Counter[str] = Counter()
        for operations in self.snapshot().values():
            for operation, outcomes in operations.items():
                counted[operation] += outcomes["succeeded"] + sum(outcomes["failed"].values())
        return dict(counted)

    def snapshot(self) -> dict[str, dict[str, Outcomes]]:
        """A copy: {"us-east-1": {"GenerateDataKey": {"succeeded": 3, "failed": {"DisabledException": 1}}}}."""
        with self._lock:
            return {
                region: {
                    operation: {"succeeded": outcomes["succeeded"], "failed": dict(outcomes["failed"])}
                    for operation, outcomes in by_operation.items()
                }
                for region, by_operation in self._by_region.items()
            }
