"""Step 5: during the outage every file is read in the other region, new ones are written, and the debt is counted."""

from proofs.drill import figures
from proofs.drill.alarms import wait_for_alarm
from proofs.drill.checks import at_least
from proofs.drill.context import Drill, DrillObject
from proofs.drill.covering import coverage
from proofs.drill.objects import clients_in, write
from proofs.drill.opening import compare
from proofs.drill.places import OTHER, PREFERRED
from proofs.drill.waiting import poll

DEBT_SECONDS = 90.0
SHOWN = 5  # problems in the report; their number is there as well


def run(drill: Drill) -> None:
    with clients_in(drill, OTHER) as clients:

        def problem(stored: DrillObject) -> str | None:
            return compare(clients.of(stored), stored.bucket_in(OTHER), stored)

        found = drill.each(f"reading every file in {OTHER}", drill.objects, problem)
        _check_read(drill, "files written before the outage", found)
        written = write(drill, drill.later_files, OTHER, clients)
        again = drill.each(f"reading the new files in {OTHER}", written, problem)
    drill.checks.add("files written during the outage", expected=len(drill.later_files), observed=len(written))
    _check_read(drill, "files written during the outage", again)
    drill.objects += written
    drill.figures["opened_in_secondary"] = sum(one is None for one in [*found, *again])
    share = coverage(drill, OTHER)[OTHER]
    drill.checks.add(f"coverage in {OTHER} during the outage, new files included", expected=1.0, observed=share)
    _wait_for_debt(drill, len(written))
    _nothing_reached_the_silent_kms(drill)
    wait_for_alarm(drill, "ALARM", since="fault")


def _check_read(drill: Drill, which: str, problems: list[str | None]) -> None:
    wrong = [problem for problem in problems if problem is not None]
    drill.checks.add(
        f"{which} read in {OTHER}, each SHA-256 as the file's",
        expected=len(problems),
        observed=len(problems) - len(wrong),
    )
    if wrong:
        drill.checks.add(f"what was wrong with {which} in {OTHER}", expected=[], observed=wrong[:SHOWN])


def _wait_for_debt(drill: Drill, new_files: int) -> None:
    seen = poll(
        drill.progress,
        f"the debt owed to {PREFERRED} to be counted",
        lambda: drill.watcher.debt()[PREFERRED],
        lambda debt: debt >= new_files,
        deadline_seconds=DEBT_SECONDS,
    )
    drill.checks.add(
        f"every file of the outage is a debt owed to {PREFERRED}", expected=at_least(new_files), observed=seen
    )


def _nothing_reached_the_silent_kms(drill: Drill) -> None:
    now = figures.succeeded(drill.cloud.kms_calls(), PREFERRED)
    drill.checks.add(
        f"calls that succeeded at {PREFERRED}'s KMS during the outage, counted there",
        expected={},
        observed=figures.more(drill.figures["calls_at_fault"], now),
    )
