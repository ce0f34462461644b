"""Step 3: steady traffic; and, at the end, what it all came to."""

import base64

from proofs.drill import figures
from proofs.drill.checks import at_least, at_most
from proofs.drill.context import Drill
from proofs.drill.places import KEY_SET, OTHER, PREFERRED, REGIONS
from proofs.drill.waiting import poll

HEALTHY = "healthy"
HEALTHY_SECONDS = 150.0  # the probe is woken every minute
QUIET_SECONDS = 12.0  # of traffic before the fault, to compare with
QUIET_SECONDS_SHORT = 8.0
COMPLETE_SECONDS = 30.0
FIRST_REQUEST_MS = 2000.0  # the library's own read time-out; without the hedge it would be more
ANSWERING = {HEALTHY, "suspect"}  # a stalled machine makes a region suspect for a minute, and no more than that
HTTP_OK, HTTP_FORBIDDEN = 200, 403


def run(drill: Drill) -> None:
    drill.traffic.start()
    _function_url(drill)
    seen = poll(
        drill.progress,
        "both regions to see both regions answer",
        lambda: {region: drill.watcher.verdicts(region) for region in REGIONS},
        lambda verdicts: all(set(one.values()) <= ANSWERING for one in verdicts.values()),
        deadline_seconds=HEALTHY_SECONDS,
    )
    verdicts = sorted({verdict for one in seen.values() for verdict in one.values()})
    drill.checks.add(
        "both regions have probed both, and neither is impaired",
        expected=[],
        observed=sorted(set(verdicts) - ANSWERING),
    )
    quiet = QUIET_SECONDS_SHORT if drill.options.short else QUIET_SECONDS
    poll(
        drill.progress,
        f"{quiet:.0f} s of requests before the fault",
        lambda: _seconds_of_traffic(drill),
        lambda seconds: seconds >= quiet,
        deadline_seconds=quiet * 3,
    )
    complete_data_keys(drill, "before the fault")
    drill.checks.add(
        "both routes begin in the preferred region",
        expected=dict.fromkeys(REGIONS, PREFERRED),
        observed=drill.watcher.heads(),
    )


def complete_data_keys(drill: Drill, when: str) -> None:
    """Callers keep their data keys openable everywhere: what was degraded when it was made is rewrapped.

    The traffic goes on meanwhile, and a wrap that is late is left out: so they look again until nothing lacks one.
    """
    drill.each("having the callers' degraded data keys rewrapped", drill.traffic.lacking, drill.traffic.complete)

    def complete_again() -> int:
        for kept in drill.traffic.lacking:
            drill.traffic.complete(kept)
        return len(drill.traffic.lacking)

    left = poll(
        drill.progress,
        "the last of the callers' data keys to be rewrapped",
        complete_again,
        lambda count: count == 0,
        deadline_seconds=COMPLETE_SECONDS,
    )
    drill.checks.add(f"data keys of the callers that some region cannot open, {when}", expected=0, observed=left)


def run_summary(drill: Drill) -> None:
    """The traffic ends here."""
    drill.traffic.stop()
    records = drill.traffic.records
    failures = sorted({f"{r.client} in {r.region}, {r.operation}: {r.outcome}" for r in records if r.failed})
    drill.checks.add("requests that failed", expected=[], observed=failures)
    kinds = {f"{r.client} in {r.region}" for r in records}
    drill.checks.add(
        "requests came through both clients from both regions",
        expected=sorted(f"{client} in {region}" for client in ("function", "library") for region in REGIONS),
        observed=sorted(kinds),
    )
    drill.checks.add("requests in all", expected=at_least(100), observed=len(records))
    first = figures.first_request_after(records, drill.at("fault"), PREFERRED)
    drill.checks.add(
        f"the first request from {PREFERRED} after the fault", expected=at_most(FIRST_REQUEST_MS, "ms"), observed=first
    )
    drill.checks.add("rounds of watching that failed", expected=[], observed=sorted(set(drill.watcher.errors))[:5])


def _seconds_of_traffic(drill: Drill) -> float:
    """From the first answered request to the last one that began."""
    records = drill.traffic.records
    return round(records[-1].at - records[0].at, 1) if records else 0.0


def _function_url(drill: Drill) -> None:
    request = {"Operation": "GenerateDataKey", "KeyId": KEY_SET, "KeySpec": "AES_256"}
    status, answer = drill.aws.call_url(OTHER, request, signed=True)
    size = len(base64.b64decode(answer.get("Plaintext", ""))) if status == HTTP_OK else answer
    drill.checks.add(
        "a signed request to the Function URL makes a data key of so many bytes", expected=32, observed=size
    )
    status, _ = drill.aws.call_url(OTHER, request, signed=False)
    drill.checks.add("an unsigned request to the Function URL is refused", expected=HTTP_FORBIDDEN, observed=status)
