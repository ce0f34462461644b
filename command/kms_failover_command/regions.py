"""Which regions there are, and which one is meant where nobody names one."""

import re
from difflib import get_close_matches
from functools import cache
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError
from botocore.loaders import create_loader
from click.shell_completion import CompletionItem

from kms_failover_command.terminal import complain

REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


class RegionName(click.ParamType[str]):
    name = "region"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value.strip():
            raise click.BadParameter("it is empty: a variable that is not set?", ctx, param)
        if value not in known_regions():
            unknown = f"no region {value!r} is known here; {_hint(value)}"
            if not any(re.fullmatch(partition["regionRegex"], value) for partition in _partitions()):
                raise click.BadParameter(unknown, ctx, param)
            if ctx is None or not ctx.resilient_parsing:
                complain([f"kms-failover: {unknown} It is asked all the same."])  # it may be newer than botocore
        return str(value)

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(region) for region in known_regions() if region.startswith(incomplete)]


def _hint(typed: str) -> str:
    near = get_close_matches(typed.lower(), known_regions(), n=2)
    return f"did you mean {' or '.join(near)}?" if near else "is it newer than the botocore that is installed?"


@cache
def known_regions() -> tuple[str, ...]:
    """Of all partitions, as the installed botocore lists them: a list that needs no session and no profile."""
    names = (region for partition in _partitions() for region in partition["regions"])
    return tuple(sorted(name for name in names if not name.endswith("-global")))


@cache
def _partitions() -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = create_loader().load_data("partitions")["partitions"]
    return partitions


def meant_region(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """For an option that REGION_VARIABLES may fill: else the region of the profile.

    Raises:
        click.UsageError: there is none either.
    """
    if given is not None or context.resilient_parsing:
        return given
    try:
        region = (boto3.DEFAULT_SESSION or boto3.Session()).region_name
    except BotoCoreError as error:
        raise click.BadParameter(f"{error}: name the region") from error
    if region is None:
        raise click.MissingParameter("Name it, or set AWS_REGION.", param=parameter)
    return RegionName().convert(region, parameter, context)
