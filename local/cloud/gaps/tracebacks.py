"""What a Python traceback says of the exception that ended it."""

import re

HEAD = "Traceback (most recent call last):"
LAST_LINE = re.compile(r"(?:  \| )?([A-Za-z_][\w.]*)(?:: (.*))?")  # groups are drawn with a bar
FRAME = re.compile(r'  (?:\| )? *File ".*", line \d+, in .*')


def raised_type(text: str, message: str) -> str | None:
    """The class without its module, as Lambda's runtime says it; None where the text has no such exception."""
    first = message.partition("\n")[0]
    lines = map(LAST_LINE.fullmatch, _last(text))
    found = [line[1] for line in lines if line and (line[2] or "").startswith(first) and bool(line[2]) == bool(first)]
    return found[-1].rpartition(".")[2] if found else None


def stack_trace(text: str) -> list[str]:
    return [line for line in _last(text) if FRAME.fullmatch(line)]


def _last(text: str) -> list[str]:
    """The lines of the exception that was raised last, without those that led to it; of a group, all of it."""
    head = "Exception Group " + HEAD if "Exception Group " + HEAD in text else HEAD
    return text.rpartition(head)[2].splitlines() if head in text else []
