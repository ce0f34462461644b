"""What a case works with: clients of two Regions, keys, material, time, and the words for what it expects."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.strict_kms import aws_rate, import_material
from local.strict_kms.owner import wrap

from .behaviour import NotOfferedError
from .targets import Target

OAEP = "RSAES_OAEP_SHA_256"
DAY = timedelta(days=1)
TAG = "kms-failover-conformance"
SHORTEST_WINDOW_DAYS = 7  # before a key is deleted; kms:ScheduleKeyDeletion
PAUSE_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 120.0
MISSING_CALLS = frozenset(
    {"UnknownOperationException", "InvalidAction", "NotImplemented", "NotImplementedException", "UnsupportedOperation"}
)


def says_not_offered(error: BaseException) -> str | None:
    """Why, where the error means that the endpoint does not have the call at all."""
    if isinstance(error, NotOfferedError):
        return str(error)
    if isinstance(error, NotImplementedError):  # plain moto, in process
        return "the endpoint lacks the call"
    if isinstance(error, ClientError):
        code, status = code_of(error), error.response["ResponseMetadata"].get("HTTPStatusCode")
        if code in MISSING_CALLS or status == 501:
            return f"the endpoint lacks {error.operation_name}"
    return None


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


class World:
    """One for each case. Keys that it makes are tagged, and go with it where the endpoint would keep them."""

    def __init__(self, target: Target, clients: Callable[[str], Any], run: str) -> None:
        self.target = target
        self.here, self.away = clients(target.home), clients(target.away)
        self._run = run
        self._keys: list[tuple[Any, str]] = []

    # --- keys and material --------------------------------------------------------------------------------------

    def key(self, client: Any = None, **options: Any) -> str:
        """The ARN of a new key, here unless said otherwise; usable at once."""
        client = client or self.here
        tags = [{"TagKey": TAG, "TagValue": self._run}]
        arn: str = client.create_key(Tags=tags, Description="conformance", **options)["KeyMetadata"]["Arn"]
        self._keys.append((client, arn))
        self._until_known(client, arn)
        return arn

    def external_key(self, client: Any = None, **options: Any) -> str:
        return self.key(client, Origin="EXTERNAL", **options)

    def imported_key(self, client: Any = None, material: bytes | None = None, **options: Any) -> tuple[str, str]:
        """A symmetric EXTERNAL key with one material that does not expire, and the id of the material."""
        arn = self.external_key(client, **options)
        return arn, self.give(arn, material or os.urandom(32), client)

    def give(self, arn: str, material: bytes, client: Any = None, **options: Any) -> str:
        """Imports; without ValidTo or ExpirationModel it does not expire. Returns the material id, if there is one."""
        return import_material(client or self.here, arn, material, **options)

    def parameters(self, arn: str, client: Any = None, algorithm: str = OAEP, spec: str = "RSA_2048") -> Any:
        return (client or self.here).get_parameters_for_import(
            KeyId=arn, WrappingAlgorithm=algorithm, WrappingKeySpec=spec
        )

    def replicate(self, arn: str, **options: Any) -> str:
        """The ARN of the replica in the other Region."""
        tags = [{"TagKey": TAG, "TagValue": self._run}]
        answer = self.here.replicate_key(KeyId=id_of(arn), ReplicaRegion=self.target.away, Tags=tags, **options)
        replica: str = answer["ReplicaKeyMetadata"]["Arn"]
        self.remember(self.away, replica)
        self._until_known(self.away, replica)
        self.eventually(lambda: self.state(replica, self.away) != "Creating", "the replica is still Creating")
        return replica

    def remember(self, client: Any, replica: str) -> None:
        """For a replica that a case made by itself. It has to go before its primary."""
        self._keys.insert(0, (client, replica))

    def describe(self, arn: str, client: Any = None) -> dict[str, Any]:
        described: dict[str, Any] = (client or self.here).describe_key(KeyId=arn)["KeyMetadata"]
        return described

    def state(self, arn: str, client: Any = None) -> str:
        return str(self.describe(arn, client)["KeyState"])

    def materials(self, arn: str, client: Any = None, include: str = "ALL_KEY_MATERIAL") -> dict[str, dict[str, Any]]:
        """The entries of ListKeyRotations by material id, in the order of the answer."""
        listed = (client or self.here).list_key_rotations(KeyId=arn, IncludeKeyMaterial=include)["Rotations"]
        if any("KeyMaterialId" not in entry for entry in listed):
            raise AssertionError("ListKeyRotations names no materials")
        return {entry["KeyMaterialId"]: entry for entry in listed}

    def material_states(self, arn: str, client: Any = None) -> dict[str, str]:
        return {name: entry["KeyMaterialState"] for name, entry in self.materials(arn, client).items()}

    def _until_known(self, client: Any, arn: str) -> None:
        if self.target.patience_seconds:
            self.eventually(lambda: _knows(client, arn), "the new key is not known")

    # --- expectations -------------------------------------------------------------------------------------------

    def refused(self, codes: str | tuple[str, ...], call: Callable[..., Any], **arguments: Any) -> ClientError:
        """The call must be refused with one of the codes; AWS may take its time to come to that."""
        wanted = (codes,) if isinstance(codes, str) else codes
        deadline = time.monotonic() + self.target.patience_seconds
        while True:
            error = _error_of(call, arguments)
            if error is not None and code_of(error) in wanted:
                return error
            if time.monotonic() >= deadline:
                break
            time.sleep(PAUSE_SECONDS)
        got = "accepted" if error is None else f"refused with {code_of(error)}"
        raise AssertionError(f"{got}; AWS refuses with {' or '.join(wanted)}")

    def in_state(self, arn: str, wanted: str, client: Any = None) -> None:
        """The key must be in the state, or come into it where the endpoint is eventually consistent."""
        self.eventually(lambda: self.state(arn, client) == wanted, lambda: f"{self.state(arn, client)}; AWS: {wanted}")

    def eventually(self, holds: Callable[[], bool], otherwise: str | Callable[[], str]) -> None:
        deadline = time.monotonic() + self.target.patience_seconds
        while not holds():
            if time.monotonic() >= deadline:
                raise AssertionError(otherwise if isinstance(otherwise, str) else otherwise())
            time.sleep(PAUSE_SECONDS)

    # --- time ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """Where the clock cannot be set, the moment at which the case first asked: two looks at it agree."""
        return self._began if self.target.clock is None else self.target.clock.now

    @cached_property
    def _began(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    @cached_property
    def shortly(self) -> datetime:
        """An expiry to wait for: a day ahead on a clock that can be set, else some seconds."""
        if self.target.clock is not None:
            return self.now + DAY
        return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=60 if self.target.patience_seconds else 3)

    def pass_until(self, moment: datetime) -> None:
        """Sets the clock, or waits, if that is not too long."""
        if self.target.clock is not None:
            self.target.clock.now = max(self.target.clock.now, moment)
            return
        seconds = (moment - datetime.now(UTC)).total_seconds()
        if seconds > LONGEST_WAIT_SECONDS:
            raise NotOfferedError("needs a clock that can be set")
        time.sleep(max(0.0, seconds) + PAUSE_SECONDS)

    def needs_settable_clock(self) -> None:
        if self.target.clock is None:
            raise NotOfferedError("needs a clock that can be set")

    @cached_property
    def impatient(self) -> Any:
        """A client that shows a throttle instead of waiting it out."""
        return self.target.connect_impatiently(self.target.home)

    # --- events and quotas --------------------------------------------------------------------------------------

    def events(self, detail_type: str, arn: str) -> list[dict[str, Any]]:
        """All events of the type about the key, oldest first."""
        if self.target.installation is None:
            raise NotOfferedError("needs events that can be read")
        return [
            event
            for event in self.target.installation.events
            if event["detail-type"] == detail_type and arn in (event["resources"] or [_trailed_key(event)])
        ]

    @contextmanager
    def aws_quotas(self) -> Iterator[None]:
        """Switched on where they can be switched; elsewhere they are as they are."""
        if self.target.quotas is None:
            yield
            return
        before, self.target.quotas.rates = self.target.quotas.rates, aws_rate
        try:
            yield
        finally:
            self.target.quotas.rates = before

    # --- the end ------------------------------------------------------------------------------------------------

    def clean_up(self) -> list[str]:
        """Schedules the deletion of its keys where they would stay. Returns what could not be done."""
        if not self.target.keeps_keys:
            return []
        problems = []
        for client, arn in self._keys:
            try:
                client.schedule_key_deletion(KeyId=id_of(arn), PendingWindowInDays=SHORTEST_WINDOW_DAYS)
            except (ClientError, BotoCoreError) as error:
                if not self._is_going(client, arn):
                    problems.append(f"{arn} stays: {error}")
        return problems

    def _is_going(self, client: Any, arn: str) -> bool:
        try:
            return self.state(arn, client) in ("PendingDeletion", "PendingReplicaDeletion")
        except ClientError as error:
            return code_of(error) == "NotFoundException"
        except BotoCoreError:
            return False


def id_of(arn: str) -> str:
    """The key's id, where a case is not about how the key is named: every call takes ids, not every endpoint ARNs."""
    return arn.rpartition("/")[2]


def wrapped(answer: Any, material: bytes, algorithm: str = OAEP) -> dict[str, bytes]:
    """The two members of ImportKeyMaterial that come of the answer of GetParametersForImport."""
    blob = wrap(answer["PublicKey"], algorithm, material)
    return {"ImportToken": answer["ImportToken"], "EncryptedKeyMaterial": blob}


def flipped(blob: bytes, place: int = -1) -> bytes:
    """The same bytes with one bit changed."""
    changed = bytearray(blob)
    changed[place] ^= 1
    return bytes(changed)


def _error_of(call: Callable[..., Any], arguments: dict[str, Any]) -> ClientError | None:
    try:
        call(**arguments)
    except ClientError as error:
        if (reason := says_not_offered(error)) is not None:
            raise NotOfferedError(reason) from error
        return error
    return None


def _knows(client: Any, arn: str) -> bool:
    try:
        client.describe_key(KeyId=arn)
    except ClientError as error:
        if code_of(error) == "NotFoundException":
            return False
        raise
    return True


def _trailed_key(event: dict[str, Any]) -> str:
    return str(event["detail"]["resources"][0]["ARN"])
