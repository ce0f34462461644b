"""How every verb answers and ends, and what its help shows below the options."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from kms_failover.errors import ConfigurationError, KmsFailoverError
from kms_failover_command.answer_text import text
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE, CommandError
from kms_failover_command.terminal import complain, say

PROGRAM = "kms-failover"
_STATUSES = {
    0: "done",
    EXIT_REFUSED: "refused, with the reason",
    EXIT_USAGE: "wrong usage",
    EXIT_FAILED: "nobody could be asked, or it failed: the message says whether anything was sent",
    EXIT_INTERRUPTED: "interrupted: the message says what was done",
}
_WHERE = 'The reason is on standard error, and with --json on standard output as "Error", but for wrong usage.'
_JSON = f"{__name__}.json"


class PlainCommand(click.Command):
    """Its help goes the way of all output, and an error of the parser says of which verb it is."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _say_help
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class CommandWithExamples(PlainCommand):
    def __init__(self, *arguments: Any, examples: Sequence[str], **settings: Any) -> None:
        """`examples` are lines to paste; a test runs each."""
        super().__init__(*arguments, **settings)
        self.examples = examples

    def get_short_help_str(self, limit: int = 100) -> str:
        return super().get_short_help_str(max(limit, 100))  # else click ends it in the middle

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write(formatter, "Examples", self.examples)
        write_statuses(formatter)


class Verb(CommandWithExamples):
    """Its function returns the answer; `invoke` prints it, or why there is none, and returns the exit status."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        told = "Print the whole answer as JSON."
        self.params.append(click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep_json, help=told))

    def invoke(self, ctx: click.Context) -> int:
        try:
            answer = super().invoke(ctx)
        except CommandError as error:
            return _failed(error.code, error.lines, error.status, error.answer)
        except ConfigurationError as error:
            return _failed("ConfigurationError", str(error).split("\n"), EXIT_REFUSED)
        except KmsFailoverError as error:
            return _failed(type(error).__name__, [str(error)], EXIT_FAILED)
        except KeyboardInterrupt:
            return _failed("Interrupted", ["interrupted"], EXIT_INTERRUPTED)
        if "Error" in answer:
            return _failed(answer["Error"]["Code"], [answer["Error"]["Message"]], EXIT_REFUSED)
        say((json.dumps(answer, indent=2) if wants_json() else text(answer)).split("\n"))
        return 0


def _say_help(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  # click's
    if wanted and not context.resilient_parsing:
        say(context.get_help().split("\n"))
        context.exit()


def wants_json() -> bool:
    """Whether the verb that runs has `--json`: then nothing else may be on standard output."""
    return bool(click.get_current_context().meta.get(_JSON))


def write_statuses(formatter: click.HelpFormatter) -> None:
    _write(formatter, "Exit status", [*(f"{status:<4} {words}" for status, words in _STATUSES.items()), _WHERE])


def _keep_json(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  # click's
    context.meta[_JSON] = wanted


def _failed(code: str, lines: Sequence[str], status: int, answer: Mapping[str, Any] | None = None) -> int:
    complain([f"{PROGRAM}: {lines[0]}", *lines[1:]])
    if wants_json():
        error = {"Code": code, "Message": "\n".join(lines)}
        say(json.dumps({"Error": error, **(answer or {})}, indent=2).split("\n"))
    return status


def _write(formatter: click.HelpFormatter, title: str, lines: Sequence[str]) -> None:
    """As they are: an example that is wrapped cannot be pasted."""
    with formatter.section(title):
        formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in lines))
