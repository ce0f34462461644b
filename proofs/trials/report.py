"""What the trials came to: figures against their goals, and the page of the documentation."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

from proofs.drill.figures import percentile
from proofs.trials.running import COLD, FLAKY, FLAKY_SECONDS, REPORTS, WARM, Result

GOALS = {WARM: 30.0, COLD: 30.0, REPORTS: 12.0}  # seconds at p99
KINDS = {
    WARM: "no traffic: the probe alone",
    COLD: "no traffic, and no function but the probe has a warm environment when the silence begins",
    REPORTS: "callers in both regions, whose libraries report what they see",
}


def summary(results: Mapping[str, Sequence[Result]], seconds: float, seed: int) -> dict[str, Any]:
    """Both observers' times count, each for itself: a route that never changed counts as beyond every goal."""
    modes: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    for mode, found in results.items():
        if mode == FLAKY:
            modes[mode] = {"moved": found[0].moved, "calls": found[0].calls, "failed_calls": found[0].failed_calls}
            text = f"a region that fails every third call for {FLAKY_SECONDS:.0f} s moves nothing"
            lines.append({"text": text, "met": not found[0].moved})
            continue
        times = [seconds for result in found for seconds in result.seconds.values()]
        reached = [seconds for seconds in times if seconds is not None]
        p99 = percentile(reached, 0.99) if len(reached) == len(times) else None
        failed = sum(result.failed_calls for result in found)
        modes[mode] = {
            "trials": len(found),
            "times": sorted(reached),
            "never": len(times) - len(reached),
            "p50": percentile(reached, 0.5),
            "p99": p99,
            "most": max(reached, default=None),
            "calls": sum(result.calls for result in found),
            "failed_calls": failed,
        }
        text = f"{mode}: silence to changed route, p99 {p99} s, the goal is {GOALS[mode]:.0f} s"
        lines.append({"text": text, "met": p99 is not None and p99 <= GOALS[mode]})
        if mode == REPORTS:
            lines.append({"text": f"{mode}: {failed} callers failed meanwhile", "met": failed == 0})
    return {"modes": modes, "lines": lines, "seconds": round(seconds), "seed": seed, "machine": platform.machine()}


def page(told: Mapping[str, Any]) -> str:
    """The text of docs/decision-times.md."""
    lines = [
        "# How long until the route changes",
        "",
        "Written by `make trials DOCS=1`: the deployed service in the local cloud, with default rules. KMS in",
        "us-east-1 goes silent at a random moment between two rounds. Each trial is the service's first outage.",
        "Both regions' routes are timed, from the silence to the changed route in the region's own state table.",
        "",
        "| trials | p50 s | p99 s | most s | goal p99 s | |",
        "|---|---|---|---|---|---|",
    ]
    for mode, kind in KINDS.items():
        if found := told["modes"].get(mode):
            met = "met" if found["p99"] is not None and found["p99"] <= GOALS[mode] else "**missed**"
            figures = f"{found['p50']} | {found['p99']} | {found['most']} | {GOALS[mode]:.0f} | {met}"
            lines.append(f"| {found['trials']} x {kind} | {figures} |")
    lines.append("")
    if found := told["modes"].get(REPORTS):
        lines.append(f"Of {found['calls']} calls during the trials with callers, {found['failed_calls']} failed.")
    if found := told["modes"].get(FLAKY):
        moved = "the route moved" if found["moved"] else "no route moved"
        asked = f"every third KMS call in us-east-1 failed for {FLAKY_SECONDS:.0f} s: {moved}"
        lines.append(f"In another trial {asked}; of {found['calls']} calls {found['failed_calls']} failed.")
    lines += [
        "",
        f"Measured on two shared {told['machine']} processors that run both regions, in {told['seconds']} s.",
        "",
    ]
    return "\n".join(lines)
