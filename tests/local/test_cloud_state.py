"""The state file, and whether an id still belongs to the process that was started."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.cloud.identity import identity, identity_from_stat, is_running
from local.cloud.processes import end
from local.cloud.state import Addresses, CloudState, Process, read_state, write_state

ADDRESSES = Addresses(
    front="http://127.0.0.1:1", kms_front="http://127.0.0.1:2", gateway="http://127.0.0.1:3", kms="", s3=""
)


def a_process(pid: int = 1, text: str = "one") -> Process:
    return Process(name="front", pid=pid, identity=text, log="front.log")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    state = CloudState(ADDRESSES, (a_process(1), a_process(2)))

    write_state(tmp_path / "new" / "cloud.json", state)

    assert read_state(tmp_path / "new" / "cloud.json") == state
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cloud.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"format": 99, "processes": []})])
def test_a_file_of_somebody_else_means_nothing_is_known(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cloud.json"
    path.write_text(content)

    assert read_state(path) is None


def test_no_file_means_nothing_is_known(tmp_path: Path) -> None:
    assert read_state(tmp_path / "cloud.json") is None


def test_the_start_time_is_found_behind_a_name_with_spaces_and_brackets() -> None:
    stat = "12 (a ) name) S 1 12 12 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 4711 1000 10"

    assert identity_from_stat(stat) == "4711"


def test_a_zombie_is_not_running() -> None:
    stat = "12 (name) Z 1 12 12 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 4711 1000 10"

    assert identity_from_stat(stat) is None


def test_this_process_is_itself_and_no_other() -> None:
    own = identity(os.getpid())

    assert own is not None
    assert is_running(os.getpid(), own)
    assert not is_running(os.getpid(), own + "0")


def test_an_id_that_has_gone_to_another_process_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        somebody_else = a_process(other.pid, "an earlier start time")

        ended = end([somebody_else])

        assert ended == []
        assert other.poll() is None
        other.communicate(b"\n")


def test_ending_takes_a_process_that_ignores_the_polite_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.cloud.processes.END_SECONDS", 0.2)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); input()"
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        process = replace(a_process(stubborn.pid), identity=identity(stubborn.pid) or "")

        ended = end([process])

        assert ended == [process]
        assert stubborn.wait() == -9
