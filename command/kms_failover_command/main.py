"""`kms-failover`: apply key sets, and give the runbook's commands."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kms_failover.domain.runbook.commands import (
    CHANGES_INTENT,
    LONGEST_AUTHOR,
    LONGEST_EXPIRY_MINUTES,
    LONGEST_REASON,
    ActionName,
)
from kms_failover.errors import ConfigurationError, KmsFailoverError
from kms_failover_command.answer_text import text
from kms_failover_command.apply import apply
from kms_failover_command.orders import order
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, CommandError
from kms_failover_command.terminal import complain, say

_HELP = {
    ActionName.STATUS: "show route, verdicts, debt, refused objects, material and the latest changes",
    ActionName.FAILOVER: "force the route to --to REGION",
    ActionName.FAILBACK: "return to the preferred region, once it is healthy; shows the debt owed to it",
    ActionName.HOLD: "keep the route as it is, whatever happens",
    ActionName.RELEASE: "let the service decide again",
    ActionName.REIMPORT: "import this region's key material now",
    ActionName.SWEEP: "repay wrap debt and check every object of this region's buckets",
}
_EXIT_STATUS = """exit status:
  0    done
  1    refused, with the reason
  2    wrong usage
  3    nobody could be asked, or it failed: the message says whether anything was sent
  130  interrupted: the message says what was done
The reason is on standard error. With --json, standard output has it as well, as "Error".
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; `--help` lists them."""
    options = _parser().parse_args(arguments)
    if options.command == "apply":
        _look_at_usage(options)
    try:
        answer = apply(options) if options.command == "apply" else order(options)
    except CommandError as error:
        return _failed(options, error.code, error.lines, error.status, error.answer)
    except ConfigurationError as error:
        return _failed(options, "ConfigurationError", str(error).split("\n"), EXIT_REFUSED)
    except KmsFailoverError as error:
        return _failed(options, type(error).__name__, [str(error)], EXIT_FAILED)
    except KeyboardInterrupt:
        return _failed(options, "Interrupted", ["interrupted"], EXIT_INTERRUPTED)
    if "Error" in answer:
        return _failed(options, answer["Error"]["Code"], [answer["Error"]["Message"]], EXIT_REFUSED)
    say((json.dumps(answer, indent=2) if options.json else text(answer)).split("\n"))
    return 0


def _failed(
    options: argparse.Namespace, code: str, lines: Sequence[str], status: int, answer: Mapping[str, Any] | None = None
) -> int:
    complain([f"kms-failover: {lines[0]}", *lines[1:]])
    if options.json:
        error = {"Code": code, "Message": "\n".join(lines)}
        say(json.dumps({"Error": error, **(answer or {})}, indent=2).split("\n"))
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "kms-failover",
        description="Key sets and runbook commands of a deployment.",
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--deployment", default="kms-failover", help="the stack's name (default: %(default)s)")
    shared.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    _add_apply(commands, shared)
    for action in ActionName:
        _add_order(commands, shared, action)
    return parser


def _add_apply(commands: Any, shared: argparse.ArgumentParser) -> None:
    apply = _command(
        commands, shared, "apply", "validate key-sets.yaml, show what it changes, ask, and put it into force"
    )
    apply.add_argument("file", type=Path, nargs="?", help="the key-sets.yaml")
    apply.add_argument("--previous", action="store_true", help="instead of a file: --key-set as it was before")
    apply.add_argument("--key-set", type=_named, help="with --previous: its name")
    where = apply.add_mutually_exclusive_group(required=True)
    where.add_argument("--region", action="append", default=[], type=_named, help="where to write; repeat for several")
    where.add_argument("--check", action="store_true", help="validate the file only; asks nothing of AWS")
    apply.add_argument("--yes", action="store_true", help="do not ask; for scripts")
    apply.add_argument("--unchecked", action="store_true", help="even if KMS could not be asked for a new member key")
    apply.add_argument(
        "--remove-member",
        action="append",
        default=[],
        type=_named,
        metavar="ARN",
        help="this member key may go, and with it what only it opens; repeat for several",
    )
    _add_author(apply)
    apply.set_defaults(usage=apply.error)


def _look_at_usage(options: argparse.Namespace) -> None:
    """What argparse cannot say: a file, or a key set's former version."""
    if options.previous != bool(options.key_set):
        options.usage("--previous and --key-set go together: the former version of which key set")
    if (options.file is None) != options.previous:
        options.usage("give one of the two: a key-sets.yaml, or --previous with --key-set")
    if options.previous and options.check:
        options.usage("--check validates a file")


def _add_order(commands: Any, shared: argparse.ArgumentParser, action: ActionName) -> None:
    command = _command(commands, shared, action.value, _HELP[action])
    command.add_argument("--key-set", required=True, type=_named, help="its name, its alias, or a member key's ARN")
    command.add_argument("--region", required=True, type=_named, help="whose runbook function to ask")
    if action in CHANGES_INTENT:
        command.add_argument("--reason", required=True, type=_reason, help="kept as evidence")
        _add_author(command)
    if action in CHANGES_INTENT - {ActionName.RELEASE}:
        command.add_argument(
            "--minutes", type=_minutes, default=None, help="after which it is as if released (default: stands)"
        )
    if action is ActionName.FAILOVER:
        command.add_argument("--to", required=True, type=_named, metavar="REGION", help="where the route is to lead")
        command.add_argument("--insist", action="store_true", help="go and stay there even if it is not usable")
    if action is ActionName.FAILBACK:
        command.add_argument("--insist", action="store_true", help="even before the objects owed are repaid")


def _add_author(command: argparse.ArgumentParser) -> None:
    told = "kept as evidence (default: the local user's name)"
    command.add_argument("--author", default=None, type=_author, help=told)


def _command(commands: Any, shared: argparse.ArgumentParser, name: str, told: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        parents=[shared],
        help=told,
        description=f"{told[0].upper()}{told[1:]}.",
        epilog=_EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command


def _reason(given: str) -> str:
    return _evidence(given, LONGEST_REASON)


def _author(given: str) -> str:
    return _evidence(given, LONGEST_AUTHOR)


def _evidence(given: str, at_most: int) -> str:
    if not given.strip():
        raise argparse.ArgumentTypeError("say something: it is kept as evidence")
    if len(given) > at_most:
        raise argparse.ArgumentTypeError(f"it has {len(given)} characters: {at_most} at most are kept as evidence")
    if any("\ud800" <= letter <= "\udfff" for letter in given):
        raise argparse.ArgumentTypeError("it is no text in this terminal's encoding")
    return given


def _named(given: str) -> str:
    if not given.strip():
        raise argparse.ArgumentTypeError("it is empty: a variable that is not set?")
    return given


def _minutes(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= LONGEST_EXPIRY_MINUTES:
        raise argparse.ArgumentTypeError(f"{given!r} is not a whole number from 1 to {LONGEST_EXPIRY_MINUTES}")
    return int(given)
