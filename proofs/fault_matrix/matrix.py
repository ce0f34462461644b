"""The fault matrix: each fault, in the first, the last and every region, against each operation, over real sockets."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kms_failover import FailoverKms
from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from proofs.fault_matrix.faults import FLAP_SECONDS, Fault, Meaning
from proofs.fault_matrix.faulty_kms import region

REGIONS = FIRST, MIDDLE, LAST = ("us-east-1", "us-west-2", "eu-west-1")
PLACES = {"first": (FIRST,), "last": (LAST,), "every": REGIONS}
OPERATIONS = ("generate", "encrypt", "decrypt", "rewrap")
CONTEXT = {"order": "42"}
MESSAGE = b"a message"
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@dataclass(frozen=True)
class Outcome:
    """`error` is its class or AWS code, empty for success; `calls` by region; `seconds` of the slowest request."""

    error: str
    missing: tuple[str, ...]
    seconds: float
    calls: dict[str, int]
    requests: int = 1


class Kms:
    """The healthy KMS behind all regions: three keys, a full bundle, and one that lacks the middle region."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self.url, self.behind = url, (host, int(port))
        self.session = boto3.Session(**CREDENTIALS)
        clients = {name: self.client(name, url) for name in REGIONS}
        arns = {name: client.create_key()["KeyMetadata"]["Arn"] for name, client in clients.items()}
        members = tuple(MemberKey(region=name, arn=arn) for name, arn in arns.items())
        self.key_set = KeySet(name="orders", members=members)
        with self.failover(dict.fromkeys(REGIONS, url), Settings()) as kms:
            self.made = kms.generate_data_key(KeyId="orders", KeySpec="AES_256", EncryptionContext=CONTEXT)
        full = Bundle.parse(self.made["CiphertextBlob"])
        assert len(full.wraps) == len(REGIONS), "the healthy KMS did not make every wrap"
        kept = tuple(wrap for wrap in full.wraps if wrap.region != MIDDLE)
        self.incomplete = bytes(Bundle(full.key_set, full.kind, full.commitment, kept))

    def client(self, name: str, url: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=3)
        return self.session.client("kms", region_name=name, endpoint_url=url, config=config)

    @contextmanager
    def failover(self, endpoints: dict[str, str], settings: Settings) -> Iterator[FailoverKms]:
        own = Settings(**{**_fields(settings), "endpoints": endpoints})
        with FailoverKms.connect(
            FIRST, None, (self.key_set,), regions=REGIONS, settings=own, session=self.session
        ) as kms:
            yield kms


def run(kms: Kms, fault: Fault, operation: str, place: str, folder: Path, settings: Settings) -> Outcome:
    """One cell: a cold client, one request; for a fault that comes and goes, requests until it has been both."""
    calls: Counter[str] = Counter()
    with ExitStack() as stack:
        endpoints = {
            name: stack.enter_context(
                fault.region(kms.behind, folder) if name in PLACES[place] else region(kms.behind, lambda *_: None)
            )
            for name in REGIONS
        }
        failover = stack.enter_context(kms.failover(endpoints, settings))
        for (
            name,
            one,
        ) in failover._connection.kms.items():  # the calls that leave this process, whatever becomes of them
            one.client.meta.events.register("before-send.kms", lambda name=name, **_event: calls.update([name]))
        outcome = _request(kms, failover, operation, calls)
        until = time.monotonic() + 2 * FLAP_SECONDS if fault.name.startswith("flapping") else 0.0
        while not outcome.error and time.monotonic() < until:
            time.sleep(0.2)
            latest = _request(kms, failover, operation, calls)
            slowest = max(outcome.seconds, latest.seconds)
            outcome = Outcome(latest.error, latest.missing, slowest, dict(calls), outcome.requests + 1)
    return outcome


def error_of_boto3(kms: Kms, fault: Fault, operation: str, folder: Path) -> str:
    """What the boto3 client says to the same fault, in one region, on its first attempt."""
    with fault.region(kms.behind, folder) as url:
        client, key_id = kms.client(FIRST, url), kms.key_set.members[0].arn
        calls: dict[str, Callable[[], Any]] = {
            "generate": lambda: client.generate_data_key(KeyId=key_id, KeySpec="AES_256"),
            "encrypt": lambda: client.encrypt(KeyId=key_id, Plaintext=MESSAGE),
            "decrypt": lambda: client.decrypt(KeyId=key_id, CiphertextBlob=b"blob"),
        }
        try:
            calls[operation]()
        except (ClientError, BotoCoreError) as error:
            return name_of(error)
    return ""


def expected(fault: Fault, operation: str, place: str) -> tuple[bool, tuple[str, ...]]:
    """Whether it succeeds, and the regions that may then lack a wrap."""
    wire = {"generate": ("GenerateDataKey",), "encrypt": ("Encrypt",), "decrypt": ("Decrypt",), "rewrap": ("Decrypt",)}
    if fault.meaning is Meaning.NONE or not any(fault.breaks(name) for name in wire[operation]):
        return True, PLACES[place] if fault.meaning is Meaning.NONE else ()
    if place == "every":
        return False, ()
    if place == "first" and fault.meaning in {Meaning.CALLER, Meaning.THROTTLE}:
        return False, ()
    makes_wraps = operation in {"generate", "encrypt"} and fault.breaks("Encrypt")
    return True, PLACES[place] if makes_wraps else ()


def name_of(error: Exception) -> str:
    """The AWS code; the status where there is none; the class where nothing was answered."""
    if isinstance(error, ClientError):
        return error.response["Error"].get("Code") or str(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return type(error).__name__


def _request(kms: Kms, failover: FailoverKms, operation: str, calls: Counter[str]) -> Outcome:
    started = time.monotonic()
    try:
        answer = _perform(kms, failover, operation)
    except (ClientError, BotoCoreError) as error:
        return Outcome(name_of(error), (), time.monotonic() - started, dict(calls))
    missing = tuple(answer["KmsFailover"]["MissingRegions"])
    return Outcome("", missing, time.monotonic() - started, dict(calls))


def _perform(kms: Kms, failover: FailoverKms, operation: str) -> dict[str, Any]:
    """Raises AssertionError if an answer is not the right one."""
    if operation == "generate":
        answer = failover.generate_data_key(KeyId="orders", KeySpec="AES_256", EncryptionContext=CONTEXT)
        _expect_opens(kms, answer["CiphertextBlob"], answer["Plaintext"])
    elif operation == "encrypt":
        answer = failover.encrypt(KeyId="orders", Plaintext=MESSAGE, EncryptionContext=CONTEXT)
        _expect_opens(kms, answer["CiphertextBlob"], MESSAGE)
    elif operation == "decrypt":
        answer = failover.decrypt(CiphertextBlob=kms.made["CiphertextBlob"], EncryptionContext=CONTEXT)
        assert answer["Plaintext"] == kms.made["Plaintext"]
    else:
        answer = failover.rewrap(CiphertextBlob=kms.incomplete, EncryptionContext=CONTEXT)
        _expect_opens(kms, answer["CiphertextBlob"], kms.made["Plaintext"])
    return answer


def _expect_opens(kms: Kms, blob: bytes, plaintext: bytes) -> None:
    """Every wrap by itself, in a world without faults."""
    bundle = Bundle.parse(blob)
    with kms.failover(dict.fromkeys(REGIONS, kms.url), Settings()) as healthy:
        for wrap in bundle.wraps:
            alone = Bundle(bundle.key_set, bundle.kind, bundle.commitment, (wrap,))
            opened = healthy.decrypt(CiphertextBlob=bytes(alone), EncryptionContext=CONTEXT)
            assert opened["Plaintext"] == plaintext


def _fields(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}
