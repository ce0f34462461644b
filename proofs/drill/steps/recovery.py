"""Step 6: KMS is back; the operator fails back, the debt is repaid, and every file opens with either region."""

import json
from typing import Any

from proofs.drill.alarms import wait_for_alarm
from proofs.drill.commands import cli
from proofs.drill.context import Drill
from proofs.drill.covering import coverage, problems, wait_until_covered
from proofs.drill.places import DEPLOYMENT, KEY_SET, OTHER, PREFERRED, REGIONS
from proofs.drill.steps.outage import SHOWN
from proofs.drill.steps.traffic import complete_data_keys
from proofs.drill.waiting import poll

HEALTHY_SECONDS = 120.0
KEY_ANSWERS_SECONDS = 60.0  # the probe asks the key as soon as its region is back
FAILBACK_WAITS = "waits for an operator: failback"
COVERED_SECONDS = 30.0  # a repaid debt is an object that opens
FAILBACK_SECONDS = 180.0  # the return waits for the debt, which is swept once a minute
REPAID_SECONDS = 150.0


def run(drill: Drill) -> None:
    drill.cloud.faults.clear()
    drill.mark("KMS is back", "recovery")
    coverage(drill, PREFERRED)
    healthy = dict.fromkeys(REGIONS, "healthy")
    verdicts = poll(
        drill.progress,
        f"both regions to call {PREFERRED} healthy again",
        lambda: drill.watcher.verdicts(PREFERRED),
        lambda seen: seen == healthy,
        deadline_seconds=HEALTHY_SECONDS,
    )
    drill.checks.add(f"both regions call {PREFERRED} healthy again", expected=healthy, observed=verdicts)
    if verdicts == healthy:
        drill.mark("healthy again", detail="both observers' verdicts")
    drill.checks.add(
        f"nothing returns to {PREFERRED} before an operator says so",
        expected=dict.fromkeys(REGIONS, OTHER),
        observed=drill.watcher.heads(),
    )
    _fail_back(drill)
    _debt_is_repaid(drill)
    complete_data_keys(drill, "after KMS came back")
    _everything_opens(drill)
    wait_for_alarm(drill, "OK", since="recovery")


def _fail_back(drill: Drill) -> None:
    """As the runbook says: once the status shows under *return* that nothing but the operator is waited for."""
    waits = dict.fromkeys(REGIONS, FAILBACK_WAITS)
    seen = poll(
        drill.progress,
        f"the return to {PREFERRED} to wait for the operator alone",
        drill.watcher.returns,
        lambda returns: returns == waits,
        deadline_seconds=KEY_ANSWERS_SECONDS,
    )
    drill.checks.add("the return waits for the operator alone", expected=waits, observed=seen)
    arguments = ["failback", "--key-set", KEY_SET, "--region", OTHER, "--deployment", DEPLOYMENT]
    ended = cli([*arguments, "--reason", "drill: KMS is back", "--author", "drill", "--json"], drill.aws.environment)
    deed = "failback ordered" if ended.status == 0 else "failback refused"
    drill.mark(deed, "failback", detail="kms-failover failback, as an operator types it")
    answer: dict[str, Any] = json.loads(ended.output) if ended.status == 0 else {}
    drill.checks.add("failback is accepted", expected="accepted", observed=_outcome(ended.status, ended.errors))
    counted = answer.get("Debt", {}).get(PREFERRED)
    drill.checks.add(f"failback shows the debt owed to {PREFERRED}", expected="a count", observed=_kind_of(counted))
    back = dict.fromkeys(REGIONS, PREFERRED)
    heads = poll(
        drill.progress,
        f"both routes to begin in {PREFERRED} again",
        drill.watcher.heads,
        lambda seen: seen == back,
        deadline_seconds=FAILBACK_SECONDS,
    )
    drill.checks.add("both routes are back", expected=back, observed=heads)
    if heads == back:
        drill.mark("routes are back", "failback", detail="both observers' routes")


def _debt_is_repaid(drill: Drill) -> None:
    nothing = dict.fromkeys(REGIONS, 0)
    seen = poll(
        drill.progress,
        "the debt to be repaid",
        drill.watcher.debt,
        lambda d: d == nothing,
        deadline_seconds=REPAID_SECONDS,
    )
    drill.figures["debt_after"] = sum(seen.values())
    drill.checks.add("debt after KMS came back", expected=nothing, observed=seen)
    share = wait_until_covered(drill, PREFERRED, deadline_seconds=COVERED_SECONDS)
    drill.checks.add(f"coverage in {PREFERRED} after the debt was repaid", expected=1.0, observed=share)
    if share == 1:
        drill.mark("debt repaid", at=drill.watcher.without_debt_since(), detail="status; then every object opened")


def _everything_opens(drill: Drill) -> None:
    for region in REGIONS:
        wrong = problems(drill, region)
        opened = len(drill.objects) - len(wrong)
        if region == PREFERRED:
            drill.figures["opened_in_primary_after"] = opened
        drill.checks.add(
            f"files that open with {region}'s KMS alone, each SHA-256 as the file's",
            expected=len(drill.objects),
            observed=opened,
        )
        if wrong:
            drill.checks.add(f"what was wrong in {region} after the outage", expected=[], observed=wrong[:SHOWN])


def _outcome(status: int, errors: str) -> str:
    return "accepted" if status == 0 else f"exit status {status}: {errors.strip()}"


def _kind_of(value: object) -> str:
    return "a count" if isinstance(value, int) else f"{value!r}"
