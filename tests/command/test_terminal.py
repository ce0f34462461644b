"""What reaches the terminal, and how."""

import io
import json
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE, Popen
from types import SimpleNamespace

import pytest

from kms_failover_command import program, terminal
from kms_failover_command.main import main
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED
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


FULL = Path("/dev/full")  # as a full disk is


def run_command(*typed: str) -> Popen[str]:
    return Popen([sys.executable, "-m", "kms_failover_command", *typed], stdout=PIPE, stderr=PIPE, text=True)  # noqa: S603  # our own


@pytest.mark.parametrize("typed", [["apply", "FILE", "--check"], ["--help"], ["hold", "-h"], ["completion", "bash"]])
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path, typed: list[str]) -> None:
    file = tmp_path / "key-sets.yaml"
    file.write_text(json.dumps({"key_sets": [key_set().model_dump(mode="json")]}), "utf-8")

    with run_command(*(str(file) if word == "FILE" else word for word in typed)) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        told = running.stderr.read()

    assert (running.returncode, told) == (0, "")


def test_an_output_that_is_closed_is_no_error() -> None:
    script = 'exec "$@" >&-'

    ended = subprocess.run(  # noqa: S603  # our own
        ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "kms_failover_command", "--version"],
        stderr=PIPE,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_an_output_that_takes_nothing_is_a_failure_in_one_line() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "kms_failover_command", "--version"]
        ended = subprocess.run(command, stdout=full, stderr=PIPE, text=True, check=False)  # noqa: S603  # our own

    assert ended.returncode == EXIT_FAILED
    assert ended.stderr.startswith("kms-failover: the answer could not be written: ")
    assert ended.stderr.count("\n") == 1


def test_an_interrupt_while_the_command_loads_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=interrupted), *sys.meta_path])
    monkeypatch.delitem(sys.modules, program.__name__)

    assert main(["--version"]) == EXIT_INTERRUPTED
    assert stderr.getvalue() == "kms-failover: interrupted\n"
