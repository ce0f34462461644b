"""Bad input of every kind: each is named, nothing is lost, and the rest goes on."""

import os
from pathlib import Path

from proofs.drill.checks import naming
from proofs.drill.commands import cli
from proofs.drill.context import Drill
from proofs.drill.files import Candidate, UnreadableFile, read
from proofs.drill.places import DEPLOYMENT, HOME, OTHER, PREFERRED, REPLICA
from proofs.drill.set_up import wrong_region_file
from proofs.drill.waiting import poll

REFUSED_SECONDS = 90.0
QUEUE_SECONDS = 60.0
NOTE = "notes/plain.txt"
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def run(drill: Drill) -> None:
    _unreadable_file(drill)
    _malformed_message(drill)
    _object_in_no_known_format(drill)
    _unknown_event(drill)
    _unknown_key_set(drill)
    _key_of_the_wrong_region(drill)
    _wait_for_refusals(drill)


def _unreadable_file(drill: Drill) -> None:
    """Permissions do not stop root, a link to nowhere does."""
    folder = drill.options.folder / "bad-input"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dangling-link.txt"
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere.txt")
    expected = {"bad-input/dangling-link.txt": "FileNotFoundError"}
    paths = [path]
    if os.geteuid() != 0:
        paths.append(_locked_file(folder))
        expected["bad-input/no-permission.txt"] = "PermissionError"
    found = [read(Candidate(f"bad-input/{one.name}", one, 0)) for one in paths]
    unreadable = [one for one in found if isinstance(one, UnreadableFile)]
    drill.unreadable += unreadable
    drill.checks.add(
        "files that cannot be read are named, with the reason",
        expected=expected,
        observed={one.name: one.reason for one in drill.unreadable if one.name in expected},
    )


def _locked_file(folder: Path) -> Path:
    path = folder / "no-permission.txt"
    path.unlink(missing_ok=True)
    path.write_text("nobody may read this")
    path.chmod(0)
    return path


def _malformed_message(drill: Drill) -> None:
    sqs = drill.aws.client("sqs", OTHER)
    url = sqs.get_queue_url(QueueName=f"{DEPLOYMENT}-rewrap")["QueueUrl"]
    dead = sqs.get_queue_url(QueueName=f"{DEPLOYMENT}-rewrap-dead-letters")["QueueUrl"]

    def waiting() -> dict[str, int]:
        """In flight means that the function has it, or gave it back and the queue holds it for the next try."""
        found = [
            sqs.get_queue_attributes(QueueUrl=one, AttributeNames=list(COUNTS))["Attributes"] for one in (url, dead)
        ]
        visible = int(found[0][COUNTS[0]])
        return {"to be taken": visible, "taken, or given up": sum(int(a[c]) for a in found for c in COUNTS) - visible}

    looks: list[dict[str, int]] = []

    def settled(counts: dict[str, int]) -> bool:
        """Nothing is on its way; what was given back before, as two events for one object may be, stays as it is."""
        looks.append(counts)
        return counts["to be taken"] == 0 and looks[-3:] == [counts] * 3

    before = poll(drill.progress, "the rewrap queue to settle", waiting, settled, deadline_seconds=QUEUE_SECONDS)
    sqs.send_message(QueueUrl=url, MessageBody="this is no JSON")
    expected = {"to be taken": 0, "taken, or given up": before["taken, or given up"] + 1}
    seen = poll(
        drill.progress,
        "the rewrap function to give a malformed message back",
        waiting,
        lambda counts: counts == expected,
        deadline_seconds=QUEUE_SECONDS,
    )
    drill.checks.add(
        "a malformed message is kept by the queue, and the messages beside it are not held up",
        expected=expected,
        observed=seen,
    )


def _object_in_no_known_format(drill: Drill) -> None:
    drill.aws.client("s3", PREFERRED).put_object(Bucket=HOME[PREFERRED], Key=NOTE, Body=b"written by somebody else\n")


def _wait_for_refusals(drill: Drill) -> None:
    expected = {f"{HOME[PREFERRED]}/{NOTE}", f"{REPLICA[PREFERRED]}/{NOTE}"}
    seen = poll(
        drill.progress,
        "the plain object to show as refused",
        drill.watcher.refusals,
        lambda refusals: expected <= set(refusals),
        deadline_seconds=REFUSED_SECONDS,
    )
    drill.checks.add(
        "an object in no known format is refused by name, in both regions",
        expected=sorted(expected),
        observed=sorted(expected & set(seen)),
    )
    reason = seen.get(f"{HOME[PREFERRED]}/{NOTE}")
    drill.checks.add("the refusal says why", expected=naming("no known format"), observed=reason)
    body = drill.aws.client("s3", PREFERRED).get_object(Bucket=HOME[PREFERRED], Key=NOTE)["Body"].read()
    drill.checks.add(
        "the refused object was not touched", expected="written by somebody else\n", observed=body.decode()
    )


def _unknown_event(drill: Drill) -> None:
    event = {"source": "aws.unheard-of", "detail-type": "Something", "detail": {}, "id": "drill", "time": "yesterday"}
    answer = drill.aws.invoke("signals", OTHER, event)
    drill.checks.add(
        "an unknown event is ignored, and named",
        expected=naming("aws.unheard-of"),
        observed=answer.get("ignored"),
    )
    drill.checks.add("an unknown event makes no observation", expected=0, observed=answer.get("observations"))


def _unknown_key_set(drill: Drill) -> None:
    request = {"Operation": "GenerateDataKey", "KeyId": "nobodys", "KeySpec": "AES_256"}
    error = drill.aws.invoke("data-keys", OTHER, request).get("Error", {})
    drill.checks.add("an unknown key set: the code", expected="NotFoundException", observed=error.get("Code"))
    drill.checks.add("an unknown key set is named", expected=naming("nobodys"), observed=error.get("Message"))


def _key_of_the_wrong_region(drill: Drill) -> None:
    file = wrong_region_file(drill.options.folder, drill.keys)
    ended = cli(["apply", str(file), "--deployment", DEPLOYMENT, "--region", PREFERRED], drill.aws.environment)
    drill.checks.add("a key ARN of the wrong region is refused: the exit status", expected=1, observed=ended.status)
    drill.checks.add(
        "a key ARN of the wrong region is refused, with the field and both regions named",
        expected=naming("key_sets.0.members.1", PREFERRED, OTHER),
        observed=ended.errors.strip().replace(str(drill.options.folder), "."),
    )
