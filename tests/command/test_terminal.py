"""What reaches the terminal, and how."""

import io
import json
import sys
import threading
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from kms_failover_command import terminal
from tests.domain.strategies import key_set


def test_who_waits_is_told_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "NOTICE_SECONDS", 0.0)
    said = threading.Event()

    class Screen(io.StringIO):
        def flush(self) -> None:
            said.set()

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    with terminal.notice("waiting for somebody"):
        assert said.wait(10)

    assert screen.getvalue() == "kms-failover: waiting for somebody\n"


def test_a_terminal_without_a_letter_is_shown_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)

    terminal.say(["Zürich"])

    assert screen.buffer.getvalue() == b"Z\\xfcrich\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "key-sets.yaml"
    file.write_text(json.dumps({"key_sets": [key_set().model_dump(mode="json")]}), "utf-8")
    command = [sys.executable, "-m", "kms_failover_command", "apply", str(file), "--check"]

    with Popen(command, stdout=PIPE, stderr=PIPE, text=True) as running:  # noqa: S603  # our own command
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()

    assert (running.returncode, told) == (0, "")
