"""The local cloud: ministack, a strict KMS and a strict S3, behind fault injectors."""

import json
import os
import shutil
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .alarm_evaluation import MINUTE_SECONDS
from .environment import ACCOUNT, client_environment, client_settings, server_environment
from .faults import Faults
from .limits import Limits
from .object_store import ObjectStore
from .ports import LOOPBACK, free_ports, require_free
from .processes import READY_SECONDS, ChildProcess, Plan, end, launch
from .state import Addresses, CloudState

CALLS_TIMEOUT_SECONDS = 10.0
EVENTS_PATH = "/_local/events"
KMS_OPTIONS = ("--quotas", "aws")  # a drill that asks for import parameters too often would be throttled on AWS as well


class LocalCloud:
    """Runs as long as the `with` block, and never longer than this process, however that ends.

    `folder` is emptied first and holds everything the cloud writes: `logs/` stays, `run/` goes at the end.
    `kms_options` are those of `python -m local.strict_kms`, latency and quotas for two.
    `limits` are those that `local.cloud.account_limits` lists; `Limits.clear` goes back to AWS's.
    `alarm_minute_seconds` is how long a minute of the alarms' periods lasts.
    Raises PortBusyError for a `port` that is taken, StartError when a process does not become ready.
    """

    def __init__(
        self,
        *,
        folder: Path,
        port: int | None = None,
        kms_options: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
        alarm_minute_seconds: float = MINUTE_SECONDS,
    ) -> None:
        self._folder = folder.resolve()
        self._port = port
        self._options = CloudOptions((*KMS_OPTIONS, *kms_options), dict(limits or {}), alarm_minute_seconds)

    def __enter__(self) -> Self:
        self._lifeline = os.pipe()
        try:
            self._up(self._lifeline[0])
        except BaseException:
            self._cut_lifeline()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._down()
        finally:
            self._cut_lifeline()

    def start_detached(self) -> CloudState:
        """Leaves it running. Ended by `end` on the processes of the state."""
        self._up(None)
        for one in self._running:
            one.forget()
        return self.state

    @property
    def endpoint(self) -> str:
        return self.addresses.front

    @property
    def settings(self) -> dict[str, str]:
        """The AWS_ variables alone; for a client in this process."""
        return client_settings(self.addresses)

    @property
    def environment(self) -> dict[str, str]:
        """All of a child process's environment: this process's, with the cloud instead of the user's own AWS_*."""
        return client_environment(self.addresses, os.environ)

    @property
    def state(self) -> CloudState:
        return CloudState(self.addresses, tuple(one.process for one in self._running))

    def kms_calls(self) -> dict[str, dict[str, int]]:
        """Answered calls by Region and operation: {"us-east-1": {"Decrypt": 3}}."""
        calls: dict[str, dict[str, int]] = _read(f"{self.addresses.kms}/_strict_kms/calls")["calls"]
        return calls

    def messages(self) -> list[dict[str, Any]]:
        """What SNS topics have sent, the newest first; `at` is in seconds since 1970."""
        messages: list[dict[str, Any]] = _read(f"{self.addresses.messages}?format=json")["messages"]
        return messages

    def _up(self, lifeline: int | None) -> None:
        self._running: list[ChildProcess] = []
        self.addresses = _choose_addresses(self._port)
        self.faults = Faults(front=self.addresses.front, kms_front=self.addresses.kms_front)
        self.objects = ObjectStore(self.addresses.s3)
        self.limits = Limits(self.addresses.gateway)
        logs = _prepare(self._folder)
        environment = server_environment(self.addresses, os.environ, self._folder / "run")
        deadline = time.monotonic() + READY_SECONDS
        try:
            for plan in plans(self.addresses, self._options):
                self._running.append(launch(plan, environment=environment, logs=logs, lifeline=lifeline))
            for one in self._running:
                one.wait_until_ready(deadline)
        except BaseException:
            self._down()
            raise

    def _down(self) -> None:
        end([one.process for one in self._running])
        for one in self._running:
            one.reap()
        shutil.rmtree(self._folder / "run", ignore_errors=True)  # a worker may write until it is gone

    def _cut_lifeline(self) -> None:
        for descriptor in self._lifeline:
            os.close(descriptor)


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=CALLS_TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours, on loopback
        return json.load(answer)


@dataclass(frozen=True)
class CloudOptions:
    """What a cloud begins with."""

    kms: tuple[str, ...]
    limits: Mapping[str, float]
    alarm_minute_seconds: float


def plans(addresses: Addresses, options: CloudOptions) -> tuple[Plan, ...]:
    """In the order of starting: the slowest first, and all before the first is waited for."""
    events = f"{addresses.gateway}{EVENTS_PATH}"
    return (
        Plan(
            "ministack",
            f"{__package__}.gateway",
            (
                *(*_port(addresses.gateway), "--kms", addresses.kms, "--s3", addresses.s3),
                *("--limits", json.dumps(options.limits), "--alarm-minute", f"{options.alarm_minute_seconds:g}"),
            ),
            f"{addresses.gateway}/_local/health",
        ),
        Plan(
            "strict-kms",
            "local.strict_kms",
            ("--host", LOOPBACK, *_port(addresses.kms), "--account-id", ACCOUNT, "--events-url", events, *options.kms),
            f"{addresses.kms}/_strict_kms/health",
        ),
        Plan(
            "strict-s3",
            "local.strict_s3",
            # through the front, so that a region whose KMS is silent is silent for S3 as well
            (
                *("--host", LOOPBACK, *_port(addresses.s3), "--account-id", ACCOUNT),
                *("--kms-url", addresses.kms_front, "--events-url", events),
            ),
            f"{addresses.s3}/_strict_s3/health",
        ),
        _front("front", addresses.front, addresses.gateway),
        _front("front-kms", addresses.kms_front, addresses.gateway),
    )


def _front(name: str, address: str, upstream: str) -> Plan:
    arguments = (*_port(address), "--upstream", upstream)
    return Plan(name, f"{__package__}.front", arguments, f"{address}/_microburst/health")


def _port(address: str) -> tuple[str, str]:
    return "--port", address.rpartition(":")[2]


def _choose_addresses(port: int | None) -> Addresses:
    if port is not None:
        require_free(port)
    chosen = free_ports(5)
    if port is not None:
        chosen[0] = port
    front, kms_front, gateway, kms, s3 = (f"http://{LOOPBACK}:{one}" for one in chosen)
    return Addresses(front=front, kms_front=kms_front, gateway=gateway, kms=kms, s3=s3)


def _prepare(folder: Path) -> Path:
    """Empties what a former run left, and gives the folder of the logs."""
    shutil.rmtree(folder / "run", ignore_errors=True)
    logs = folder / "logs"
    for wanted in (folder / "run" / "tmp", logs):
        wanted.mkdir(parents=True, exist_ok=True)
    return logs
