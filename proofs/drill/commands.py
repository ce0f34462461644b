"""Programs that the drill runs: sam and the product's own command."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 300.0  # the slowest is the first sam build, which downloads the layer's packages


class SetUpError(Exception):
    """The drill cannot begin; one clear sentence."""


@dataclass(frozen=True)
class CommandResult:
    status: int
    output: str
    errors: str


def run(command: Sequence[str], environment: Mapping[str, str]) -> CommandResult:
    done = subprocess.run(  # noqa: S603 - our own commands, no shell
        command,
        cwd=REPOSITORY,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)


def run_logged(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """SetUpError, with the last thing it said and where the rest stands, unless it ends well."""
    ended = run(command, environment)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(ended.output + ended.errors, "utf-8")
    if ended.status != 0:
        said = [line.strip() for line in (ended.output + ended.errors).splitlines() if line.strip()]
        last = said[-1] if said else "it said nothing"
        raise SetUpError(f"{' '.join(command[:2])} ended with status {ended.status}: {last} (all of it: {log})")


def sam(given: Path | None) -> str:
    """The one that was given, or the PATH's."""
    found = shutil.which(given or "sam")
    if found is None:
        raise SetUpError(f"{given or 'sam'} is missing: `make drill` installs the SAM CLI and says where it is")
    return found


def cli(arguments: Sequence[str], environment: Mapping[str, str]) -> CommandResult:
    """`kms-failover` as an operator types it."""
    path = f"{REPOSITORY / 'layers' / 'shared'}:{REPOSITORY / 'command'}"
    return run([sys.executable, "-m", "kms_failover_command", *arguments], {**environment, "PYTHONPATH": path})
