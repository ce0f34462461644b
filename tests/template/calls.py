"""What the code of each function really calls, as IAM sees it: action, resource, context keys."""

import inspect
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kms_failover.adapters.prober import CONTEXT
from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_material import ports as material_ports
from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.naming import Place
from kms_failover.domain.objects import object_record
from kms_failover.domain.objects import sweep as sweeping
from kms_failover.domain.objects.backfill import Backfill, Phase
from kms_failover.domain.objects.debt import Debt, LedgerEntry, Refusal
from kms_failover.domain.objects.s3_envelope import MADE_BY_THE_CLIENT
from kms_failover.domain.routing import controller as controlling
from kms_failover.domain.routing import probe as probing
from kms_failover.domain.routing import signals
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Judgement, first_judgement
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.readiness import News, NewsKind
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook import commands as operating
from kms_failover.errors import UnreadableItemError
from tests.domain.strategies import ACCOUNT, NOON, key_set
from tests.template.deployed import BUCKET_KEYS, BUCKETS, MEMBER_KEYS, Stack

if TYPE_CHECKING:
    from kms_failover.domain.routing.route import Route

PARTITION = "dynamodb:LeadingKeys"
ENCRYPTION_CONTEXT = "kms:EncryptionContext:kms-failover"
ALGORITHM = f"kms:EncryptionContext:{MADE_BY_THE_CLIENT}"
REGION = "aws:RequestedRegion"
SERVICE = "kms:ViaService"


@dataclass(frozen=True)
class Call:
    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)


LIBRARY = {"key_sets", "route", "add_observation"}  # of the state table, by RouteReader and FaultReporter
PORTS: dict[str, tuple[type | None, set[str]]] = {  # the state table's methods that a role's code asks for
    "data-keys": (None, LIBRARY),
    "probe": (probing.ProbeState, {"key_sets"}),
    "signals": (signals.SignalState, {"key_sets"}),
    "controller": (controlling.ControlState, set()),
    "rewrap": (object_record.Ledger, LIBRARY),
    "sweep": (sweeping.DebtLedger, {"key_sets"}),
    "reimport": (material_ports.MaterialLedger, {"key_sets"}),
    "runbook": (operating.OperatorState, set()),
}
SOURCES = {"probe": Source.PROBE, "signals": Source.HEALTH_EVENT}  # of observations that are written; else of callers


class _Table:
    """In DynamoDB's place: takes down which partition each call is for. Nothing can be read, so all is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._take("GetItem", request["Key"]["pk"])

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._take("PutItem", request["Item"]["pk"])

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._take("DeleteItem", request["Key"]["pk"])

    def query(self, **request: Any) -> dict[str, Any]:
        return self._take("Query", request["ExpressionAttributeValues"][":pk"])

    def _take(self, call: str, partition: str) -> dict[str, Any]:
        self.asked.append((call, partition))
        if (call, partition) in self.asked[:-1]:
            return {"Items": []}  # whoever reads on comes to an end
        item = {"pk": partition, "sk": "orders"}
        return {"Items": [item], "Item": item}


def _facts(region: str, source: Source) -> dict[str, Any]:
    """By the name that the state table's parameters have."""
    of, at = {"key_set": "orders"}, {"at": NOON, "reason": ""}
    judgement: Judgement = first_judgement(key_set(), region, NOON)
    route: Route = judgement.route
    debt = Debt(**of, owed_to=region, bucket="b", key="k", since=NOON)
    backfill = Backfill(**of, bucket="b", region=region, key_arn="", execution="", began_at=NOON)
    refusal = Refusal(**of, bucket="b", key="k", since=NOON, reason="")
    return {
        "key_set": "orders",
        "region": region,
        "owed_to": region,
        "since": NOON,
        "at": NOON,
        "until": NOON,
        "at_most": 1,
        "regions": [region],
        "bucket": "b",
        "key": "k",
        "start": "0",
        "phase": Phase.ENDED,
        "backfill": backfill,
        "held": LedgerEntry("orders", "id", "", None),
        "observation": Observation(observer=region, region=region, source=source, outcome=Outcome.OK, at=NOON, id="1"),
        "event": IgnoredEvent(id="1", source="", detail_type="", **at),
        "judgement": judgement,
        "route": route,
        "news": News(**of, **at, observer=region, number=1, kind=NewsKind.LOST, region=region, regions=(region,)),
        "intent": Intent(mode=Mode.HOLD, epoch=1, written_in=region, author="", reason=""),
        "debt": debt,
        "refusal": refusal,
        "record": MaterialRecord(**of, region=region, key_arn=""),
        "loss": MaterialLoss(**of, region=region, key_arn="", kind=LossKind.DELETED, at=NOON),
    }


def _table_calls(role: str, place: Place) -> Iterator[Call]:
    port, more = PORTS[role]
    table: Any = _Table()
    state, facts = StateTable(table, place.region), _facts(place.region, SOURCES.get(role, Source.DATA_PLANE))
    ported = {name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")}
    for name in sorted(ported - {"noticing"} | more):
        method = getattr(state, name)
        with suppress(UnreadableItemError):
            found = method(**{parameter: facts[parameter] for parameter in inspect.signature(method).parameters})
            list(found if isinstance(found, Iterable) else ())
    for call, partition in table.asked:
        yield Call(f"dynamodb:{call}", _table(place), {PARTITION: partition})


def _table(place: Place) -> str:
    return f"arn:aws:dynamodb:{place.region}:{ACCOUNT}:table/{place.deployment.state_table}"


def _function(place: Place, role: str, region: str = "") -> Call:
    arn = f"arn:aws:lambda:{region or place.region}:{ACCOUNT}:function:{place.deployment.function(role)}"
    return Call("lambda:InvokeFunction", arn)


def _kms(actions: str, keys: list[str], **context: str) -> Iterator[Call]:
    names = {"encryption_context": ENCRYPTION_CONTEXT, "region": REGION, "service": SERVICE, "algorithm": ALGORITHM}
    for action in actions.split():
        for key in keys:
            yield Call(f"kms:{action}", key, {names[name]: value for name, value in context.items()})


def _of_s3(actions: str, suffix: str) -> Iterator[Call]:
    for action in actions.split():
        yield from (Call(f"s3:{action}", f"arn:aws:s3:::{bucket}{suffix}") for bucket in BUCKETS)


def _data_keys(_: Stack) -> Iterator[Call]:
    yield from _kms("GenerateDataKey Encrypt Decrypt", MEMBER_KEYS)


def _probe(stack: Stack) -> Iterator[Call]:
    yield from _kms("GenerateDataKey Decrypt", MEMBER_KEYS, encryption_context=CONTEXT["kms-failover"])
    yield _function(stack.place, "controller")


def _signals(stack: Stack) -> Iterator[Call]:
    for action in (
        "GetItem",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
    ):  # Powertools' record, adapters/idempotent_signals.py
        yield Call(f"dynamodb:{action}", _table(stack.place), {PARTITION: f"idempotency#{stack.region}"})
    yield _function(stack.place, "controller")
    yield _function(stack.place, "probe")
    yield _function(stack.place, "probe", stack.peer)


def _controller(stack: Stack) -> Iterator[Call]:
    yield _function(stack.place, "probe")
    yield Call("sns:Publish", stack.place.changes_topic)
    yield Call("events:PutEvents", f"arn:aws:events:{stack.region}:{ACCOUNT}:event-bus/default")


def _rewrap(stack: Stack) -> Iterator[Call]:
    yield from _kms("Decrypt Encrypt", MEMBER_KEYS, algorithm="115")
    yield from _kms("GenerateDataKey Decrypt", BUCKET_KEYS, service=f"s3.{stack.region}.amazonaws.com")
    yield from _of_s3("GetObject GetObjectVersion GetObjectTagging GetObjectVersionTagging GetObjectAnnotation", "/k")
    yield from _of_s3("PutObject PutObjectTagging PutObjectAnnotation", "/k")
    yield from _of_s3("GetObjectRetention GetObjectLegalHold PutObjectRetention PutObjectLegalHold", "/k")
    yield from _of_s3("GetReplicationConfiguration ListBucket ListBucketVersions", "")


def _sweep(stack: Stack) -> Iterator[Call]:
    queue = f"arn:aws:sqs:{stack.region}:{ACCOUNT}:{stack.place.deployment.rewrap_queue}"
    yield from (Call(f"sqs:{action}", queue) for action in ("SendMessage", "GetQueueUrl"))
    for action in ("PutItem", "DeleteItem"):  # of items that are where they were before
        for kind in ("debt", "refusal"):
            yield Call(f"dynamodb:{action}", _table(stack.place), {PARTITION: f"{kind}#orders"})
    yield Call("dynamodb:PutItem", _table(stack.place), {PARTITION: "backfill#orders"})
    execution = stack.place.backfill.replace(":stateMachine:", ":execution:") + ":1"
    yield from (Call(f"states:{action}", execution) for action in ("DescribeExecution", "ListMapRuns"))
    run = stack.place.backfill.replace(":stateMachine:", ":mapRun:") + "/EveryObject:1"
    yield Call("states:DescribeMapRun", run)


def _reimport(stack: Stack) -> Iterator[Call]:
    own = [key for key in MEMBER_KEYS if f":{stack.region}:" in key]
    importing = "DescribeKey ListKeyRotations GetParametersForImport ImportKeyMaterial"
    yield from _kms(importing, own, region=stack.region)
    sentinel = {"encryption_context": "sentinel", "region": stack.region}
    yield from _kms("GenerateDataKeyWithoutPlaintext Decrypt", own, **sentinel)
    secrets = f"arn:aws:secretsmanager:{stack.region}:{ACCOUNT}:secret:{stack.place.deployment.name}"
    yield Call("secretsmanager:GetSecretValue", f"{secrets}/orders-AbCdEf")
    for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem"):  # adapters/lease.py
        yield Call(f"dynamodb:{action}", _table(stack.place), {PARTITION: f"lease#{stack.region}"})
    yield _function(stack.place, "reimport")
    yield Call("sns:Publish", stack.place.changes_topic)


def _runbook(stack: Stack) -> Iterator[Call]:
    yield from (_function(stack.place, role) for role in ("reimport", "sweep", "controller"))
    yield Call("states:StartExecution", stack.place.backfill)


def _backfill(stack: Stack) -> Iterator[Call]:
    yield _function(stack.place, "rewrap")
    yield _function(stack.place, "sweep")
    yield from _of_s3("ListBucket", "")
    yield Call("states:StartExecution", stack.place.backfill)
    run = stack.place.backfill.replace(":stateMachine:", ":execution:") + "/objects:1"
    yield from (Call(f"states:{action}", run) for action in ("DescribeExecution", "StopExecution"))


_OTHERS = {
    "data-keys": _data_keys,
    "probe": _probe,
    "signals": _signals,
    "controller": _controller,
    "rewrap": _rewrap,
    "sweep": _sweep,
    "reimport": _reimport,
    "runbook": _runbook,
    "backfill": _backfill,
}
ROLES = sorted(_OTHERS)


def calls(stack: Stack, role: str) -> list[Call]:
    of_table = _table_calls(role, stack.place) if role in PORTS else ()
    return [*of_table, *_OTHERS[role](stack)]
