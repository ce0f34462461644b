"""How a command ends when it does not end well: the words, and the exit status."""

import getpass
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from kms_failover.errors import KmsFailoverError

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_INTERRUPTED = 130


class CommandError(KmsFailoverError):
    """The command was not carried out, or not wholly. The lines say what is certain, and what to type next."""

    def __init__(
        self, code: str, lines: str | Sequence[str], status: int, answer: dict[str, Any] | None = None
    ) -> None:
        """`answer` goes beside `Error` in the JSON."""
        self.lines = [lines] if isinstance(lines, str) else list(lines)
        super().__init__("\n".join(self.lines))
        self.code = code
        self.status = status
        self.answer = answer or {}


def explained(error: BaseException, deployment: str, region: str) -> str:
    """What AWS says, and where that is not what an operator has to know, that."""
    if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceNotFoundException":
        return f"there is no deployment {deployment!r} in {region}, or not in this account: {error}"
    return str(error)


def local_author() -> str:
    """The local user's name."""
    try:
        return getpass.getuser()
    except OSError as error:
        problem = "this machine has no name for you: say who you are with --author"
        raise CommandError("UnknownAuthor", problem, EXIT_USAGE) from error
