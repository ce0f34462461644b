"""How often each API call was answered, by Region, operation and outcome."""

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

    def succeeded(self, operation: str) -> int:
        """In all Regions."""
        return sum(
            by_operation[operation]["succeeded"]
            for by_operation in self.snapshot().values()
            if operation in by_operation
        )

    @property
    def total(self) -> int:
        """All calls of all Regions, refused ones too."""
        outcomes = [one for by_operation in self.snapshot().values() for one in by_operation.values()]
        return sum(one["succeeded"] + sum(one["failed"].values()) for one in outcomes)

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
