"""Trials: calm, then silence at a random moment, then waiting for both regions' routes to lead elsewhere."""

import random
import threading
import time
from dataclasses import dataclass, field

from kms_failover import FailoverKms
from local.cloud import Faults
from proofs.drill.aws import Aws
from proofs.drill.commands import SetUpError
from proofs.drill.places import DEPLOYMENT, KEY_SET, OTHER, PREFERRED, REGIONS
from proofs.drill.progress import Progress
from proofs.trials.service import State, make_cold

WARM, COLD, REPORTS, FLAKY = "warm", "cold", "reports", "flaky"
MODES = (WARM, COLD, REPORTS, FLAKY)
CALM_SECONDS, GIVE_UP_SECONDS, FLAKY_SECONDS = 150.0, 90.0, 240.0
LOOK_SECONDS = 0.1
PROBE_SECONDS = 10.0  # the silence begins anywhere between two rounds
CALLS_A_SECOND = 4
FAILS_EVERY_THIRD = {
    "service": "kms",
    "region": PREFERRED,
    "sequence": [1, 2],
    "error": {"code": "KMSInternalException", "status": 500},
}


@dataclass
class Result:
    """Seconds from the silence to each observer's changed route; None: not within the time given."""

    seconds: dict[str, float | None] = field(default_factory=dict)
    moved: bool = False
    calls: int = 0
    failed_calls: int = 0


class Trials:
    def __init__(self, aws: Aws, faults: Faults, progress: Progress, seed: int) -> None:
        self._aws = aws
        self._faults = faults
        self._progress = progress
        self._random = random.Random(seed)  # noqa: S311 - moments, not secrets
        self._state = State(aws)

    def run(self, mode: str, trials: int) -> list[Result]:
        self._progress.step(f"Trials: {mode}")
        if mode == FLAKY:
            return [self._flaky()]
        results = []
        with self._progress.task(f"{mode}: silence in {PREFERRED}", trials) as task:
            for _ in range(trials):
                result = self._trial(mode)
                results.append(result)
                task.advance()
                task.saw(", ".join(f"{observer} {seconds}" for observer, seconds in result.seconds.items()))
        return results

    def _trial(self, mode: str) -> Result:
        self._calm_down()
        traffic = Traffic() if mode == REPORTS else None
        try:
            time.sleep(self._random.uniform(0, PROBE_SECONDS))
            if mode == COLD:
                make_cold(self._aws)
            result = self._silence()
        finally:
            if traffic is not None:
                traffic.stop()
        if traffic is not None:
            result.calls, result.failed_calls = traffic.calls, traffic.failed
        return result

    def _calm_down(self) -> None:
        self._faults.clear()
        self._state.forget()
        deadline = time.monotonic() + CALM_SECONDS
        while not all(self._state.is_calm(observer) for observer in REGIONS):
            if time.monotonic() > deadline:
                raise SetUpError("the service does not become calm: see the functions' logs in build/trials")
            if any(self._state.is_lost(observer) for observer in REGIONS):
                self._state.forget()  # a run that had read the outage before has written it again
            time.sleep(0.5)

    def _silence(self) -> Result:
        result = Result(dict.fromkeys(REGIONS))
        began = time.monotonic()
        self._faults.silence(service="kms", region=PREFERRED)
        while time.monotonic() - began < GIVE_UP_SECONDS:
            for observer in [o for o, seconds in result.seconds.items() if seconds is None]:
                if self._state.head(observer) == OTHER:
                    result.seconds[observer] = round(time.monotonic() - began, 2)
            if None not in result.seconds.values():
                break
            time.sleep(LOOK_SECONDS)
        return result

    def _flaky(self) -> Result:
        """Every third call of the preferred region fails, for minutes, with traffic: nothing may move."""
        self._calm_down()
        result = Result()
        traffic = Traffic()
        try:
            self._faults.add(FAILS_EVERY_THIRD)
            ends = time.monotonic() + FLAKY_SECONDS
            with self._progress.task(f"every third call fails, {FLAKY_SECONDS:.0f} s") as task:
                while time.monotonic() < ends:
                    heads = {observer: self._state.head(observer) for observer in REGIONS}
                    result.moved = result.moved or any(head != PREFERRED for head in heads.values())
                    task.saw(str(heads))
                    time.sleep(1.0)
        finally:
            traffic.stop()
            self._faults.clear()
        result.calls, result.failed_calls = traffic.calls, traffic.failed
        return result


class Traffic:
    """Callers in both regions, by the library: their breakers report what they see."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.calls = self.failed = 0
        self._clients = [FailoverKms.connect(region=r, deployment=DEPLOYMENT, regions=REGIONS) for r in REGIONS]
        self._threads = [threading.Thread(target=self._run, args=(kms,), daemon=True) for kms in self._clients]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=30.0)
        for kms in self._clients:
            kms.close()

    def _run(self, kms: FailoverKms) -> None:
        while not self._stopped.wait(1 / CALLS_A_SECOND):
            try:
                kms.generate_data_key(KeyId=KEY_SET, KeySpec="AES_256")
                failed = 0
            except Exception:  # noqa: BLE001 - whatever it is, a caller was failed; the count is judged
                failed = 1
            with self._lock:
                self.calls += 1
                self.failed += failed
