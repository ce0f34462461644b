"""`kms-failover`: apply key sets, and give the runbook's commands."""

import argparse
import getpass
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.adapters.state_table import StateTable
from kms_failover.cli_text import text
from kms_failover.domain.naming import Deployment
from kms_failover.domain.operating import CHANGES_INTENT, LONGEST_EXPIRY_MINUTES, ActionName
from kms_failover.errors import ConfigurationError, KmsFailoverError

RUNBOOK_SECONDS = 130  # longer than the function's own time-out
NOTICE_SECONDS = 2.0  # of silence, after which it is said what is waited for
EXIT_REFUSED = 1
EXIT_FAILED = 3
EXIT_INTERRUPTED = 130
_HELP = {
    ActionName.STATUS: "show route, verdicts, debt, refused objects, material and the latest changes",
    ActionName.FAILOVER: "force the route to --to REGION",
    ActionName.FAILBACK: "return to the preferred region, once it is healthy; shows the debt owed to it",
    ActionName.HOLD: "keep the route as it is, whatever happens",
    ActionName.RELEASE: "let the service decide again",
    ActionName.REIMPORT: "import this region's key material now",
    ActionName.SWEEP: "repay wrap debt and check every object of this region's buckets",
}


class _NotAppliedError(KmsFailoverError):
    """A region could not be written; those before it were."""

    def __init__(self, deployment: str, region: str, applied: list[str], error: Exception) -> None:
        done = ", ".join(applied) or "no region"
        said = _explained(error, deployment, region)
        super().__init__(f"{region}: {said} (applied in {done}; apply again once that is mended)")
        self.code = type(error).__name__


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: done. 1: refused. 2: wrong usage. 3: nobody could be asked, or it failed. 130: interrupted.

    The reason is on standard error; with `--json` standard output has it as well, as `Error`.
    """
    options = _parser().parse_args(arguments)
    try:
        answer = _apply(options) if options.command == "apply" else _run(options)
    except ConfigurationError as error:
        return _failed(options, {"Code": "ConfigurationError", "Message": str(error)}, EXIT_REFUSED)
    except _NotAppliedError as error:
        return _failed(options, {"Code": error.code, "Message": str(error)}, EXIT_FAILED)
    except (KmsFailoverError, ClientError, BotoCoreError) as error:
        return _failed(options, {"Code": type(error).__name__, "Message": _outcome(error, options)}, EXIT_FAILED)
    except KeyboardInterrupt:
        return _failed(options, {"Code": "Interrupted", "Message": _unknown(options)}, EXIT_INTERRUPTED)
    if "Error" in answer:
        return _failed(options, answer["Error"], EXIT_REFUSED)
    _print(json.dumps(answer, indent=2) if options.json else text(answer))
    return 0


def _print(answer: str) -> None:
    """To a pipe too whose reader has seen enough, as `head` has."""
    try:
        print(answer, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor does the interpreter's end complain


def _failed(options: argparse.Namespace, error: dict[str, str], status: int) -> int:
    print(f"kms-failover: {error['Message']}", file=sys.stderr)
    if options.json:
        _print(json.dumps({"Error": error}, indent=2))
    return status


def _explained(error: Exception, deployment: str, region: str) -> str:
    """What AWS says, and where that is not what an operator has to know, that."""
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException":
        return f"there is no deployment {deployment!r} in {region}, or not in this account: {error}"
    return str(error)


def _outcome(error: Exception, options: argparse.Namespace) -> str:
    """Why it failed, and where nobody knows what became of an order, that."""
    if isinstance(error, BotoCoreError | KmsFailoverError) and options.command in set(CHANGES_INTENT):
        return f"{error}. {_unknown(options)}"
    return _explained(error, options.deployment, options.region)


def _unknown(options: argparse.Namespace) -> str:
    if options.command in set(CHANGES_INTENT):
        return (
            "the order may have been given, or not: look at the status, in another region if this one does not answer"
        )
    return "interrupted; what had begun goes on" if options.command != "apply" else "interrupted: apply again"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kms-failover", description="Key sets and runbook commands of a deployment.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--deployment", default="kms-failover", help="the stack's name (default: %(default)s)")
    shared.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    apply = commands.add_parser("apply", parents=[shared], help="validate key-sets.yaml and put it into force")
    apply.add_argument("file", type=Path)
    where = apply.add_mutually_exclusive_group(required=True)
    where.add_argument("--region", action="append", default=[], type=_named, help="where to write; repeat for several")
    where.add_argument("--check", action="store_true", help="validate only")
    for action, help_text in _HELP.items():
        command = commands.add_parser(action.value, parents=[shared], help=help_text)
        command.add_argument("--key-set", required=True, type=_named, help="its name, its alias, or a member key's ARN")
        command.add_argument("--region", required=True, type=_named, help="whose runbook function to ask")
        if action in CHANGES_INTENT:
            command.add_argument("--reason", required=True, type=_said, help="kept as evidence")
            command.add_argument(
                "--author", default=None, type=_said, help="kept as evidence (default: the local user's name)"
            )
        if action in CHANGES_INTENT - {ActionName.RELEASE}:
            command.add_argument(
                "--minutes", type=_minutes, default=None, help="after which it is as if released (default: stands)"
            )
        if action is ActionName.FAILOVER:
            command.add_argument("--to", required=True, type=_named, metavar="REGION")
            command.add_argument("--insist", action="store_true", help="go and stay there even if it is not usable")
        if action is ActionName.FAILBACK:
            command.add_argument("--insist", action="store_true", help="even before the objects owed are repaid")
    return parser


def _said(given: str) -> str:
    if not given.strip():
        raise argparse.ArgumentTypeError("say something: it is kept as evidence")
    return given


def _named(given: str) -> str:
    if not given.strip():
        raise argparse.ArgumentTypeError("it is empty: a variable that is not set?")
    return given


def _minutes(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= LONGEST_EXPIRY_MINUTES:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number from 1 to {LONGEST_EXPIRY_MINUTES}")
    return int(given)


def _apply(options: argparse.Namespace) -> dict[str, Any]:
    key_sets = read_key_sets(options.file).key_sets
    for done, region in enumerate(options.region):
        try:
            table = boto3.resource("dynamodb", region_name=region).Table(Deployment(options.deployment).state_table)
            for key_set in key_sets:
                StateTable(table, region).put_key_set(key_set)
        except (KmsFailoverError, ClientError, BotoCoreError) as error:
            raise _NotAppliedError(options.deployment, region, options.region[:done], error) from error
    verb = "valid" if options.check else "applied"
    return {verb: [key_set.name for key_set in key_sets], "regions": options.region}


def _payload(options: argparse.Namespace) -> dict[str, Any]:
    """What the runbook function is invoked with."""
    payload = {"Action": options.command, "KeySet": options.key_set}
    if options.command in set(CHANGES_INTENT):
        payload |= {"Reason": options.reason, "Author": options.author or getpass.getuser()}
    if options.command in set(CHANGES_INTENT) - {ActionName.RELEASE}:
        payload |= {"ExpiresInMinutes": options.minutes}
    if options.command == ActionName.FAILOVER:
        payload |= {"Region": options.to}
    if options.command in {ActionName.FAILOVER, ActionName.FAILBACK}:
        payload |= {"Insist": options.insist}
    return payload


def _run(options: argparse.Namespace) -> dict[str, Any]:
    name = Deployment(options.deployment).function("runbook")
    patient = Config(read_timeout=RUNBOOK_SECONDS, retries={"total_max_attempts": 1})  # an order is given once
    functions = boto3.client("lambda", region_name=options.region, config=patient)
    with _notice(f"waiting for {name} in {options.region}, {RUNBOOK_SECONDS} s at most; Ctrl-C gives up"):
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(_payload(options)).encode())
        body: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise KmsFailoverError(f"{name} failed: {body.get('errorType')}: {body.get('errorMessage')}")
    return body


@contextmanager
def _notice(of: str) -> Iterator[None]:
    """Says so, once that takes long."""
    timer = threading.Timer(NOTICE_SECONDS, print, args=(f"kms-failover: {of}",), kwargs={"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


if __name__ == "__main__":
    sys.exit(main())
