"""Steady data-key traffic from both regions, through the function and through the library, every plaintext checked."""

import base64
import functools
import hashlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kms_failover import FailoverKms
from proofs.drill.aws import Aws, FunctionFailedError
from proofs.drill.places import DEPLOYMENT, KEY_SET, OTHER, REGIONS

THREADS_EACH = 2  # per region and client, so that a slow call does not hold up the ones that follow
PACE_SECONDS = 1.0  # between two requests of a thread: 2 regions x 2 clients x 2 threads are 8 requests a second
KEPT = 400  # earlier data keys to open again


@dataclass(frozen=True)
class Record:
    """One request; `at` is when it began. `outcome` is `ok` or the error's code."""

    at: float
    milliseconds: float
    client: str
    region: str
    operation: str
    outcome: str
    rerouted: bool = False
    degraded: bool = False

    @property
    def failed(self) -> bool:
        return self.outcome != "ok"


@dataclass
class KeptKey:
    """A data key to open again later: what it was is known by its hash only. `lacks` are regions without a wrap."""

    blob: bytes
    digest: str
    context: dict[str, str]
    lacks: list[str]


class Client(Protocol):
    """Both answer as KMS does, with bytes."""

    def generate(self, context: dict[str, str]) -> dict[str, Any]: ...
    def decrypt(self, blob: bytes, context: dict[str, str]) -> dict[str, Any]: ...
    def rewrap(self, blob: bytes, context: dict[str, str]) -> dict[str, Any]: ...


class Library:
    """As any service that attaches the layer uses it."""

    def __init__(self, region: str) -> None:
        self.kms = FailoverKms.connect(region=region, deployment=DEPLOYMENT, regions=REGIONS)

    def generate(self, context: dict[str, str]) -> dict[str, Any]:
        return self.kms.generate_data_key(KeyId=KEY_SET, KeySpec="AES_256", EncryptionContext=context)

    def decrypt(self, blob: bytes, context: dict[str, str]) -> dict[str, Any]:
        return self.kms.decrypt(KeyId=KEY_SET, CiphertextBlob=blob, EncryptionContext=context)

    def rewrap(self, blob: bytes, context: dict[str, str]) -> dict[str, Any]:
        return self.kms.rewrap(KeyId=KEY_SET, CiphertextBlob=blob, EncryptionContext=context)


class Function:
    """As callers without the library use it: an Invoke of data_keys in their own region."""

    def __init__(self, aws: Aws, region: str) -> None:
        self._aws = aws
        self._region = region

    def generate(self, context: dict[str, str]) -> dict[str, Any]:
        return self._ask({"Operation": "GenerateDataKey", "KeySpec": "AES_256", "EncryptionContext": context})

    def decrypt(self, blob: bytes, context: dict[str, str]) -> dict[str, Any]:
        encoded = base64.b64encode(blob).decode()
        return self._ask({"Operation": "Decrypt", "CiphertextBlob": encoded, "EncryptionContext": context})

    def rewrap(self, blob: bytes, context: dict[str, str]) -> dict[str, Any]:
        encoded = base64.b64encode(blob).decode()
        return self._ask({"Operation": "Rewrap", "CiphertextBlob": encoded, "EncryptionContext": context})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._aws.invoke("data-keys", self._region, {"KeyId": KEY_SET, **request})
        if "Error" in answer:
            raise FunctionFailedError(answer["Error"]["Code"])
        blobs = ("Plaintext", "CiphertextBlob")
        return {name: base64.b64decode(value) if name in blobs else value for name, value in answer.items()}


class Traffic:
    """Starts with `start`, ends with `stop`; `records` grows meanwhile."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._libraries: list[Library] = []
        self._kept: deque[KeptKey] = deque(maxlen=KEPT)
        self.records: list[Record] = []  # list.append is atomic
        self.began: float | None = None

    def start(self) -> None:
        self.began = time.time()
        for region in REGIONS:
            library = Library(region)
            self._libraries.append(library)
            for name, client in (("function", Function(self._aws, region)), ("library", library)):
                for _ in range(THREADS_EACH):
                    order = len(self._threads)
                    arguments = (name, region, client, order)
                    self._threads.append(threading.Thread(target=self._run, args=arguments, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=30.0)
        for library in self._libraries:
            library.kms.close()

    @property
    def lacking(self) -> list[KeptKey]:
        """Data keys that some region cannot open. The service knows the debts of objects; these are their owner's."""
        return [kept for kept in list(self._kept) if kept.lacks]

    def complete(self, kept: KeptKey) -> None:
        """What an owner of data keys does with one that was degraded when it was made: has it rewrapped, later."""
        client: Client = self._libraries[0] if len(kept.blob) % 2 else Function(self._aws, OTHER)
        answer = client.rewrap(kept.blob, kept.context)
        kept.blob, kept.lacks = answer["CiphertextBlob"], answer["KmsFailover"]["MissingRegions"]

    def _run(self, name: str, region: str, client: Client, order: int) -> None:
        """By turns makes a data key and opens a random earlier one, whoever made it; threads ask one after another."""
        pick = random.Random(order)  # noqa: S311 - which earlier key to open is no secret
        # one half makes a key while the other opens one, so that each second has as much of both
        due = time.monotonic() + order * PACE_SECONDS / len(self._threads) + order % 2 * PACE_SECONDS
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            self._request(name, region, "GenerateDataKey", lambda: self._generate(client))
            due = self._next(due)
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                return
            if earlier := list(self._kept):
                chosen = pick.choice(earlier)
                self._request(name, region, "Decrypt", functools.partial(_open, client, chosen))
            due = self._next(due)

    @staticmethod
    def _next(due: float) -> float:
        """The pace is kept, but a slow answer is not made up for by a burst."""
        return max(due + PACE_SECONDS, time.monotonic())

    def _generate(self, client: Client) -> dict[str, Any]:
        context = dict(CONTEXT_OF_TRAFFIC)
        answer = client.generate(context)
        digest = hashlib.sha256(answer["Plaintext"]).hexdigest()
        self._kept.append(KeptKey(answer["CiphertextBlob"], digest, context, answer["KmsFailover"]["MissingRegions"]))
        return answer

    def _request(self, name: str, region: str, operation: str, ask: Callable[[], dict[str, Any]]) -> None:
        at, begun = time.time(), time.monotonic()
        facts: dict[str, Any] = {}
        try:
            facts = ask()["KmsFailover"]
            outcome = "ok"
        except Exception as error:  # noqa: BLE001 - any error a caller would have seen is a failed request, by its name
            outcome = _code(error)
        milliseconds = (time.monotonic() - begun) * 1000
        rerouted, degraded = bool(facts.get("Rerouted")), bool(facts.get("Degraded"))
        self.records.append(Record(at, milliseconds, name, region, operation, outcome, rerouted, degraded))


CONTEXT_OF_TRAFFIC = {"purpose": "drill traffic"}


class WrongPlaintextError(Exception):
    """A data key opened to something else than was generated."""


def _open(client: Client, kept: KeptKey) -> dict[str, Any]:
    answer = client.decrypt(kept.blob, kept.context)
    if hashlib.sha256(answer["Plaintext"]).hexdigest() != kept.digest:
        raise WrongPlaintextError
    return answer


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", type(error).__name__))
    return str(error) if isinstance(error, FunctionFailedError) else type(error).__name__
