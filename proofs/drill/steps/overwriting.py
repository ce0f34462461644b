"""A client writes between rewrap's look at an object and its copy: S3 refuses the copy, and the client's bytes stay.

The copy is held on its way for some seconds, so that there is a between; what S3 then answers is S3's own.
"""

from collections.abc import Mapping
from typing import Any

from proofs.drill.checks import at_least
from proofs.drill.context import Drill
from proofs.drill.opening import encryption_client
from proofs.drill.places import CONTEXT, HOME, OTHER, PREFERRED, REPLICA
from proofs.drill.waiting import poll

KEY = "files/overwritten.txt"
BEFORE, BETWEEN = b"written before the copy\n", b"written while the copy was on its way\n"
HELD_MS = 6000
HELD_SECONDS, REFUSED_SECONDS = 90.0, 60.0
COPY = {"service": "s3", "region": OTHER, "headers": {"x-amz-copy-source": KEY}}  # the front knows it as a PutObject
REFUSALS = ("PreconditionFailed", "ConditionalRequestConflict")


def run(drill: Drill) -> None:
    refused_before = _refused(drill)
    drill.cloud.faults.add({**COPY, "latency": HELD_MS, "times": 1})
    _client(drill, PREFERRED).put_object(Bucket=HOME[PREFERRED], Key=KEY, Body=BEFORE, EncryptionContext=CONTEXT)
    held = poll(
        drill.progress,
        "rewrap's copy to be on its way",
        lambda: sum(_is_held(event) for event in drill.cloud.faults.fired()),
        lambda count: count > 0,
        deadline_seconds=HELD_SECONDS,
    )
    drill.checks.add("copies of rewrap that are held on their way", expected=1, observed=held)
    _client(drill, OTHER).put_object(Bucket=REPLICA[PREFERRED], Key=KEY, Body=BETWEEN, EncryptionContext=CONTEXT)
    refused = poll(
        drill.progress,
        "S3 to refuse the copy",
        lambda: _refused(drill) - refused_before,
        lambda count: count > 0,
        deadline_seconds=REFUSED_SECONDS,
    )
    drill.checks.add("copies that S3 refuses, counted there", expected=at_least(1), observed=refused)
    kept = _client(drill, OTHER).get_object(Bucket=REPLICA[PREFERRED], Key=KEY, EncryptionContext=CONTEXT)
    drill.checks.add(
        "what the client wrote in between is there", expected=BETWEEN.decode(), observed=kept["Body"].read().decode()
    )


def _client(drill: Drill, region: str) -> Any:
    return encryption_client(drill.aws, region, drill.aws.client("kms", region), drill.keys[region])


def _is_held(event: Mapping[str, Any]) -> bool:
    return bool(event.get("region") == OTHER and "latency" in str(event.get("action")))


def _refused(drill: Drill) -> int:
    failed = drill.cloud.objects.calls().get(OTHER, {}).get("CopyObject", {}).get("failed", {})
    return sum(failed.get(code, 0) for code in REFUSALS)
