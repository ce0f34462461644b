"""Step 2: half of the files by the stock client, half by the same client with our drop-in; then all are covered."""

from proofs.drill.checks import at_least
from proofs.drill.context import Drill
from proofs.drill.covering import as_written, coverage, share, wait_until_covered
from proofs.drill.objects import clients_in, write
from proofs.drill.places import OTHER, PREFERRED, REPLICA
from proofs.drill.waiting import poll

REPLICATED_SECONDS = 60.0
COVERED_SECONDS = 120.0
BACKFILL_SECONDS = 240.0  # of a bucket, eight objects at a time
AT_ONCE_SHARE = 0.5  # one wrap is enough to succeed: on a busy machine some second ones come a moment later


def run(drill: Drill) -> None:
    with clients_in(drill, PREFERRED) as clients:
        drill.objects += write(drill, drill.first_files, PREFERRED, clients)
    drill.checks.add(
        "files written, half of them by the stock client",
        expected={"files": len(drill.first_files), "by the stock client": (len(drill.first_files) + 1) // 2},
        observed={"files": len(drill.objects), "by the stock client": sum(not one.drop_in for one in drill.objects)},
    )
    opened = as_written(drill, OTHER)
    drill.figures["coverage_before"] = share(opened.values())
    drill.checks.add(
        f"of the stock client's objects, as it wrote them, open in {OTHER} alone",
        expected=0,
        observed=sum(opened[one] for one in drill.objects if not one.drop_in),
    )
    by_drop_in = [opened[one] for one in drill.objects if one.drop_in]
    drill.checks.add(
        f"of the drop-in's objects, as it wrote them, open in {OTHER} alone",
        expected=at_least(AT_ONCE_SHARE * len(by_drop_in), f"of {len(by_drop_in)}, the others being debt"),
        observed=sum(by_drop_in),
    )
    _wait_for_replicas(drill)
    wait_until_covered(drill, OTHER, deadline_seconds=COVERED_SECONDS)
    after = coverage(drill, PREFERRED, OTHER)
    drill.figures["coverage_after"] = after[OTHER]
    drill.checks.add(f"coverage in {OTHER} after the service's work", expected=1.0, observed=after[OTHER])
    drill.checks.add(f"coverage in {PREFERRED} is as it was", expected=1.0, observed=after[PREFERRED])
    _backfill(drill)


def _wait_for_replicas(drill: Drill) -> None:
    s3 = drill.aws.client("s3", OTHER)
    expected = {one.key for one in drill.objects}

    def replicated() -> int:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=REPLICA[PREFERRED])
        return len(expected & {found["Key"] for page in pages for found in page.get("Contents", [])})

    seen = poll(
        drill.progress,
        f"S3 to replicate {len(expected)} objects",
        replicated,
        lambda count: count == len(expected),
        deadline_seconds=REPLICATED_SECONDS,
    )
    drill.checks.add("objects replicated by S3", expected=len(expected), observed=seen)


def _backfill(drill: Drill) -> None:
    """What the service itself says is covered: nothing before it has looked at every object."""
    drill.checks.add(
        f"coverage in {OTHER}, as the status has it before a backfill", expected=None, observed=_share(drill)
    )
    started = drill.aws.runbook("sweep", OTHER)["Backfills"]
    machines = drill.aws.client("stepfunctions", OTHER)
    succeeded = ["SUCCEEDED"] * len(started)
    ended = poll(
        drill.progress,
        f"the backfills in {OTHER} to end",
        lambda: [machines.describe_execution(executionArn=one)["status"] for one in started],
        lambda seen: "RUNNING" not in seen,
        deadline_seconds=BACKFILL_SECONDS,
    )
    drill.checks.add(f"backfills of both buckets in {OTHER}", expected=succeeded, observed=ended)
    drill.checks.add(f"coverage in {OTHER}, as the status has it afterwards", expected=1.0, observed=_share(drill))


def _share(drill: Drill) -> float | None:
    share: float | None = drill.aws.runbook("status", OTHER)["Coverage"][REPLICA[PREFERRED]]["Share"]
    return share
