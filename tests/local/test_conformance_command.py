"""The conformance command: what it finds, how it ends, what it says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from local.strict_kms import Installation, ReusedPairs
from local.strict_kms.server import StrictKmsServer
from tests.conformance import fidelity, known, running
from tests.conformance.__main__ import _passes
from tests.conformance.kms import KMS
from tests.conformance.results import Outcome, Result, load
from tests.conformance.suite import Suite
from tests.conformance.targets import Opener, strict_in_process

ROOT = Path(__file__).parents[2]
CASE = "test_import.py::test_a_token_is_good"


def result(outcome: Outcome, case: str = CASE, **more: Any) -> Result:
    return Result(case, outcome, **more)


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """KMS's, with one lie of moto's that is known."""
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"moto": {CASE: "fail: accepted"}}))
    return replace(KMS, known=path, document=tmp_path / "f.md")


@pytest.fixture
def strict_url() -> Iterator[str]:
    server = StrictKmsServer(Installation(key_pairs=ReusedPairs()))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def command(*arguments: str, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tests.conformance", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


# --- known lies and the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "reason", "said"),
    [
        (Outcome.FAIL, "accepted", None),
        (Outcome.FAIL, "refused with another code", "fail: refused with another code"),
        (Outcome.PASS, "", "pass"),
        (Outcome.NOT_OFFERED, "lacks it", "not offered: lacks it"),
    ],
)
def test_a_lie_is_found_when_it_is_gone_or_told_otherwise(
    suite: Suite, outcome: Outcome, reason: str, said: str | None
) -> None:
    found = known.differences(suite, {"moto": [result(outcome, reason=reason)]})

    assert [one.text for one in found] == ([] if said is None else [f"{CASE}: {said}; known as: fail: accepted"])


def test_a_case_that_nobody_knows_as_a_lie_is_one_when_it_fails(suite: Suite) -> None:
    (found,) = known.differences(suite, {"moto": [result(Outcome.FAIL, "test_x.py::test_y", reason="why")]})

    assert found.text == "test_x.py::test_y: fail: why; known as: pass"


def test_a_known_lie_whose_case_is_gone_is_found_in_a_whole_run(suite: Suite) -> None:
    (found,) = known.differences(suite, {"moto": []}, is_whole=True)

    assert found.text == f"{CASE}: no case; known as: fail: accepted"


def test_cases_that_were_not_run_say_nothing(suite: Suite) -> None:
    assert known.differences(suite, {"moto": []}) == []


def test_a_case_is_said_in_words() -> None:
    assert fidelity.said("test_a.py::test_it_holds[a-b]") == "it holds (a-b)"


def test_failing_what_is_only_assumed_is_no_lie(suite: Suite) -> None:
    strict = [result(Outcome.PASS, sources=("facts 1",), assumed="the code"), result(Outcome.PASS, "a.py::test_b")]
    moto = [result(Outcome.FAIL, assumed="the code"), result(Outcome.FAIL, "a.py::test_b", reason="accepted")]

    fidelity.write(suite, {"strict": strict, "moto": moto})

    lies = suite.document.read_text().partition("## Where plain moto")[2].partition("## What is assumed")[0]
    real, differences = lies.split("| area | behaviour that is assumed |")
    assert "| b | accepted |" in real
    assert "a token is good" not in real
    assert "a token is good" in differences


# --- against endpoints ------------------------------------------------------------------------------------------


@pytest.mark.enable_socket
def test_an_endpoint_that_passes_ends_with_0_and_its_keys_go(strict_url: str) -> None:
    ran = command("--endpoint", strict_url, "-k", "a_dry_run_makes_no_grant or test_an_alias_leads_to_its_key")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "test_a_dry_run_makes_no_grant pass" in ran.stdout
    assert f"{strict_url}: 2 pass, 0 fail, 0 not offered" in ran.stdout


@pytest.mark.enable_socket
def test_an_endpoint_that_lies_ends_with_1_and_json_says_where(moto_url: str) -> None:
    ran = command("--endpoint", moto_url, "-k", "a_dry_run_makes_no_grant or an_unknown_alias", "--json")

    assert ran.returncode == 1, ran.stderr
    said = json.loads(ran.stdout)
    assert said["counts"] == {"pass": 1, "fail": 1, "not offered": 0}
    lie = next(one for one in said["results"] if one["outcome"] == "fail")
    assert lie["case"] == "test_dry_run.py::test_a_dry_run_makes_no_grant"
    assert lie["reason"] == "accepted; AWS refuses with DryRunOperationException"


@pytest.mark.enable_socket
def test_a_run_is_written_where_it_is_told(moto_url: str, tmp_path: Path) -> None:
    told = tmp_path / "run.json"

    ran = command("--endpoint", moto_url, "-k", "a_dry_run_makes_no_grant", "--run-file", str(told))

    assert ran.returncode == 1, ran.stderr
    done = load(told)
    assert done.is_whole
    assert [one.case for one in done.results] == ["test_dry_run.py::test_a_dry_run_makes_no_grant"]


def test_where_a_run_cannot_be_written_is_said_before_it_begins(tmp_path: Path) -> None:
    ran = command("--only", "strict", "--run-file", str(tmp_path / "nowhere" / "run.json"))

    assert ran.returncode == 2
    assert "cannot be written" in ran.stderr


@pytest.mark.enable_socket
def test_what_differs_only_from_an_assumption_is_told_and_does_not_count(moto_url: str) -> None:
    words = "an_unknown_alias or symmetric_key_does_not_sign"

    ran = command("--endpoint", moto_url, "-k", words)

    assert ran.returncode == 0, ran.stdout
    assert "differs  a symmetric key does not sign: accepted; AWS refuses with ValidationException" in ran.stdout


@pytest.mark.enable_socket
def test_a_run_without_cases_proves_nothing(strict_url: str) -> None:
    ran = command("--endpoint", strict_url, "-k", "no_such_case")

    assert ran.returncode == 2
    assert "nothing is proved" in ran.stderr


@pytest.mark.parametrize(
    ("key", "outcomes", "passes"),
    [
        ("endpoint", {Outcome.PASS, Outcome.NOT_OFFERED}, True),
        ("endpoint", {Outcome.NOT_OFFERED}, False),
        ("endpoint", {Outcome.PASS, Outcome.FAIL}, False),
        ("strict", {Outcome.PASS}, True),
        ("strict", {Outcome.PASS, Outcome.NOT_OFFERED}, False),
        ("moto-patched", {Outcome.PASS, Outcome.NOT_OFFERED}, False),
    ],
)
def test_what_is_missing_is_allowed_to_others_only(key: str, outcomes: set[Outcome], *, passes: bool) -> None:
    opener = Opener(key, key, strict_in_process)

    assert _passes(KMS, opener, [result(outcome) for outcome in outcomes]) is passes


def test_a_run_that_breaks_off_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest, "main", lambda *_, **__: pytest.ExitCode.INTERRUPTED)

    assert not running.run(KMS, Opener("strict", "strict", strict_in_process)).is_whole


@pytest.mark.enable_socket
def test_an_endpoint_that_is_not_there_is_said_once() -> None:
    ran = command("--endpoint", "http://127.0.0.1:9")

    assert ran.returncode == 2
    trying, reason = ran.stderr.strip().splitlines()
    assert trying == "Trying http://127.0.0.1:9 ..."
    assert reason.startswith("http://127.0.0.1:9 cannot be used: ")


@pytest.mark.parametrize("url", ["", "nonsense", "127.0.0.1:4566", "http://127.0.0.1:4566/path", "ftp://127.0.0.1"])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    ran = command("--endpoint", url)

    assert ran.returncode == 2
    assert f"{url!r} is no endpoint" in ran.stderr


@pytest.mark.enable_socket
@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_an_account_is_not_touched_without_a_yes(strict_url: str, moto_url: str, tmp_path: Path, answer: str) -> None:
    profile = write_profile(tmp_path, kms=strict_url, sts=moto_url)

    ran = command("--aws-profile", "trial", "-k", "a_replica_is_not_replicated", said=answer, **profile)

    assert ran.returncode == 2
    assert "Nothing was done." in ran.stderr
    assert "in account 123456789012" in ran.stderr
    assert "This makes 2 KMS keys" in ran.stderr
    assert "dollars" in ran.stderr


@pytest.mark.enable_socket
def test_an_account_is_used_and_left_without_keys(strict_url: str, moto_url: str, tmp_path: Path) -> None:
    profile = write_profile(tmp_path, kms=strict_url, sts=moto_url)

    ran = command("--aws-profile", "trial", "-k", "a_replica_is_not_replicated", said="y\n", **profile)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "test_a_replica_is_not_replicated pass" in ran.stdout
    assert "stays" not in ran.stdout


def test_an_unknown_profile_is_said_once() -> None:
    ran = command("--aws-profile", "nobody")

    assert ran.returncode == 2
    assert "cannot be used: The config profile (nobody) could not be found" in ran.stderr


def write_profile(folder: Path, **urls: str) -> dict[str, str]:
    """A profile "trial" whose account is on loopback, service by service, and the environment that finds it."""
    config, credentials = folder / "config", folder / "credentials"
    services = "".join(f"{service} =\n  endpoint_url = {url}\n" for service, url in urls.items())
    config.write_text(f"[profile trial]\nservices = local\n\n[services local]\n{services}")
    credentials.write_text("[trial]\naws_access_key_id = a\naws_secret_access_key = b\n")
    return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
