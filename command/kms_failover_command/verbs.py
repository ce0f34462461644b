"""The verbs of `kms-failover`: what each takes, and what its help says."""

from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from kms_failover.domain.runbook.commands import ActionName
from kms_failover.version import __version__ as library_version
from kms_failover_command import options
from kms_failover_command.apply import ApplyRequest, apply_key_sets, valid_key_sets
from kms_failover_command.orders import Order, order
from kms_failover_command.regions import RegionName
from kms_failover_command.terminal import complain, say
from kms_failover_command.verb import PROGRAM, CommandWithExamples, PlainCommand, Verb, wants_json, write_statuses
from kms_failover_command.version import __version__

SHELLS = ("bash", "zsh", "fish")

type Answer = dict[str, Any]


class VerbGroup(PlainCommand, click.Group):
    command_class = Verb

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)  # as they stand here

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_statuses(formatter)


def _say_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  # click's
    if wanted and not context.resilient_parsing:
        library = "" if library_version == __version__ else f" (library {library_version})"
        say([f"{PROGRAM} {__version__}{library}"])
        context.exit()


@click.group(cls=VerbGroup, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Show it and exit."
)
def kms_failover() -> None:
    """Apply key sets, and give the runbook's orders to a deployment.

    COMMAND --help shows examples. `kms-failover completion --help` says how your shell completes all of this.
    """


@kms_failover.command(
    short_help="Validate key-sets.yaml, show what it changes, and put it into force.",
    examples=(
        "kms-failover apply key-sets.yaml --check",
        "kms-failover apply key-sets.yaml --region us-east-1 --region us-west-2",
        "kms-failover apply --previous --key-set orders --region us-east-1 --region us-west-2",
    ),
)
@click.argument("file", type=click.Path(readable=False, path_type=Path), required=False)
@click.option("--previous", is_flag=True, help="Instead of FILE: --key-set as it was before.")
@click.option("--key-set", type=options.Name(), metavar="NAME", help="With --previous: its name.")
@click.option(
    "--region", "regions", multiple=True, type=RegionName(), help="Where to write; repeat for each. See above."
)
@click.option("--check", is_flag=True, help="Validate FILE only; asks nothing of AWS.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@click.option("--unchecked", is_flag=True, help="Even if KMS could not be asked for a new member key.")
@click.option(
    "--remove-member",
    multiple=True,
    type=options.Name(),
    metavar="ARN",
    help="This member key may go, and with it what only it opens; repeat for several.",
)
@options.author
@options.of_deployment
def apply(file: Path | None, *, previous: bool, key_set: str | None, check: bool, **given: Any) -> Answer:
    """Validate FILE, a key-sets.yaml, show what it changes, ask, and put it into force.

    Name each region of the deployment with --region. AWS_REGION and the profile's region do not count here: what is
    written where must not depend on where the command runs.
    """
    if previous != bool(key_set):
        raise click.UsageError("--previous and --key-set go together: the former version of which key set")
    if (file is None) != previous:
        raise click.UsageError("give one of the two: a key-sets.yaml, or --previous with --key-set")
    if check == bool(given["regions"]):
        raise click.UsageError("give one of the two: --region for each region to write, or --check")
    if check and file is None:
        raise click.UsageError("--check validates a file")
    if check and file is not None:
        return {"valid": valid_key_sets(file, given["deployment"])}
    return apply_key_sets(ApplyRequest(file, key_set, tell=complain if wants_json() else say, **given))


@kms_failover.command(examples=("kms-failover status --key-set orders --region us-west-2",))
@options.of_key_set
def status(**given: Any) -> Answer:
    """Show route, verdicts, debt, refused objects, material and the latest changes."""
    return order(Order(ActionName.STATUS, **given))


@kms_failover.command(
    examples=(
        'kms-failover failover --key-set orders --region us-west-2 --to us-west-2 --reason "incident 4711"',
        'kms-failover failover --key-set orders --region us-west-2 --to us-west-2 --reason "drill" --minutes 60',
    )
)
@options.of_intent
@options.minutes
@click.option("--to", required=True, type=RegionName(), help="Where the route is to lead.")
@click.option("--insist", is_flag=True, help="Go and stay there even if it is not usable.")
def failover(**given: Any) -> Answer:
    """Force the route to --to REGION."""
    return order(Order(ActionName.FAILOVER, **given))


@kms_failover.command(
    examples=('kms-failover failback --key-set orders --region us-west-2 --reason "incident 4711 is over"',)
)
@options.of_intent
@options.minutes
@click.option("--insist", is_flag=True, help="Even before the objects owed are repaid.")
def failback(**given: Any) -> Answer:
    """Return to the preferred region, once it is healthy; shows the debt owed to it."""
    return order(Order(ActionName.FAILBACK, **given))


@kms_failover.command(
    examples=('kms-failover hold --key-set orders --region us-west-2 --reason "migration" --minutes 120',)
)
@options.of_intent
@options.minutes
def hold(**given: Any) -> Answer:
    """Keep the route as it is, whatever happens."""
    return order(Order(ActionName.HOLD, **given))


@kms_failover.command(
    examples=('kms-failover release --key-set orders --region us-west-2 --reason "the migration is over"',)
)
@options.of_intent
def release(**given: Any) -> Answer:
    """Let the service decide again."""
    return order(Order(ActionName.RELEASE, **given))


@kms_failover.command(examples=("kms-failover reimport --key-set orders --region us-east-1",))
@options.of_key_set
def reimport(**given: Any) -> Answer:
    """Import this region's key material now."""
    return order(Order(ActionName.REIMPORT, **given))


@kms_failover.command(examples=("kms-failover sweep --key-set orders --region us-east-1",))
@options.of_key_set
def sweep(**given: Any) -> Answer:
    """Repay wrap debt and check every object of this region's buckets."""
    return order(Order(ActionName.SWEEP, **given))


@kms_failover.command(
    cls=CommandWithExamples,
    examples=('eval "$(kms-failover completion bash)"', "kms-failover completion fish | source"),
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes verbs, options and regions.

    Put the line of your shell into its start-up file: the first for bash and zsh, the second for fish. In zsh it
    stands behind `autoload -Uz compinit && compinit`.
    """
    script = get_completion_class(shell)
    if script is not None:
        say(script(kms_failover, {}, PROGRAM, "_KMS_FAILOVER_COMPLETE").source().split("\n"))
