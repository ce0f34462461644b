"""What may stand behind several of the verbs."""

from collections.abc import Callable
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError

from kms_failover.domain.runbook.commands import LONGEST_AUTHOR, LONGEST_EXPIRY_MINUTES, LONGEST_REASON
from kms_failover_command.regions import REGION_VARIABLES, RegionName, meant_region

type Callback = Callable[..., Any]


class Text(click.ParamType[str]):
    """No option: click gives `--reason --insist` the reason `--insist`, and then nobody has insisted."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value.startswith("-"):
            self.fail(
                f"{value!r} begins as an option does: a value that is missing, or a variable not set?", param, ctx
            )
        return str(value)


class Name(Text):
    """Not empty: an empty one would ask for something else than was meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.strip():
            self.fail("it is empty: a variable that is not set?", param, ctx)
        return super().convert(value, param, ctx)


class Evidence(Text):
    def __init__(self, at_most: int) -> None:
        """`at_most` characters are kept."""
        self._at_most = at_most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.strip():
            self.fail("say something: it is kept as evidence", param, ctx)
        if len(value) > self._at_most:
            self.fail(f"it has {len(value)} characters: {self._at_most} at most are kept as evidence", param, ctx)
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            self.fail("it is no text in this terminal's encoding", param, ctx)
        return super().convert(value, param, ctx)


class Minutes(click.IntRange):
    """Digits alone: `int` takes `1_0_0` for 100."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not (value.isascii() and value.isdecimal()):
            self.fail(f"{value!r} is no whole number", param, ctx)
        return super().convert(value, param, ctx)


def _use_profile(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    """For each client of this process. Credentials of the environment count no more then, as with the AWS CLI."""
    if name is None or context.resilient_parsing:
        return
    try:
        boto3.setup_default_session(profile_name=name)
    except BotoCoreError as error:
        raise click.BadParameter(str(error), context, parameter) from error


def of_deployment(verb: Callback) -> Callback:
    deployment = click.option(
        "--deployment",
        type=Name(),
        default="kms-failover",
        show_default=True,
        metavar="NAME",
        help="The stack's name.",
    )
    profile = click.option(
        "--profile",
        type=Name(),
        metavar="NAME",
        expose_value=False,
        callback=_use_profile,
        help="Of your AWS configuration.  [default: AWS_PROFILE's, or your credentials]",
    )
    return deployment(profile(verb))


def of_key_set(verb: Callback) -> Callback:
    key_set = click.option(
        "--key-set", required=True, type=Name(), metavar="NAME", help="Its name, its alias, or a member key's ARN."
    )
    region = click.option(
        "--region",
        type=RegionName(),
        envvar=REGION_VARIABLES,
        callback=meant_region,
        help=f"Whose runbook function to ask.  [default: {', '.join(REGION_VARIABLES)}, or the profile's]",
    )
    return key_set(region(of_deployment(verb)))


def of_intent(verb: Callback) -> Callback:
    reason = click.option("--reason", required=True, type=Evidence(LONGEST_REASON), help="Kept as evidence.")
    return of_key_set(reason(author(verb)))


author = click.option(
    "--author", type=Evidence(LONGEST_AUTHOR), help="Kept as evidence.  [default: the local user's name]"
)
minutes = click.option(
    "--minutes",
    type=Minutes(1, LONGEST_EXPIRY_MINUTES),
    metavar="NUMBER",
    help="After which it is as if released.  [default: it stands]",
)
