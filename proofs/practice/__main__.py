"""`make practice`: the service in the local cloud, left up, for orders that cost nothing.

With SILENT=us-east-1 that region's KMS stops answering, with SILENT=none all answer again. Exit status 0: done. 1: it
could not be set up. 130: interrupted. Then a cloud that it started itself is ended, one that was up is left.
"""

import argparse
import contextlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import ClientError

from local.cloud import __main__ as cloud
from local.cloud.environment import client_environment, client_settings
from local.cloud.faults import Faults
from local.cloud.state import CloudState, read_state
from proofs.drill.aws import Aws
from proofs.drill.commands import REPOSITORY, SetUpError
from proofs.drill.places import DEPLOYMENT, KEY_SET, OTHER, REGIONS
from proofs.drill.progress import Progress
from proofs.drill.waiting import poll
from proofs.trials.service import prepare

FOLDER = REPOSITORY / "build" / "practice"
NOBODY = "none"
FIRST_ROUNDS_SECONDS = 180.0
EXIT_SET_UP, EXIT_INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    progress = Progress()
    try:
        was_up = _is_up()
        state = _cloud(progress)
        aws = Aws(client_environment(state.addresses, {}), state.addresses.front)
        if not _is_deployed(aws):
            _set_up(options.sam, progress, aws, keeps_cloud=was_up)
    except SetUpError as error:
        print(f"practice: {error}", file=sys.stderr)
        return EXIT_SET_UP
    except KeyboardInterrupt:
        print("practice: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        progress.close()
    if options.silent is not None:
        faults = Faults(front=state.addresses.front, kms_front=state.addresses.kms_front)
        faults.clear()
        if options.silent != NOBODY:
            faults.silence(region=options.silent)
    print(_what_next(state, options.silent))
    return 0


def _cloud(progress: Progress) -> CloudState:
    """The one that `make cloud` starts, so that `make cloud-down` ends it."""
    said = io.StringIO()
    with progress.task("starting the local cloud"), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = cloud.main(["start"])
    state = read_state(cloud.STATE)
    if status != 0 or state is None:
        raise SetUpError(f"the local cloud could not be started: {said.getvalue().strip()}")
    return state


def _is_up() -> bool:
    state = read_state(cloud.STATE)
    return state is not None and bool(state.running())


def _set_up(sam: Path | None, progress: Progress, aws: Aws, *, keeps_cloud: bool) -> None:
    """Half a service is not left in a cloud of its own: it would be taken for a whole one the next time."""
    (FOLDER / "logs").mkdir(parents=True, exist_ok=True)
    is_ready = False
    try:
        prepare(FOLDER, sam, progress, aws)
        _first_judgement(progress, aws)
        is_ready = True
    except ClientError as error:
        mend = (
            "make cloud-down ends the cloud that was up, with all it holds; then again" if keeps_cloud else "try again"
        )
        raise SetUpError(f"the service could not be set up: {error} ({mend})") from error
    finally:
        if not is_ready and not keeps_cloud:
            with progress.task("ending the local cloud"), contextlib.redirect_stdout(io.StringIO()):
                cloud.main(["stop"])


def _is_deployed(aws: Aws) -> bool:
    """In the region that is deployed to last."""
    try:
        aws.runbook("status", OTHER)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True


def _first_judgement(progress: Progress, aws: Aws) -> None:
    """A schedule wakes the probe every minute; before its first round an order to a region is refused."""

    def unknown() -> dict[str, int]:
        statuses = {observer: aws.runbook("status", observer) for observer in REGIONS}
        return {o: sum(not v["KeyAnswers"] for v in status["Verdicts"].values()) for o, status in statuses.items()}

    left = poll(
        progress,
        "the first probe rounds: regions not known yet, by observer",
        unknown,
        lambda seen: not any(seen.values()),
        deadline_seconds=FIRST_ROUNDS_SECONDS,
    )
    if any(left.values()):
        raise SetUpError(f"the service has not probed its regions within {FIRST_ROUNDS_SECONDS:.0f} s: {left}")


def _what_next(state: CloudState, silent: str | None) -> str:
    settings = " ".join(f"{name}={value}" for name, value in client_settings(state.addresses).items())
    told = {None: "", NOBODY: "KMS answers in every region.\n"}.get(silent, f"KMS in {silent} is silent.\n")
    return f"""{told}{DEPLOYMENT} is up in {" and ".join(REGIONS)}, with key set {KEY_SET!r}. In this shell:
  unset AWS_PROFILE AWS_SESSION_TOKEN
  export {settings}
  export PATH={REPOSITORY / ".venv" / "bin"}:$PATH
  kms-failover status --key-set {KEY_SET} --region {OTHER}
An outage:     make practice SILENT={REGIONS[0]}   (the route moves within half a minute; SILENT={NOBODY} ends it)
Its messages:  {state.addresses.messages}   (what its alarms and announcements tell people)
What to order: runbooks/README.md
To end it:     make cloud-down"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("make practice", description=__doc__)
    parser.add_argument("--silent", choices=[*REGIONS, NOBODY], help="whose KMS does not answer")
    parser.add_argument("--sam", type=Path, default=None, help="the SAM CLI (default: the PATH's)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
