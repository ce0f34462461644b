"""The one place where the command prints and asks: whoever wrote a text, it forges no line and orders no terminal."""

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from kms_failover.domain.plain_text import shown

NOTICE_SECONDS = 2.0  # of silence, after which it is said what is waited for


class OutputError(Exception):
    """Standard output takes nothing: a full disk, for example."""


def say(lines: Iterable[str]) -> None:
    """On standard output; to a pipe too whose reader has seen enough, as `head` has, and to one that is closed.

    Raises:
        OutputError: it was not written, or not wholly.
    """
    if sys.stdout is None:  # as Python has it where whoever began the command has closed it
        return
    try:
        _write(sys.stdout, lines)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor does the interpreter's end complain
        if not isinstance(error, BrokenPipeError):
            raise OutputError(str(error)) from error


def complain(lines: Iterable[str]) -> None:
    """On standard error."""
    _write(sys.stderr, lines)


def agrees(question: str) -> bool:
    """Whether the person at the terminal types yes; anything else is no."""
    sys.stderr.write(f"{shown(question)} [y/N] ")
    sys.stderr.flush()
    typed = ""
    try:
        typed = sys.stdin.readline()
    finally:
        if not typed.endswith("\n"):  # nobody has ended the question's line
            sys.stderr.write("\n")
    return typed.strip().lower() in {"y", "yes"}


def is_attended() -> bool:
    """Whether somebody can read a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def notice(of: str) -> Iterator[None]:
    """Says so, once that takes long."""
    timer = threading.Timer(NOTICE_SECONDS, complain, args=([f"kms-failover: {of}"],))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    encoding = stream.encoding or "utf-8"
    stream.writelines(shown(line).encode(encoding, "backslashreplace").decode(encoding) + "\n" for line in lines)
    stream.flush()
