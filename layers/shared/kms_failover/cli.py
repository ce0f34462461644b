"""`kms-failover`: apply key sets, and give the runbook's commands."""

import argparse
import getpass
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.naming import Deployment
from kms_failover.domain.operating import CHANGES_INTENT, ActionName
from kms_failover.errors import KmsFailoverError

RUNBOOK_SECONDS = 130  # longer than the function's own time-out
EXIT_REFUSED = 1
EXIT_USAGE = 2
_HELP = {
    ActionName.STATUS: "show route, verdicts, debt, refused objects, material and history",
    ActionName.FAILOVER: "force the route to --to REGION",
    ActionName.FAILBACK: "return to the preferred region, once it is healthy; shows the debt owed to it",
    ActionName.HOLD: "keep the route as it is, whatever happens",
    ActionName.RELEASE: "let the service decide again",
    ActionName.REIMPORT: "import this region's key material now",
    ActionName.SWEEP: "repay wrap debt and check every object of this region's buckets",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: done; 1: refused or failed, with the reason on standard error; 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        answer = _apply(options) if options.command == "apply" else _run(options)
    except (KmsFailoverError, ClientError, BotoCoreError) as error:
        print(f"kms-failover: {error}", file=sys.stderr)
        return EXIT_REFUSED
    if "Error" in answer:
        print(f"kms-failover: {answer['Error']['Code']}: {answer['Error']['Message']}", file=sys.stderr)
        return EXIT_REFUSED
    print(json.dumps(answer, indent=2) if options.json else _text(answer))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("kms-failover", description="Key sets and runbook commands of a deployment.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--deployment", default="kms-failover", help="the stack's name (default: %(default)s)")
    shared.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    apply = commands.add_parser("apply", parents=[shared], help="validate key-sets.yaml and put it into force")
    apply.add_argument("file", type=Path)
    apply.add_argument("--region", action="append", required=True, help="where to write; repeat for several")
    apply.add_argument("--check", action="store_true", help="validate only")
    for action, text in _HELP.items():
        command = commands.add_parser(action.value, parents=[shared], help=text)
        command.add_argument("--key-set", required=True)
        command.add_argument("--region", required=True, help="whose runbook function to ask")
        if action in CHANGES_INTENT:
            command.add_argument("--reason", required=True, help="kept as evidence")
            command.add_argument("--author", default=None, help="kept as evidence (default: the local user's name)")
            command.add_argument(
                "--minutes", type=int, default=None, help="after which it is as if released (default: stands)"
            )
        if action is ActionName.FAILOVER:
            command.add_argument("--to", required=True, metavar="REGION")
            command.add_argument("--insist", action="store_true", help="go and stay there even if it is not usable")
        if action is ActionName.FAILBACK:
            command.add_argument("--insist", action="store_true", help="even before the objects owed are repaid")
    return parser


def _apply(options: argparse.Namespace) -> dict[str, Any]:
    key_sets = read_key_sets(options.file).key_sets
    for region in () if options.check else options.region:
        table = boto3.resource("dynamodb", region_name=region).Table(Deployment(options.deployment).state_table)
        for key_set in key_sets:
            StateTable(table, region).put_key_set(key_set)
    verb = "valid" if options.check else "applied"
    return {verb: [key_set.name for key_set in key_sets], "regions": options.region}


def _payload(options: argparse.Namespace) -> dict[str, Any]:
    """What the runbook function is invoked with."""
    payload = {"Action": options.command, "KeySet": options.key_set}
    if options.command in set(CHANGES_INTENT):
        payload |= {"Reason": options.reason, "Author": options.author or getpass.getuser()}
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
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(_payload(options)).encode())
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise KmsFailoverError(f"{name} failed: {body.get('errorType')}: {body.get('errorMessage')}")
    return body


def _text(answer: dict[str, Any]) -> str:
    """The few lines an operator reads first; `--json` has the rest."""
    if "applied" in answer or "valid" in answer:
        verb, names = next(iter(answer.items()))
        return f"{verb}: {', '.join(names)}" + (f" (in {', '.join(answer['regions'])})" if verb == "applied" else "")
    if "StatusError" in answer:
        given = f"{answer['KeySet']}: the order is in force ({answer['Intent']['mode']})"
        return f"{given}; the status cannot be shown: {answer['StatusError']}"
    if "Route" not in answer:
        return json.dumps(answer, indent=2)
    route, intent = answer["Route"], answer["Intent"]
    changes = f"{route['ChangesWithinTheHour']} of {route['ChangesAllowed']} changes within the hour"
    until = f", until {intent['expires_at']}" if intent["expires_at"] else ""
    said = f" by {intent['author']} at {intent['at']}{until}" if intent["author"] else ""
    lines = [
        f"{answer['KeySet']}, seen from {answer['Observer']}",
        f"  route    {' > '.join(route['Regions'])}  (epoch {route['Epoch']}, {route['DecidedAt']}; {changes})",
        f"           {route['Reason']}",
        *[f"           - {line}" for line in route["Evidence"]],
        f"  intent   {intent['mode']} {intent['region'] or ''}{said} {intent['reason']}".rstrip(),
        f"  return   {answer['Return']}",
    ]
    for region, verdict in answer["Verdicts"].items():
        usable = "" if verdict["KeyUsable"] else f", KEY NOT USABLE ({verdict['KeyReason']})"
        lines.append(f"  {region:<14} {verdict['Verdict']}{usable}: {verdict['Reason']}")
    lines.append("  debt     " + ", ".join(f"{region} {count}" for region, count in answer["Debt"].items()))
    lines += [f"  refused  {r['bucket']}/{r['key']}: {r['reason']}" for r in answer["Refusals"]]
    for bucket, cover in answer["Coverage"].items():
        share = "S3 has not counted its objects yet" if cover["Share"] is None else f"{cover['Share']:.2%} covered"
        lines.append(f"  bucket   {bucket}: {share}, {cover['Owed']} objects owed")
    for region, material in answer["Material"].items():
        left = f", {material['DaysLeft']} days left" if material["DaysLeft"] is not None else ", never expires"
        lines.append(f"  material {region}: valid to {material['ValidTo']}{left}")
    lines += [f"  ignored  {e['source']} {e['detail_type']}: {e['reason']}" for e in answer["IgnoredEvents"]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
