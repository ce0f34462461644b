"""A race's course: regions whose answers, silences and outages are decided beforehand."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from kms_failover.client.call import Call, Wakeup
from kms_failover.client.race import Answer, Attempt, Terms, race
from kms_failover.client.regional_kms import RegionalKms
from kms_failover.domain.data_keys.budget import Budget
from kms_failover.domain.data_keys.latency import FEWEST
from kms_failover.domain.data_keys.settings import Settings
from tests.client.kms_world import AT_ONCE, FOREVER, late_after

GOOD = {"Plaintext": b"key"}


class Runner(RegionalKms):
    """One region of a course: what its client answers is decided, and whether it is out."""

    def __init__(self, course: "Course", region: str, outcome: Any) -> None:
        client: Any = SimpleNamespace(meta=SimpleNamespace(events=SimpleNamespace(register=lambda *_: None)))
        super().__init__(region, client, Settings())
        self.course, self.outcome = course, outcome
        late_after(self, course.hedge)
        self.hedges = course.budget
        for _ in range(FEWEST if course.known else 0):
            self.latency._recent.append(0.001)
            self.latency._added += 1

    def is_out(self, key_arn: str) -> bool:
        return self.region in self.course.out

    def submit(self, operation: str, parameters: dict[str, Any], wakeup: Wakeup | None = None) -> Call:
        self.course.asked.append(self.region)
        call = Call(self.region, self.breaker.openings, wakeup)
        call.has_thread = self.region not in self.course.queued
        call.future = Future()
        if self.region in self.course.sends:
            call.sent()
        if isinstance(self.outcome, Exception):
            call.future.set_exception(self.outcome)
        elif self.outcome is not None:
            call.future.set_result(self.outcome)
        if wakeup is not None:
            call.future.add_done_callback(wakeup.wake)
        self._under_way.add(call)
        self.course.then.pop(self.region, lambda: None)()
        return call

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.course.alone.append(self.region)
        answer: dict[str, Any] = self.submit(operation, parameters).future.result(AT_ONCE)
        return answer

    def overtaken(self, call: Call) -> None:
        self.course.overtaken.append(self.region)

    def goes_out(self) -> None:
        for _ in range(2):
            self._fault("test")


class Course:
    """Regions by name: an answer, an exception, or None for silence. `out` are asked last."""

    def __init__(
        self,
        *,
        hedge: float = FOREVER,
        budget: Budget | None = None,
        out: tuple[str, ...] = (),
        known: bool = True,
        unsent: tuple[str, ...] = (),
        queued: tuple[str, ...] = (),
        **regions: Any,
    ) -> None:
        self.hedge, self.budget, self.out, self.known = hedge, budget or Budget(9, 0), out, known
        self.regions = regions
        self.queued = queued
        self.sends = regions.keys() - {*unsent, *queued}
        self.then: dict[str, Callable[[], object]] = {}
        self.asked: list[str] = []
        self.alone: list[str] = []
        self.overtaken: list[str] = []
        self.runners = {region: Runner(self, region, outcome) for region, outcome in regions.items()}

    def after_submitting(self, region: str, act: Callable[[], object]) -> None:
        self.then[region] = act

    def run(self, *, deadline: float = FOREVER, **terms: Any) -> Answer:
        runners: dict[str, Any] = self.runners
        attempts = [Attempt(runner, "decrypt", {"KeyId": "k"}) for runner in runners.values()]
        return race(attempts, Terms(deadline=time.monotonic() + deadline, call_seconds=4.0, **terms))
