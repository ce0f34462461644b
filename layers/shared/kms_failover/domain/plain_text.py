"""Texts from outside, made fit for a terminal, a mail and a log."""


def shown(text: str, at_most: int | None = None) -> str:
    r"""One line without control characters: what is not printable stands there as an escape, `\n`, `\x1b`, `\u202e`.

    Line ends, terminal escapes, direction marks, invisible letters and lone surrogates are not printable, nor is any
    space but the ordinary one. Of a longer text, the first `at_most` characters and `…`. Twice is the same as once.
    """
    begun = text if at_most is None or len(text) <= at_most else text[:at_most] + "…"
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in begun)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
