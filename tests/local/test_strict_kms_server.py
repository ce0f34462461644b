"""The strict KMS over real HTTP on loopback."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.strict_kms import Installation, SettableClock, import_material
from local.strict_kms.delivery import EventPoster
from local.strict_kms.server import StrictKmsServer

pytestmark = pytest.mark.enable_socket
EAST, WEST = "us-east-1", "us-west-2"
MATERIAL = bytes(range(32))
PATIENCE_SECONDS = 10.0
ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def received() -> Iterator[tuple[str, Queue[Any]]]:
    """An event receiver that fails the first time, and what it took."""
    taken: Queue[Any] = Queue()
    failures = [503]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = failures.pop() if failures else 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if status == 200:
                taken.put(json.loads(body))

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/events", taken
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(clock: SettableClock, received: tuple[str, Queue[Any]]) -> Iterator[StrictKmsServer]:
    poster = EventPoster(received[0], first_pause_seconds=0.01)
    running = StrictKmsServer(Installation(clock=clock, sink=poster))
    running.start()
    yield running
    running.stop()
    poster.close()


@pytest.fixture
def client(server: StrictKmsServer) -> Iterator[Any]:
    with_region = connect(server.url, EAST)
    yield with_region
    with_region.close()


def connect(url: str, region: str) -> Any:
    return boto3.client(
        "kms", region_name=region, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test"
    )


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:  # noqa: S310 - our own server
        return json.load(response)


def post(server: StrictKmsServer, target: str, body: bytes, times: int = 1) -> list[tuple[int, Any]]:
    """Raw requests over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=PATIENCE_SECONDS)
    answers = []
    for _ in range(times):
        connection.request("POST", "/", body, {"X-Amz-Target": target})
        response = connection.getresponse()
        answers.append((response.status, json.loads(response.read())))
        assert response.version == 11
        assert not response.will_close
    connection.close()
    return answers


def test_the_region_is_that_of_the_signature(server: StrictKmsServer, client: Any) -> None:
    other = connect(server.url, WEST)

    east_arn, west_arn = (c.create_key()["KeyMetadata"]["Arn"] for c in (client, other))

    other.close()
    assert (east_arn.split(":")[3], west_arn.split(":")[3]) == (EAST, WEST)


WITHOUT_MESSAGE = frozenset({"InvalidCiphertextException"})  # facts 3.1


@pytest.mark.parametrize(
    ("operation", "arguments", "status", "code"),
    [
        ("describe_key", {"KeyId": "00000000-0000-0000-0000-000000000000"}, 400, "NotFoundException"),
        ("encrypt", {"KeyId": "{disabled}", "Plaintext": b"x"}, 400, "DisabledException"),
        ("encrypt", {"KeyId": "{pending}", "Plaintext": b"x"}, 400, "KMSInvalidStateException"),
        ("generate_data_key", {"KeyId": "{pending}"}, 400, "ValidationException"),
        ("decrypt", {"CiphertextBlob": b"nonsense"}, 400, "InvalidCiphertextException"),
        ("generate_data_key_pair", {"KeyId": "{pending}", "KeyPairSpec": "RSA_2048"}, 400, "UnknownOperationException"),
    ],
)
def test_errors_have_the_status_and_code_that_boto3_reads(
    client: Any, operation: str, arguments: dict[str, Any], status: int, code: str
) -> None:  # facts 3.1
    pending = client.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    disabled = client.create_key()["KeyMetadata"]["KeyId"]
    client.disable_key(KeyId=disabled)
    named = {"{pending}": pending, "{disabled}": disabled}
    filled = {name: named.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}

    with pytest.raises(ClientError) as refused:
        getattr(client, operation)(**filled)

    answer = refused.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (status, code)
    assert bool(answer["Error"]["Message"]) is (code not in WITHOUT_MESSAGE)


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        ("TrentService.Encrypt", b"{}", 400, "ValidationException"),
        ("TrentService.Encrypt", b"{", 400, "SerializationException"),
        ("TrentService.Encrypt", b"[]", 400, "SerializationException"),
        ("TrentService.Encrypt", b'{"KeyId": "x", "Plaintext": "%"}', 400, "SerializationException"),
        ("TrentService.CreateKey", b'{"Origin": "MOON"}', 400, "ValidationException"),
        ("TrentService.Nothing", b"{}", 400, "UnknownOperationException"),
        ("DynamoDB_20120810.ListTables", b"{}", 400, "UnknownOperationException"),
    ],
)
def test_malformed_requests_are_refused_and_the_connection_lives(
    server: StrictKmsServer, target: str, body: bytes, status: int, code: str
) -> None:
    for answered, described in post(server, target, body, times=3):
        assert (answered, described["__type"]) == (status, code)


def test_health_and_calls_are_answered(server: StrictKmsServer, client: Any) -> None:
    key = client.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(3):
        client.generate_data_key(KeyId=key, KeySpec="AES_256")
    client.disable_key(KeyId=key)
    with pytest.raises(ClientError):
        client.generate_data_key(KeyId=key, KeySpec="AES_256")

    assert get(f"{server.url}/_strict_kms/health") == {"status": "ok"}
    counted = get(f"{server.url}/_strict_kms/calls")["calls"][EAST]["GenerateDataKey"]
    assert counted == {"succeeded": 3, "failed": {"DisabledException": 1}}


def test_expiry_is_announced_without_any_call_and_delivery_is_retried(
    client: Any, clock: SettableClock, received: tuple[str, Queue[Any]]
) -> None:
    key = client.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    import_material(client, key, MATERIAL, ValidTo=clock.now + timedelta(days=1))

    clock.advance(timedelta(days=1))

    asked, imported, event = (received[1].get(timeout=PATIENCE_SECONDS) for _ in range(3))
    assert [e["detail"]["eventName"] for e in (asked, imported)] == ["GetParametersForImport", "ImportKeyMaterial"]
    assert (event["detail-type"], event["resources"]) == ("KMS Imported Key Material Expiration", [key])
    assert client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_concurrent_imports_deletions_and_encryptions_never_end_in_an_internal_error(
    server: StrictKmsServer, client: Any
) -> None:
    key = client.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    import_material(client, key, MATERIAL)

    def change(_: int) -> None:
        client.delete_imported_key_material(KeyId=key)
        import_material(client, key, MATERIAL)

    def use(_: int) -> str:
        try:
            made = client.generate_data_key(KeyId=key, KeySpec="AES_256")
            return (
                "ok"
                if client.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
                else "bad"
            )
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(4) as pool:
        used = pool.map(use, range(60))
        list(pool.map(change, range(10)))

    assert set(used) <= {"ok", "KMSInvalidStateException"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_and_ends_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "local.strict_kms", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[-1]
        client = connect(url, EAST)
        client.create_key()

        process.send_signal(number)

        assert process.wait(PATIENCE_SECONDS) == 0
    client.close()
