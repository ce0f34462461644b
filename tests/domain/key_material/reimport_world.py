"""One region's keys, custody and ledger in memory, to import into."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from kms_failover.domain.key_material.material import (
    KeyMaterial,
    KeyView,
    LossKind,
    MaterialLoss,
    MaterialRecord,
)
from kms_failover.domain.key_material.ports import PlainMaterial, Ports
from kms_failover.domain.key_material.reimport import ReimportService, Run
from kms_failover.domain.key_material.reimport_request import EVERY_KEY, Loss, ReimportRequest
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.domain.key_set import KeySet
from kms_failover.errors import (
    ImportRefusedError,
    KeyNotReadyError,
    MaterialMissingError,
)

HERE = "eu-west-1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET_BYTES = b"the secret bytes of orders' key."
LAMBDA_SECONDS = 100.0


def arn(name: str, region: str = HERE) -> str:
    return f"arn:aws:kms:{region}:111122223333:key/of-{name}"


def key_set(name: str = "orders", origin: str = "EXTERNAL", region: str = HERE, **material: object) -> KeySet:
    return KeySet.model_validate(
        {
            "name": name,
            "members": [{"region": region, "arn": arn(name, region), "origin": origin}],
            "material": {"secret": f"material-of-{name}", **material},
        }
    )


@dataclass
class WorldKey:
    state: str = "PendingImport"
    valid_to: datetime | None = None
    material: bytes = b""
    settles_after: int = 0  # this many looks after an import still show PendingImport
    is_replica: bool = False
    others: tuple[KeyMaterial, ...] = ()  # materials beside the one in custody
    error: Exception | None = None  # of each import


@dataclass
class WorldKeys:
    """The port `MemberKeys`, with KMS's rules: only the bytes that were imported first are ever taken again."""

    keys: dict[str, WorldKey] = field(default_factory=dict)
    imports: list[tuple[str, bool]] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    pass_seconds: Callable[[float], None] = lambda _seconds: None
    after_import: Callable[[], None] = lambda: None

    def view(self, arn: str) -> KeyView:
        self.looked.append(arn)
        key, shown = self.keys[arn], self.describe(arn)
        if not key.material:
            return replace(shown, materials=key.others)
        own = KeyMaterial(material_id(key.material), "CURRENT", key.valid_to, imported=key.valid_to is not None)
        return replace(shown, materials=(own, *key.others))

    def describe(self, arn: str) -> KeyView:
        key = self.keys[arn]
        if key.state == "PendingImport" and key.valid_to is not None and all(one.imported for one in key.others):
            if key.settles_after <= 0:
                key.state = "Enabled"
            key.settles_after -= 1
        expiries = [key.valid_to, *(one.valid_to for one in key.others)]
        valid_to = min((expiry for expiry in expiries if expiry is not None), default=None)
        known = material_id(key.material) if key.material else ""
        return KeyView(key.state, valid_to, known, is_replica=key.is_replica)

    def import_material(self, arn: str, fetch: Callable[[], PlainMaterial], valid_to: datetime, *, first: bool) -> str:
        key = self.keys[arn]
        self.tried.append(arn)
        self.pass_seconds(1.1)
        if key.error is not None:
            raise key.error
        material = fetch()
        if (key.material == b"") != first or (key.material and key.material != material.value):
            raise ImportRefusedError("not this key's material")
        self.imports.append((arn, first))
        key.material, key.valid_to = material.value, valid_to
        self.after_import()
        return material_id(material.value)

    def make_sentinel(self, arn: str, context: dict[str, str]) -> bytes:
        self._expect_enabled(arn)
        return repr((self.keys[arn].material, sorted(context.items()))).encode()

    def opens_sentinel(self, arn: str, sentinel: bytes, context: dict[str, str]) -> bool:
        return sentinel == self.make_sentinel(arn, context)

    def lose(self, name: str = "orders") -> None:
        key = self.keys[arn(name)]
        self.keys[arn(name)] = replace(key, state="PendingImport", valid_to=None)

    def _expect_enabled(self, arn: str) -> None:
        if self.keys[arn].state != "Enabled":
            raise KeyNotReadyError(self.keys[arn].state)


@dataclass
class WorldCustody:
    held: dict[str, bytes] = field(default_factory=lambda: {"material-of-orders": SECRET_BYTES})

    def fetch(self, key_set: str, secret: str) -> PlainMaterial:
        if secret not in self.held:
            raise MaterialMissingError(f"no secret {secret!r} in {HERE}, for key set {key_set!r}")
        return PlainMaterial(self.held[secret])


@dataclass
class WorldLedger:
    records: dict[str, MaterialRecord] = field(default_factory=dict)
    lost: dict[tuple[str, LossKind], MaterialLoss] = field(default_factory=dict)

    def material(self, key_set: str, region: str) -> MaterialRecord | None:  # one region's ledger
        return self.records.get(key_set)

    def put_material(self, record: MaterialRecord) -> None:
        self.records[record.key_set] = record

    def losses(self, key_set: str, region: str) -> tuple[MaterialLoss, ...]:
        return tuple(loss for (name, _), loss in self.lost.items() if name == key_set)

    def put_loss(self, loss: MaterialLoss) -> None:
        self.lost[loss.key_set, loss.kind] = loss


@dataclass
class WorldLease:
    """`knocks_to_come`: so many rounds of the holder end with somebody having knocked."""

    held_by_another: bool = False
    knocks_to_come: int = 0
    knocked: int = 0
    held: bool = False
    taken_for: list[float] = field(default_factory=list)  # seconds

    def acquire(self, seconds: float) -> bool:
        self.taken_for.append(seconds)
        self.held = not self.held_by_another
        return self.held

    def knock(self) -> bool:
        self.knocked += 1
        return self.held_by_another

    def release(self) -> bool:
        self.knocks_to_come -= 1
        self.held = self.knocks_to_come >= 0
        return not self.held

    def give_up(self) -> None:
        self.held = False


@dataclass
class WorldTopic:
    published: list[tuple[str, str]] = field(default_factory=list)
    error: Exception | None = None

    def publish(self, subject: str, text: str) -> None:
        if self.error is not None:
            raise self.error
        self.published.append((subject, text))


class World:
    def __init__(self, *key_sets: KeySet) -> None:
        self.key_sets = key_sets or (key_set(),)
        self.keys = WorldKeys({arn(ks.name): WorldKey() for ks in self.key_sets})
        self.custody = WorldCustody({f"material-of-{ks.name}": SECRET_BYTES for ks in self.key_sets})
        self.ledger, self.lease, self.topic = WorldLedger(), WorldLease(), WorldTopic()
        self.now = NOW
        self.passed = 0.0  # seconds of this run
        self.slept: list[float] = []
        self.continued: list[int] = []
        self.keys.pass_seconds = self.pass_seconds
        ports = Ports(self.ledger, self.custody, self.keys, HERE, lambda: self.now)
        self.service = ReimportService(
            lambda: self.key_sets, ports, self.lease, self.topic, self.continued.append, self.sleep
        )

    def run(self, request: ReimportRequest = EVERY_KEY) -> list[Reimport]:
        return list(self.whole_run(request).results)

    def whole_run(self, request: ReimportRequest = EVERY_KEY) -> Run:
        self.passed = 0.0
        return self.service.run(request, self.seconds_left)

    def seconds_left(self) -> float:
        return LAMBDA_SECONDS - self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_seconds(seconds)

    def pass_seconds(self, seconds: float) -> None:
        self.passed += seconds

    def expire(self, name: str = "orders") -> None:
        self.now = max(self.now, self.keys.keys[arn(name)].valid_to or self.now)
        self.keys.lose(name)

    def later(self, days: float) -> None:
        self.now += timedelta(days=days)


def material_id(material: bytes) -> str:
    return material.hex()[:8]


def world_of(*names: str) -> World:
    return World(*(key_set(name) for name in names))


ALICE = "arn:aws:sts::111122223333:assumed-role/officer/alice"
FORCE = ReimportRequest(key_set="orders", force=True)


def deletion(by: str = ALICE) -> ReimportRequest:
    return ReimportRequest(key_id=arn("orders"), loss=Loss(LossKind.DELETED, NOW, by, "ab12"))
