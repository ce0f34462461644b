"""The command from its first moment on: what it needs takes a second to load, and Ctrl-C may come then."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; `--help` lists them."""
    try:
        from kms_failover_command.program import run  # noqa: PLC0415  # see above

        return run(arguments)
    except KeyboardInterrupt:
        print("kms-failover: interrupted", file=sys.stderr)  # noqa: T201  # nothing else may be loaded yet
        return 130  # `outcome.EXIT_INTERRUPTED`
