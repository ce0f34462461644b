"""The deployed reimport function against the strict KMS, custody, state table and topic of moto; and its `status`."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from functions.reimport import handler
from kms_failover import bootstrap
from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.transport_logs import TRANSPORT
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.runbook.status import view
from kms_failover_command.answer_text import text
from local.strict_kms import Installation, ReusedPairs, mock_strict_kms, settle_all
from local.strict_kms.owner import import_material
from tests.adapters.tables import create_state_table
from tests.functions.lambdas import Context, forget_warm_environments
from tests.key_watch import forms_of

HERE, THERE = "eu-west-1", "eu-central-1"
ACCOUNT = "123456789012"  # moto's
BYTES = b"the secret bytes of orders' key."
OTHER_BYTES = BYTES[::-1]
DELETED = "DeleteImportedKeyMaterial"
EXPIRED = "KMS Imported Key Material Expiration"
START = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
PAIRS = ReusedPairs(2)
NOTHING: dict[str, Any] = {}
ORDER = {"key_set": "orders", "force": True}


@dataclass
class LambdaContext(Context):
    def get_remaining_time_in_millis(self) -> int:
        return 100_000


@dataclass
class Deployed:
    installation: Installation
    capture: pytest.CaptureFixture[str]
    now: datetime = START
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kms: Any = boto3.client("kms", region_name=HERE)
        self.secrets: Any = boto3.client("secretsmanager", region_name=HERE)
        self.secrets.create_secret(Name="prod/orders", SecretBinary=BYTES)
        self.state = StateTable(create_state_table(HERE), HERE)
        topics: Any = boto3.client("sns", region_name=HERE)
        topics.create_topic(Name="prod-changes")
        self.arn: str = self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
        self.apply()

    def apply(self, **material: object) -> None:
        member = {"region": HERE, "arn": self.arn, "origin": "EXTERNAL"}
        kept = {"name": "orders", "members": [member], "material": {"secret": "prod/orders", **material}}
        self.key_set = KeySet.model_validate(kept)
        self.state.put_key_set(self.key_set)

    def run(self, event: dict[str, Any] = NOTHING) -> tuple[dict[str, Any], list[str]]:
        """The answer's one entry, and the names of what was measured."""
        self.capture.readouterr()
        context: Any = LambdaContext(f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:prod-reimport")
        (answer,) = handler.lambda_handler(event, context)
        blobs = [json.loads(line) for line in self.capture.readouterr().out.splitlines() if "_aws" in line]
        return answer, [blob["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for blob in blobs]

    def event(self, name: str) -> dict[str, Any]:
        return [e for e in self.installation.events if name in {e["detail-type"], e["detail"].get("eventName")}][-1]

    def key_state(self) -> str:
        settle_all()
        return str(self.kms.describe_key(KeyId=self.arn)["KeyMetadata"]["KeyState"])

    def status(self) -> list[str]:
        return text(
            view(self.state, self.key_set, self.now).json_ready() | {"Unreadable": [], "RefusedMembers": []}
        ).splitlines()

    def material_line(self) -> str:
        return next(line for line in self.status() if line.startswith("  material"))

    def rotate(self, valid_days: int = 300) -> None:
        """To bytes that custody does not have."""
        valid_to = self.now + timedelta(days=valid_days)
        options: dict[str, Any] = {"ImportType": "NEW_KEY_MATERIAL", "ValidTo": valid_to}
        import_material(self.kms, self.arn, OTHER_BYTES, ExpirationModel="KEY_MATERIAL_EXPIRES", **options)
        self.kms.rotate_key_on_demand(KeyId=self.arn)

    def messages(self) -> list[str]:
        return self.told


@pytest.fixture
def prod(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Iterator[Deployed]:
    """A parameter says whether a fresh replica shows the id of the primary's material, which is UNCONFIRMED of AWS."""
    shows_id: bool = getattr(request, "param", True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    made: list[Deployed] = []
    with mock_strict_kms(
        clock=lambda: made[0].now if made else START, key_pairs=PAIRS, replicas_show_material_id=shows_id
    ) as installation:
        made.append(Deployed(installation, capsys))
        monkeypatch.setattr(bootstrap, "now", lambda: made[0].now)
        sns = _listening(made[0].told)
        monkeypatch.setattr(bootstrap, "_impatient", lambda service, place: sns(service, place.region))
        forget_warm_environments()
        yield made[0]
        forget_warm_environments()


def _listening(told: list[str]) -> Any:
    def client(service: str, region: str) -> Any:
        made = boto3.client(service, region_name=region)  # type: ignore[call-overload]  # any service
        if service == "sns":
            made.meta.events.register(
                "provide-client-params.sns.Publish",
                lambda params, **_: told.append(f"{params['Subject']}\n{params['Message']}"),
            )
        return made

    return client


def test_a_key_with_two_materials_is_refused_long_before_it_lapses(prod: Deployed) -> None:
    """Findings F1: 120 of 120 runs said `renew … ok`, and on day 180 the key went pending import."""
    prod.run()
    prod.now += timedelta(days=10)
    prod.rotate()

    answer, measured = prod.run()
    again, measured_again = prod.run()

    assert answer["action"] == again["action"] == "nothing"
    assert "2 key materials, the service keeps one" in answer["reason"]
    assert measured == measured_again == ["MaterialNotImported", "MaterialAtRisk", "MaterialLookedAt"]
    assert len(prod.messages()) == 1


def test_no_run_says_that_it_renewed_a_key_that_lapses(prod: Deployed) -> None:
    prod.run()
    prod.now += timedelta(days=100)
    prod.rotate(valid_days=60)
    said = []
    for _ in range(27):
        prod.now += timedelta(days=3)
        answer, measured = prod.run()
        said.append((answer["action"], "MaterialImported" in measured))

    assert prod.key_state() == "PendingImport"
    assert set(said) == {("nothing", False)}


def test_material_that_a_person_deleted_stays_deleted(prod: Deployed) -> None:
    """Findings F3: 1.2 s after the deletion the key was Enabled again, and nobody had asked."""
    prod.run()
    prod.now += timedelta(minutes=30)
    prod.kms.delete_imported_key_material(KeyId=prod.arn)
    event = prod.event(DELETED)
    event["detail"]["userIdentity"] = {"arn": "arn:aws:sts::111122223333:assumed-role/officer/alice"}

    answer, measured = prod.run(event)

    assert prod.key_state() == "PendingImport"
    assert (answer["action"], answer["concern"]) == ("nothing", "deleted")
    assert measured == ["MaterialNotImported", "MaterialAtRisk", "MaterialLookedAt"]
    (message,) = prod.messages()
    assert "officer/alice" in message
    assert event["detail"]["responseElements"]["keyMaterialId"] in message


def test_a_deletion_that_no_trail_told_of_stays_as_well(prod: Deployed) -> None:
    prod.run()
    prod.now += timedelta(minutes=30)
    prod.kms.delete_imported_key_material(KeyId=prod.arn)

    prod.run()

    assert prod.key_state() == "PendingImport"
    assert len(prod.messages()) == 1


def test_a_person_orders_what_was_deleted_back(prod: Deployed) -> None:
    prod.run()
    prod.now += timedelta(minutes=30)
    prod.kms.delete_imported_key_material(KeyId=prod.arn)
    prod.run(prod.event(DELETED))

    answer, measured = prod.run(ORDER)

    assert prod.key_state() == "Enabled"
    assert (answer["action"], answer["concern"], measured) == ("restore", "", ["MaterialImported"])


def test_the_rule_always_has_a_deletion_undone(prod: Deployed) -> None:
    prod.apply(restore_after_deletion="always")
    prod.run()
    prod.now += timedelta(minutes=30)
    prod.kms.delete_imported_key_material(KeyId=prod.arn)

    prod.run(prod.event(DELETED))

    assert prod.key_state() == "Enabled"


@pytest.mark.parametrize("lost_by", ["deletion", "expiry"])
def test_a_key_that_a_person_disabled_does_not_come_back_enabled(prod: Deployed, lost_by: str) -> None:
    """Findings F3, t6 W5."""
    prod.run()
    prod.kms.disable_key(KeyId=prod.arn)
    prod.run()
    if lost_by == "deletion":
        prod.kms.delete_imported_key_material(KeyId=prod.arn)
    else:
        prod.now += timedelta(days=181)
        settle_all()

    prod.run()

    assert prod.key_state() == "PendingImport"
    assert "the key was disabled when it was last seen" in prod.messages()[-1]


def test_what_kms_says_has_expired_comes_back_though_the_record_is_older_than_the_import(prod: Deployed) -> None:
    """As the drill does it: somebody imports with a sooner expiry, and no run has seen it."""
    prod.run()
    sooner = prod.now + timedelta(seconds=6)
    import_material(prod.kms, prod.arn, BYTES, ValidTo=sooner, ExpirationModel="KEY_MATERIAL_EXPIRES")
    prod.now += timedelta(seconds=7)
    settle_all()

    prod.run(prod.event(EXPIRED))

    assert prod.key_state() == "Enabled"


@pytest.mark.parametrize("prod", [True, False], indirect=True, ids=["id shown", "id hidden"])
def test_a_replica_is_never_sent_new_material(prod: Deployed) -> None:
    """Findings aws A1: AWS refuses it every 15 minutes, for ever."""
    primary: Any = boto3.client("kms", region_name=THERE)
    made = primary.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]["KeyId"]
    replica = primary.replicate_key(KeyId=made, ReplicaRegion=HERE)["ReplicaKeyMetadata"]["Arn"]
    prod.arn = replica
    prod.apply()
    waiting, measured = prod.run()
    waits = prod.material_line()
    import_material(primary, made, BYTES, ImportType="NEW_KEY_MATERIAL")

    healed, _ = prod.run()

    assert (waiting["action"], measured) == ("nothing", ["MaterialAtRisk", "MaterialLookedAt"])
    assert "waits for the primary" in waiting["reason"]
    assert "NOT USABLE: pending import" in waits
    assert healed["action"] == "restore"
    assert prod.key_state() == "Enabled"


def test_status_says_first_that_a_key_is_pending_import(prod: Deployed) -> None:
    """Findings F1b: `valid to 2027-11-17, 177 days left`, of a key under which nothing opened."""
    prod.run()
    prod.secrets.delete_secret(SecretId="prod/orders", ForceDeleteWithoutRecovery=True)
    prod.now += timedelta(days=181)
    settle_all()
    prod.run()
    prod.now += timedelta(seconds=40)

    assert prod.material_line() == f"  material {HERE}: NOT USABLE: pending import; KMS showed PendingImport 40 s ago"
    shown = "\n".join(prod.status())
    assert "NEEDS YOU (failing)" in shown
    assert "MaterialMissingError: there is no secret" in shown


def test_status_says_how_old_its_word_is(prod: Deployed) -> None:
    prod.run()
    prod.now += timedelta(hours=5)

    assert prod.material_line() == (
        f"  material {HERE}: valid to 2027-05-22 12:00:00 UTC, 179 days left; KMS showed Enabled 5 h ago"
    )


def test_status_promises_nothing_of_a_key_that_nobody_looks_at(prod: Deployed) -> None:
    """Findings F5: in a region without this stack, reimport imports nothing."""
    assert prod.material_line() == f"  material {HERE}: NOT LOOKED AT: no run of reimport in {HERE} has seen the key"


def test_no_log_level_shows_the_material(prod: Deployed, caplog: pytest.LogCaptureFixture) -> None:
    """Findings F12: at DEBUG, as Lambda's ApplicationLogLevel sets it, the secret stood there in base64."""
    for name in TRANSPORT:
        logging.getLogger(name).setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)

    prod.run()

    logged = [logging.Formatter().format(record) + repr(vars(record)) for record in caplog.records]
    assert not [line for line in logged if any(form in line for form in forms_of(BYTES))]


def test_an_error_carries_no_material_in_its_frames(prod: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings F12: of an import that KMS refused, `.value` stood in the frames for as long as the error was kept."""
    prod.run()
    prod.secrets.put_secret_value(SecretId="prod/orders", SecretBinary=OTHER_BYTES)

    with pytest.raises(ExceptionGroup) as raised:
        prod.run(ORDER)

    held = list(_held_by(raised.value))
    assert held
    assert not [value for value in held if OTHER_BYTES in value]


def _held_by(error: BaseException | None) -> Iterator[bytes]:
    """All bytes in the frames of an error, its parts and its causes; those of this test's own and of moto left out."""
    if error is None:
        return
    trace = error.__traceback__
    while trace is not None:
        if "kms_failover" in trace.tb_frame.f_code.co_filename:
            for value in trace.tb_frame.f_locals.values():
                yield from _bytes_in(value, 4)
        trace = trace.tb_next
    for inner in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from _held_by(inner)


def _bytes_in(value: object, depth: int) -> Iterator[bytes]:
    if isinstance(value, bytes | bytearray):
        yield bytes(value)
    elif depth and isinstance(value, dict):
        for inner in value.values():
            yield from _bytes_in(inner, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for inner in value:
            yield from _bytes_in(inner, depth - 1)
    elif depth and hasattr(value, "__dict__") and type(value).__module__.startswith("kms_failover"):
        yield from _bytes_in(vars(value), depth - 1)
