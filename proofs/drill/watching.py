"""Watches the service's own status in both regions all along: debt, verdicts, routes."""

import threading
import time
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from proofs.drill.aws import Aws
from proofs.drill.places import OTHER, PREFERRED, REGIONS

PAUSE_SECONDS = 1.5

type Status = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    at: float
    observer: str
    status: Status


class Watcher:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.samples: list[Sample] = []
        self.errors: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30.0)

    def latest(self, observer: str) -> Status | None:
        return next((sample.status for sample in reversed(self.samples) if sample.observer == observer), None)

    def verdicts(self, region: str) -> dict[str, str]:
        """What each observer says about this region's KMS and the key set's key there, by observer."""
        found = {observer: self.latest(observer) for observer in REGIONS}
        return {o: _in_words(status["Verdicts"][region]) if status else "not seen" for o, status in found.items()}

    def heads(self) -> dict[str, str]:
        """The first region of each observer's route."""
        found = {observer: self.latest(observer) for observer in REGIONS}
        return {o: status["Route"]["Regions"][0] if status else "not seen" for o, status in found.items()}

    def returns(self) -> dict[str, str]:
        """What the return to the preferred region waits for, by observer."""
        found = {observer: self.latest(observer) for observer in REGIONS}
        return {o: status["Return"] if status else "not seen" for o, status in found.items()}

    def debt(self) -> dict[str, int]:
        """The greater of both observers' counts, by the region that is owed: replicating them takes a moment."""
        found = [status["Debt"] for observer in REGIONS if (status := self.latest(observer))]
        return {region: max((debt.get(region, 0) for debt in found), default=0) for region in REGIONS}

    def without_debt_since(self) -> float | None:
        """The first of the latest samples in a row that count none; None while there is some."""
        latest = list(takewhile(lambda sample: not any(sample.status["Debt"].values()), reversed(self.samples)))
        return latest[-1].at if latest else None

    def refusals(self) -> dict[str, str]:
        """Reason by `bucket/key`."""
        statuses = [status for observer in REGIONS if (status := self.latest(observer))]
        return {f"{r['bucket']}/{r['key']}": r["reason"] for status in statuses for r in status["Refusals"]}

    def fresh(self) -> int:
        """How often both regions have been seen; a caller who waits for the next round remembers it."""
        return min(sum(sample.observer == region for sample in self.samples) for region in REGIONS)

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE_SECONDS):
            for observer in (PREFERRED, OTHER):
                try:
                    status = self._aws.runbook("status", observer)
                except Exception as error:  # noqa: BLE001 - one round that failed must not end the watch; it is reported
                    self.errors.append(f"{observer}: {type(error).__name__}: {error}"[:200])
                else:
                    self.samples.append(Sample(time.time(), observer, status))


def _in_words(verdict: Status) -> str:
    return str(verdict["Verdict"]) if verdict["KeyUsable"] else f"{verdict['Verdict']}, key not usable"
