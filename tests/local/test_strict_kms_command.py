"""The command's options."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.strict_kms.__main__ import _installation, _latency, _rates, options
from local.strict_kms.event_log import EventLog

ROOT = Path(__file__).parents[2]


def test_quotas_and_latencies_are_given_for_all_regions_or_for_one() -> None:
    quotas = ["--quota", "symmetric=100", "--quota", "us-west-2:symmetric=50"]
    latencies = ["--latency", "20", "--latency", "us-west-2:80"]
    chosen = options(["--port", "0", *quotas, *latencies])

    rates, latency = _rates(chosen), _latency(chosen)

    assert (rates("us-east-1", "symmetric"), rates("us-west-2", "symmetric")) == (100, 50)
    assert rates("us-east-1", "DescribeKey") is None
    assert (latency("us-east-1"), latency("us-west-2")) == (0.02, 0.08)


@pytest.mark.parametrize(("given", "shows_id"), [([], True), (["--replica-material-id", "hidden"], False)])
def test_what_a_fresh_replica_shows_is_an_option(given: list[str], *, shows_id: bool) -> None:
    installation = _installation(options(["--port", "0", *given]), EventLog())

    assert installation.replicas_show_material_id is shows_id


def test_single_quotas_go_before_awss() -> None:
    rates = _rates(options(["--port", "0", "--quotas", "aws", "--quota", "GetParametersForImport=9"]))

    assert (rates("us-east-1", "GetParametersForImport"), rates("us-east-1", "ReplicateKey")) == (9, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quota", "symmetric"], "is not [REGION:]QUOTA=REQUESTS_A_SECOND"),
        (["--quota", "everything=1"], "there is no quota everything"),
        (["--quota", "symmetric=many"], "many is not a number"),
        (["--quota", "symmetric=0"], "is not between"),
        (["--latency", "-1"], "is not between"),
        (["--latency", "nan"], "is not between"),
        (["--latency", "us-east-1:soon"], "soon is not a number"),
        (["--latency", "us-east-9:20"], "there is no Region us-east-9"),
        (["--quota", "us-east-9:symmetric=1"], "there is no Region us-east-9"),
        (["--port", "99999"], "is not between"),
        (["--propagation", "-1"], "is not between"),
        (["--account-id", "12"], "is not an account of 12 digits"),
        (["--events-url", "nonsense"], "is not a URL"),
    ],
)
def test_options_that_mean_nothing_are_refused_by_name(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options(["--port", "0", *arguments])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.enable_socket
def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        command = [sys.executable, "-m", "local.strict_kms", "--port", str(port)]

        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own

    assert ran.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr
