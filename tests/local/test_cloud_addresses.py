"""Ports, and the environment of child processes."""

import socket

import pytest
from pytest_socket import enable_socket

from local.cloud.environment import client_environment, server_environment
from local.cloud.faults import Faults, silence_rule
from local.cloud.ports import LOOPBACK, PortBusyError, free_ports, require_free
from local.cloud.state import Addresses

ADDRESSES = Addresses(
    front="http://127.0.0.1:1",
    kms_front="http://127.0.0.1:2",
    gateway="http://127.0.0.1:3",
    kms="http://127.0.0.1:4",
    s3="http://127.0.0.1:5",
)
USERS_OWN = {
    "PATH": "/bin",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "token",
    "AWS_ENDPOINT_URL_S3": "https://s3.example",
    "aws_default_region": "eu-west-1",
    "PYTHONPATH": "layers/shared",
    "HTTPS_PROXY": "http://proxy.example",
    "NO_PROXY": "intranet.example",
}


@pytest.fixture
def _sockets() -> None:
    enable_socket()


@pytest.mark.usefixtures("_sockets")
def test_a_taken_port_is_refused_in_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PortBusyError, match=rf"^Port {port} on 127\.0\.0\.1 is taken; .*\.$"):
            require_free(port)


@pytest.mark.usefixtures("_sockets")
def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(20)

    assert len(set(ports)) == 20
    for port in ports:
        require_free(port)


def test_nothing_of_the_users_own_aws_settings_reaches_a_client() -> None:
    seen = client_environment(ADDRESSES, USERS_OWN)

    assert "AWS_PROFILE" not in seen
    assert "AWS_SESSION_TOKEN" not in seen
    assert "AWS_ENDPOINT_URL_S3" not in seen
    assert "aws_default_region" not in seen
    assert seen["AWS_ENDPOINT_URL"] == ADDRESSES.front
    assert seen["AWS_ENDPOINT_URL_KMS"] == ADDRESSES.kms_front
    assert seen["AWS_CONFIG_FILE"] == "/dev/null"


def test_a_client_keeps_its_proxy_but_goes_to_loopback_directly() -> None:
    seen = client_environment(ADDRESSES, USERS_OWN)

    assert seen["HTTPS_PROXY"] == "http://proxy.example"
    assert seen["NO_PROXY"].split(",") == ["intranet.example", "127.0.0.1", "localhost"]


def test_a_function_cannot_import_from_the_repository(tmp_path: object) -> None:
    seen = server_environment(ADDRESSES, USERS_OWN, tmp_path)  # type: ignore[arg-type]  # only printed

    assert "PYTHONPATH" not in seen
    assert seen["AUTH"] == "true"
    assert seen["GATEWAY_PORT"] == "3"


@pytest.mark.parametrize(
    ("service", "fronts"),
    [("kms", {"kms"}), ("s3", {"all"}), ("*", {"all", "kms"})],
)
def test_a_rule_goes_to_the_fronts_its_service_is_behind(
    monkeypatch: pytest.MonkeyPatch, service: str, fronts: set[str]
) -> None:
    asked: list[tuple[str, str, str, object]] = []
    monkeypatch.setattr("local.cloud.faults._control", lambda *call: asked.append(call))

    Faults(front="all", kms_front="kms").silence(service, "us-east-1")

    assert {call[0] for call in asked} == fronts
    assert {call[1:3] for call in asked} == {("PATCH", "rules")}


def test_what_is_lifted_is_what_was_silenced(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str, object]] = []
    monkeypatch.setattr("local.cloud.faults._control", lambda *call: asked.append(call))

    with Faults(front="all", kms_front="kms").silenced("kms", "us-east-1"):
        pass

    assert [call[1] for call in asked] == ["PATCH", "DELETE"]
    assert asked[0][3] == asked[1][3] == [silence_rule("kms", "us-east-1")]
