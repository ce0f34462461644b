"""Step 4: KMS in the preferred region goes silent, and nobody tells the service."""

import time
from typing import Any

from proofs.drill import figures
from proofs.drill.checks import at_most
from proofs.drill.context import Drill
from proofs.drill.places import OTHER, PREFERRED, REGIONS
from proofs.drill.waiting import poll

ROUTE_SECONDS = 120.0  # three probe rounds of ten seconds, with room for two busy cores
IN_FLIGHT_SECONDS = 3.0  # calls that KMS had already taken when the silence began may still end


def run(drill: Drill) -> None:
    drill.cloud.faults.silence(service="kms", region=PREFERRED)
    fault = drill.mark(f"KMS in {PREFERRED} silent", "fault")
    drill.figures["calls_at_fault"] = _settled_calls(drill)
    away = dict.fromkeys(REGIONS, OTHER)
    heads = poll(
        drill.progress,
        f"both regions to route to {OTHER}",
        drill.watcher.heads,
        lambda seen: seen == away,
        deadline_seconds=ROUTE_SECONDS,
    )
    drill.checks.add(f"both regions route to {OTHER}, untold", expected=away, observed=heads)
    detections, changes = {}, {}
    for observer in REGIONS:
        status = drill.watcher.latest(observer) or {}
        detections[observer] = _detected(drill, status, observer, fault)
        changes[observer] = _changed(drill, status, observer, fault)
    drill.figures["detection_seconds"] = _slowest(detections)
    drill.figures["route_change_seconds"] = _slowest(changes)
    drill.checks.add(
        "the slower region's detection", expected=at_most(ROUTE_SECONDS, "s"), observed=_slowest(detections)
    )
    drill.checks.add(
        "the slower region's route change", expected=at_most(ROUTE_SECONDS, "s"), observed=_slowest(changes)
    )


def _detected(drill: Drill, status: dict[str, Any], observer: str, fault: float) -> float | None:
    """Seconds to the verdict, as the observer itself recorded it."""
    verdict = status.get("Verdicts", {}).get(PREFERRED, {})
    at = figures.since(verdict.get("Since"))
    if verdict.get("Verdict") != "impaired" or at is None:
        return None
    drill.mark(f"{observer} detects", "detection", at=at, detail=str(verdict["Reason"]))
    return round(at - fault, 2)


def _changed(drill: Drill, status: dict[str, Any], observer: str, fault: float) -> float | None:
    change = figures.changed_to(status.get("History", []), OTHER, fault)
    if change is None or (at := figures.since(change["DecidedAt"])) is None:
        return None
    drill.mark(f"{observer} reroutes", "route change", at=at, detail=str(change["Reason"]))
    return round(at - fault, 2)


def _slowest(seconds: dict[str, float | None]) -> float | None:
    """None unless every observer has got there."""
    known = [value for value in seconds.values() if value is not None]
    return max(known) if len(known) == len(seconds) else None


def _settled_calls(drill: Drill) -> dict[str, int]:
    """What had succeeded at the silent region's KMS once the calls under way had ended."""
    deadline = time.monotonic() + IN_FLIGHT_SECONDS
    before = figures.succeeded(drill.cloud.kms_calls(), PREFERRED)
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = figures.succeeded(drill.cloud.kms_calls(), PREFERRED)
        if now == before:
            break
        before = now
    return before
