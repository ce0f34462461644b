"""Puts `report.json` together from what a drill gathered."""

import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from proofs.drill import figures
from proofs.drill.alarms import ALARM_MINUTE_SECONDS
from proofs.drill.checks import Check
from proofs.drill.commands import REPOSITORY, run, sam
from proofs.drill.context import Drill
from proofs.drill.places import OTHER, PREFERRED
from proofs.drill.traffic import Record

PACKAGES = (
    "boto3",
    "botocore",
    "amazon-s3-encryption-client-python",
    "cryptography",
    "pydantic",
    "ministack",
    "microburst",
    "moto",
)
HEALTHY_AFTER_SECONDS = 20
SETTINGS = (
    {
        "name": "rules.healthy_after_seconds",
        "default": 600,
        "used": HEALTHY_AFTER_SECONDS,
        "why": "ten quiet minutes before a region counts as healthy are right for production; the path is the same",
    },
    {
        "name": "rules.key_usable_after_seconds",
        "default": 60,
        "used": HEALTHY_AFTER_SECONDS,
        "why": "the keys have no material when the probe first asks them; the path is the same",
    },
    {
        "name": "a minute of the alarms, in seconds",
        "default": 60,
        "used": int(ALARM_MINUTE_SECONDS),
        "why": "an alarm looks at two whole minutes; the evaluation is the same",
    },
)


def report(drill: Drill, started: float, step_checks: Sequence[Check]) -> dict[str, Any]:
    records = sorted(drill.traffic.records, key=lambda record: record.at)
    began = drill.traffic.began or started
    fault, recovery = drill.at("fault"), drill.at("recovery")
    made = drill.figures
    return {
        "passed": bool(step_checks) and all(check.ok for check in step_checks),
        "started_at": datetime.fromtimestamp(started, UTC).isoformat(),
        "duration_seconds": round(time.time() - started, 1),
        "short": drill.options.short,
        "regions": {"preferred": PREFERRED, "other": OTHER},
        "checks": [check.as_json() for check in step_checks],
        "requests": figures.totals(records) | {"by_phase": figures.by_phase(records, fault, recovery)},
        "first_request_after_fault_ms": figures.first_request_after(records, fault, PREFERRED),
        "p50_ms": figures.phase_latencies(records, fault, recovery, "p50_ms"),
        "p99_ms": figures.phase_latencies(records, fault, recovery, "p99_ms"),
        "detection_seconds": made.get("detection_seconds"),
        "route_change_seconds": made.get("route_change_seconds"),
        "objects": {
            "total": len(drill.objects),
            "bytes": sum(stored.size for stored in drill.objects),
            "opened_in_secondary": made.get("opened_in_secondary"),
            "opened_in_primary_after": made.get("opened_in_primary_after"),
        },
        "coverage": {"before": made.get("coverage_before"), "after": made.get("coverage_after")},
        "debt": {"peak": _peak(drill), "after": made.get("debt_after")},
        "reimport_seconds": made.get("reimport_seconds"),
        "unreadable": [{"name": one.name, "reason": one.reason} for one in drill.unreadable],
        "timeline": _timeline(drill, began),
        "series": _series(drill, records, began),
        "settings": list(SETTINGS),
        "versions": versions(drill.aws.environment, sam(drill.options.sam)),
    }


def _timeline(drill: Drill, began: float) -> list[dict[str, Any]]:
    return [
        {"at_seconds": round(m.at - began, 2), "label": m.label, "kind": m.kind, "detail": m.detail}
        for m in sorted(drill.moments, key=lambda m: m.at)
    ]


def _series(drill: Drill, records: Sequence[Record], began: float) -> dict[str, Any]:
    return {
        "requests": figures.per_second(records, began),
        "dots": figures.dots(records, began),
        "latency": figures.latency_series(records, began),
        "coverage": _coverage(drill, began),
        # one observer's view: the region that stays is the one that knows
        "debt": [
            {"at_seconds": round(sample.at - began, 2), "regions": sample.status["Debt"]}
            for sample in drill.watcher.samples
            if sample.observer == OTHER
        ],
    }


def _coverage(drill: Drill, began: float) -> list[dict[str, Any]]:
    return [{"at_seconds": round(at - began, 2), "regions": dict(shares)} for at, shares in drill.coverage]


def _peak(drill: Drill) -> int | None:
    return max((sum(sample.status["Debt"].values()) for sample in drill.watcher.samples), default=None)


def versions(environment: Mapping[str, str], sam_cli: str) -> dict[str, str]:
    found = {"kms-failover": _commit(environment), "python": platform.python_version(), "platform": _platform()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed here"
    found["aws-sam-cli"] = run([sam_cli, "--version"], environment).output.strip().rpartition(" ")[2]
    return found


def _platform() -> str:
    return f"{platform.system()} {platform.machine()}"


def _commit(environment: Mapping[str, str]) -> str:
    try:
        commit = run(["git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD"], environment)
        changed = run(["git", "-C", str(REPOSITORY), "status", "--porcelain"], environment)
    except OSError:
        return "no git here"
    if commit.status != 0:
        return "not a git checkout"
    return f"git {commit.output.strip()}{' with local changes' if changed.output.strip() else ''}"
