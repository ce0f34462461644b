"""`kms-failover`, from what was typed to the exit status."""

from collections.abc import Sequence

import click

from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from kms_failover_command.terminal import OutputError, complain
from kms_failover_command.verb import PROGRAM
from kms_failover_command.verbs import kms_failover


def run(arguments: Sequence[str] | None) -> int:
    try:
        status: int | None = kms_failover.main(arguments, PROGRAM, standalone_mode=False)
    except click.UsageError as error:
        return _wrong_usage(error)
    except OutputError as error:
        complain([f"{PROGRAM}: the answer could not be written: {error}. What the command did stands."])
        return EXIT_FAILED
    except click.Abort:
        complain([f"{PROGRAM}: interrupted"])
        return EXIT_INTERRUPTED
    return status or 0


def _wrong_usage(error: click.UsageError) -> int:
    typed = error.ctx.command_path if error.ctx else PROGRAM
    usage = error.ctx.get_usage().split("\n") if error.ctx else []
    message = f"{typed}: error: {error.format_message()}"
    complain([*usage, *message.expandtabs(2).split("\n"), f"Try '{typed} --help'."])
    return EXIT_USAGE
