"""What may be typed, and what the help says of it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from kms_failover.domain.runbook.commands import LONGEST_AUTHOR, LONGEST_REASON
from kms_failover.version import __version__ as library_version
from kms_failover_command import verbs
from kms_failover_command.main import main
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE
from kms_failover_command.verbs import SHELLS, kms_failover
from kms_failover_command.version import __version__
from tests.command.lambda_endpoint import WHERE, WHO
from tests.domain.strategies import EAST, WEST, arn

VERBS = list(kms_failover.commands)


# The help


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_exit_status(verb: list[str], flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([*verb, flag])

    listed = re.findall(r"^  (\d+) ", capsys.readouterr().out, re.MULTILINE)
    assert status == 0
    assert listed == ["0", "1", "2", "3", "130"]


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a verb takes is all that is asked."""
    monkeypatch.setattr(verbs, "order", lambda given: {"valid": [given.action]})
    monkeypatch.setattr(verbs, "apply_key_sets", lambda _request: {"valid": []})
    monkeypatch.setattr(verbs, "valid_key_sets", lambda *_: [])


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("verb", VERBS)
def test_each_example_in_the_help_is_on_a_line_to_paste_and_is_understood(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([verb, "--help"])
    shown = capsys.readouterr().out

    examples = re.findall(rf"kms-failover {verb}\b[^\n)|]*", shown.partition("\nExamples:\n")[2])
    assert examples
    for example in examples:
        assert main(shlex.split(example)[1:]) == 0, capsys.readouterr().err


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(("document", "at_least"), [("README.md", 5), ("runbooks/README.md", 4)])
def test_each_command_to_paste_in_a_document_is_understood(
    document: str, at_least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / document).read_text("utf-8")

    commands = re.findall(r"^ +(kms-failover .*)$", text, re.MULTILINE)

    assert len(commands) >= at_least
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, capsys.readouterr().err


def test_the_verbs_are_listed_in_their_order_with_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])

    listed = capsys.readouterr().out.partition("\nCommands:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == VERBS
    assert "..." not in listed


# What is wrong


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["statu"],
        ["hold", *WHERE, "--reason", " "],
        ["hold", *WHERE, "--reason", "a" * (LONGEST_REASON + 1)],
        ["hold", *WHERE, "--reason", "incident \udcff"],
        ["hold", *WHERE, "--reason", "incident 4711", "--author", "a" * (LONGEST_AUTHOR + 1)],
        ["hold", *WHERE, *WHO, "--minutes", "0"],
        ["hold", *WHERE, *WHO, "--minutes", "1.5"],
        ["hold", *WHERE, *WHO, "--minutes", "1_0"],
        ["hold", *WHERE, *WHO, "--minutes", "+5"],
        ["hold", *WHERE, *WHO, "--minutes", "\N{ARABIC-INDIC DIGIT FIVE}"],
        ["hold", *WHERE, "--reason"],
        ["hold", *WHERE, "--reason", "--json"],
        ["failover", *WHERE, "--to", WEST, "--reason", "drill", "--author", "--insist"],
        ["status", *WHERE, "--key-set", "--json"],
        ["status", *WHERE, "--deployment", ""],
        ["status", *WHERE, "--deployment", "--json"],
        ["apply", "key-sets.yaml", "--region", EAST, "--remove-member", "--yes"],
        ["release", *WHERE, *WHO, "--minutes", "5"],
        ["failover", *WHERE, *WHO],
        ["apply", "key-sets.yaml"],
        ["apply", "key-sets.yaml", "--region", ""],
        ["apply", "key-sets.yaml", "--region", EAST, "--check"],
        ["status", "--key-set", "orders", "--region", " "],
        ["status", "--key-set", "", "--region", WEST],
        ["status", *WHERE, "--profile", ""],
        ["completion"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage_is_told_as_such(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wrong) == EXIT_USAGE

    told = capsys.readouterr()
    assert told.err.startswith(f"Usage: kms-failover {wrong[0] if wrong and wrong[0] in VERBS else '[OPTIONS]'}")
    assert told.err.count("error:") == 1
    assert told.err.splitlines()[-1].endswith("--help'.")
    assert r"\t" not in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--region", EAST],
        ["--region", EAST, "--previous"],
        ["key-sets.yaml", "--region", EAST, "--key-set", "orders"],
        ["key-sets.yaml", "--region", EAST, "--key-set", "orders", "--previous"],
        ["--check", "--key-set", "orders", "--previous"],
    ],
)
def test_a_file_and_a_former_version_exclude_each_other(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", *arguments]) == EXIT_USAGE
    assert "kms-failover apply: error: " in capsys.readouterr().err


def test_what_was_typed_forges_no_line_of_the_complaint(capsys: pytest.CaptureFixture[str]) -> None:
    main(["status", "--key-set", "orders", "--region", "x\n\x1b[2J"])

    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))


def test_a_check_needs_no_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    file = key_sets_file(tmp_path)

    assert main(["apply", str(file), "--check"]) == 0
    assert capsys.readouterr().out == "valid: orders\n"


def key_sets_file(folder: Path) -> Path:
    file = folder / "key-sets.yaml"
    members = [{"region": region, "arn": arn(region)} for region in (EAST, WEST)]
    file.write_text(json.dumps({"key_sets": [{"name": "orders", "members": members}]}), "utf-8")
    return file


# As a shell sees it


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        (["apply", "FILE", "--check"], 0),
        (["--version"], 0),
        (["apply", "nowhere.yaml", "--check"], EXIT_REFUSED),
        (["apply", "FILE"], EXIT_USAGE),
        (["status", *WHERE], EXIT_FAILED),  # no profile: nobody could be asked
    ],
)
def test_a_shell_sees_the_exit_status(typed: list[str], status: int, tmp_path: Path) -> None:
    file = str(key_sets_file(tmp_path))
    command = [sys.executable, "-m", "kms_failover_command", *(file if word == "FILE" else word for word in typed)]

    ended = subprocess.run(command, env=os.environ | {"AWS_PROFILE": "nobodys"}, capture_output=True, check=False)  # noqa: S603  # our own command

    assert ended.returncode == status


def test_who_interrupts_a_verb_outside_its_own_care_is_told_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(boto3, "setup_default_session", interrupted)

    assert main(["status", *WHERE, "--profile", "prod"]) == EXIT_INTERRUPTED
    assert capsys.readouterr().err.endswith("kms-failover: interrupted\n")


def test_the_version_is_the_librarys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kms-failover {__version__}\n"
    assert __version__ == library_version


def test_a_library_of_another_version_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "library_version", "0.0.9")

    main(["--version"])

    assert capsys.readouterr().out == f"kms-failover {__version__} (library 0.0.9)\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_completes_this_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0

    script = capsys.readouterr().out
    assert f"_KMS_FAILOVER_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("kms-failover fail", ["failover", "failback"]),
        ("kms-failover status --region us-w", ["us-west-1", "us-west-2"]),
        ("kms-failover failover --to us-gov-e", ["us-gov-east-1"]),
        ("kms-failover sweep --de", ["--deployment"]),
    ],
)
def test_verbs_options_and_regions_are_completed(
    typed: str, completed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_KMS_FAILOVER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))

    with pytest.raises(SystemExit):
        main([])

    assert capsys.readouterr().out.split() == [f"plain,{word}" for word in completed]
