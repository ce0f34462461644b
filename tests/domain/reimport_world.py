"""One region's keys, custody and ledger in memory, to import into."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from kms_failover.domain.key_set import KeySet
from kms_failover.domain.material import MaterialRecord
from kms_failover.domain.reimport_request import ReimportRequest
from kms_failover.domain.reimporting import KeyView, PlainMaterial, Reimport, ReimportService
from kms_failover.errors import ImportRefusedError, KeyNotReadyError, MaterialMissingError

HERE = "eu-west-1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET_BYTES = b"the secret bytes of orders' key."


def arn(name: str, region: str = HERE) -> str:
    return f"arn:aws:kms:{region}:111122223333:key/of-{name}"


def key_set(name: str = "orders", origin: str = "EXTERNAL", region: str = HERE) -> KeySet:
    return KeySet.model_validate(
        {
            "name": name,
            "members": [{"region": region, "arn": arn(name, region), "origin": origin}],
            "material": {"secret": f"material-of-{name}"},
        }
    )


@dataclass
class WorldKey:
    state: str = "PendingImport"
    valid_to: datetime | None = None
    material: bytes = b""
    settles_after: int = 0  # this many looks after an import still show PendingImport


@dataclass
class WorldKeys:
    """The port `MemberKeys`, with KMS's rules: only the bytes that were imported first are ever taken again."""

    keys: dict[str, WorldKey] = field(default_factory=dict)
    imports: list[tuple[str, bool]] = field(default_factory=list)
    looks: int = 0
    after_import: Callable[[], None] = lambda: None

    def describe(self, arn: str) -> KeyView:
        key = self.keys[arn]
        if key.state == "PendingImport" and key.valid_to is not None:
            if key.settles_after <= 0:
                key.state = "Enabled"
            key.settles_after -= 1
        return KeyView(key.state, key.valid_to, material_id(key.material) if key.material else "")

    def import_material(self, arn: str, material: PlainMaterial, valid_to: datetime, *, first: bool) -> str:
        key = self.keys[arn]
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

    def expire(self, name: str = "orders") -> None:
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

    def material(self, key_set: str, region: str) -> MaterialRecord | None:  # one region's ledger
        return self.records.get(key_set)

    def put_material(self, record: MaterialRecord) -> None:
        self.records[record.key_set] = record


class World:
    def __init__(self, *key_sets: KeySet) -> None:
        self.key_sets = key_sets or (key_set(),)
        self.keys = WorldKeys({arn(ks.name): WorldKey() for ks in self.key_sets})
        self.custody = WorldCustody({f"material-of-{ks.name}": SECRET_BYTES for ks in self.key_sets})
        self.ledger = WorldLedger()
        self.now = NOW
        self.slept: list[float] = []
        self.service = ReimportService(
            lambda: self.key_sets, self.ledger, self.custody, self.keys, HERE, lambda: self.now, self.slept.append
        )

    def run(self, request: ReimportRequest = ReimportRequest()) -> list[Reimport]:  # noqa: B008  # it is frozen
        return list(self.service.run(request))

    def later(self, days: float) -> None:
        self.now += timedelta(days=days)


def material_id(material: bytes) -> str:
    return material.hex()[:8]
