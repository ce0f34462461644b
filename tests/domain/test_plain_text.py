"""What strangers wrote, fit to be printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.plain_text import shown

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates included


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("incident 4711: Zürich, 東京, 🔥", "incident 4711: Zürich, 東京, 🔥"),
        ("x\n  return   not needed", r"x\n  return   not needed"),
        ("\x1b[2J\x9b31m", r"\x1b[2J\x9b31m"),
        ("a\u202eb\u2066c\u200bd\u2028e", r"a\u202eb\u2066c\u200bd\u2028e"),
        ("\ud800 \U000e0041", r"\ud800 \U000e0041"),
        ("a\tb\r\x7f", r"a\tb\r\x7f"),
        ("C:\\n", "C:\\n"),
    ],
)
def test_what_a_terminal_would_obey_stands_there_as_an_escape(text: str, line: str) -> None:
    assert shown(text) == line


@given(any_text)
def test_any_text_is_shown_as_one_printable_line_and_the_second_time_changes_nothing(text: str) -> None:
    line = shown(text)

    assert line.isprintable()
    assert shown(line) == line
    assert line.encode().decode() == line


def test_of_a_long_text_the_beginning_is_shown_and_that_there_is_more() -> None:
    assert shown("a" * 9, 8) == "a" * 8 + "…"
    assert shown("a" * 8, 8) == "a" * 8
