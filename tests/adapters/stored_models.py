"""Every model that is stored in the state table, and every way in which an item of it may not be what it should be."""

import ast
import importlib
import json
import typing
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from kms_failover import adapters
from kms_failover.adapters.state_table import StateTable
from kms_failover.adapters.state_table.items import ItemGroup
from kms_failover.adapters.state_table.key_sets import former_key_sets
from kms_failover.domain.key_material.material import LossKind, MaterialLoss, MaterialRecord
from kms_failover.domain.key_set import Bucket, KeySet, Material, MemberKey, Origin
from kms_failover.domain.model import Model
from kms_failover.domain.objects.backfill import Backfill
from kms_failover.domain.objects.debt import Debt, Refusal
from kms_failover.domain.routing.health import RegionHealth
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.readiness import LastNews, News, NewsKind
from kms_failover.domain.routing.route import Route
from kms_failover.domain.routing.signals import IgnoredEvent
from kms_failover.domain.runbook.key_set_change import FormerKeySet
from kms_failover.errors import UnreadableItemError
from tests.domain.strategies import EAST, NOON, WEST, arn

LONG = "x" * 350_000  # below what an item may have
LONGEST_BODY = 400_000
MOST_SPOILED = 250  # of the models that are read one by one
GOOD = "orders"  # whose items can be read


class Sample(NamedTuple):
    """How the state table is asked to write one, and to read all; each field says something."""

    write: Callable[[StateTable, str], None]
    read: Callable[[StateTable], Sequence[Model]]
    largest: int = 20_000  # characters of a fact; an item may have 400 KB


def _key_set(name: str) -> KeySet:
    members = tuple(MemberKey(region=region, arn=arn(region), origin=Origin.EXTERNAL) for region in (EAST, WEST))
    rules = {"of_rounds": 5, "of_rounds_when_corroborated": 5}
    return KeySet.model_validate(
        {
            "name": name,
            "members": members,
            "rules": rules,
            "material": Material(secret="s"),
            "buckets": (Bucket(name="bucket", region=WEST),),
        }
    )


def _route(name: str, epoch: int = 1) -> Route:
    return Route(
        key_set=name,
        observer=WEST,
        regions=(WEST, EAST),
        epoch=epoch,
        intent_epoch=1,
        intent_written_in=WEST,
        decided_at=NOON,
        moved_at=NOON,
        reason="r",
        evidence=("e",),
        changes=(NOON,),
    )


def _health() -> RegionHealth:
    moments = dict.fromkeys(("key_checked_at", "last_fault_at", "last_key_fault_at", "lost_at", "returned_at"), NOON)
    texts = {"region": EAST, "key_arn": arn(EAST), "key_reason": "r"}
    return RegionHealth.model_validate({**texts, **moments, "since": NOON, "key_answers": True})


def _news(name: str, number: int = 1) -> News:
    return News(
        key_set=name,
        observer=WEST,
        number=number,
        kind=NewsKind.LOST,
        region=EAST,
        regions=(WEST,),
        at=NOON,
        reason="r",
    )


def _judgement(name: str) -> Judgement:
    return Judgement(
        key_set=name,
        observer=WEST,
        route=_route(name),
        verdicts=(_health(),),
        pending=(_route(name),),
        published_to_people=(1,),
        published_to_machines=(1,),
        recovered=(EAST,),
        said=(LastNews(of=EAST, what="lost", differs_since=NOON),),
        news=(_news(name),),
        news_count=1,
        news_published_to_people=(1,),
        news_published_to_machines=(1,),
        announcing_since=NOON,
        key_check_requested_at=NOON,
    )


def _observation(name: str) -> Observation:
    return Observation(
        key_set="orders",
        observer=WEST,
        region=EAST,
        source=Source.DATA_PLANE,
        outcome=Outcome.REGION_FAULT,
        at=NOON,
        id=name,
        subject="s",
        code="c",
        latency_ms=1.0,
    )


def _intent() -> Intent:
    return Intent(
        mode=Mode.FORCE,
        region=WEST,
        epoch=1,
        written_in=WEST,
        author="a",
        reason="r",
        at=NOON,
        expires_at=NOON + timedelta(days=1),
    )


def _ignored(name: str) -> IgnoredEvent:
    return IgnoredEvent(id=name, source="s", detail_type="d", at=NOON, reason="r")


def _debt(name: str) -> Debt:
    version = {
        "etag": "e",
        "version_id": "v",
        "region": WEST,
        "waits_for": (EAST,),
        "tries": 1,
        "tried_at": NOON,
        "sent_at": NOON,
    }
    place = {"key_set": GOOD, "owed_to": WEST, "bucket": "bucket", "key": name}
    return Debt.model_validate({**place, **version, "since": NOON, "code": "c"})


def _backfill(name: str) -> Backfill:
    place = {"key_set": GOOD, "bucket": name, "region": WEST, "key_arn": arn(WEST), "execution": "e"}
    return Backfill.model_validate(
        {**place, "began_at": NOON, "ended_at": NOON, "listed": 1, "failed": 1, "reason": "r"}
    )


def _refusal(name: str) -> Refusal:
    return Refusal(key_set=GOOD, bucket="bucket", key=name, since=NOON, reason="r", seen_at=NOON)


def _material(name: str) -> MaterialRecord:
    named = (
        "imported_at",
        "valid_to",
        "seen_at",
        "shown_valid_to",
        "present_at",
        "tried_at",
        "failed_at",
        "absent_since",
    )
    moments = dict.fromkeys(named, NOON)
    seen = dict.fromkeys(("state", "present_state", "failure", "concern", "published_concern"), "s")
    texts = {"key_set": name, "region": WEST, "key_arn": arn(WEST), "key_material_id": "i", "sentinel": "s"}
    return MaterialRecord.model_validate({**texts, **moments, **seen, "failures": 1, "reason": "r"})


def _loss(name: str) -> MaterialLoss:
    place = {"key_set": name, "region": WEST, "key_arn": arn(WEST), "key_material_id": "i"}
    return MaterialLoss.model_validate({**place, "kind": LossKind.DELETED, "at": NOON, "principal": "p"})


def _losses(state: StateTable) -> list[MaterialLoss]:
    names = (GOOD, *map("p{}".format, range(MOST_SPOILED)))
    return [loss for name in names for loss in _readable(lambda: state.losses(name, WEST))]  # noqa: B023  # called at once


def _number(name: str) -> int:
    return 0 if name == GOOD else int(name[1:])


def _all_intents(state: StateTable) -> list[Intent]:
    return [intent for intents in state.all_intents().values() for intent in intents]


def _materials(state: StateTable) -> list[MaterialRecord]:
    names = (GOOD, *map("p{}".format, range(MOST_SPOILED)))
    found = [record for name in names for record in _readable(lambda: (state.material(name, WEST),))]  # noqa: B023
    return [record for record in found if record is not None]


def _readable[R](read: Callable[[], Sequence[R]]) -> Sequence[R]:
    try:
        return read()
    except UnreadableItemError:  # told
        return ()


SAMPLES: dict[type[Model], Sample] = {
    KeySet: Sample(lambda state, name: state.put_key_set(_key_set(name)), lambda state: state.key_sets()),
    Observation: Sample(
        lambda state, name: state.add_observation(_observation(name)), lambda state: state.observations(NOON)
    ),
    IgnoredEvent: Sample(
        lambda state, name: state.add_ignored_event(_ignored(name)), lambda state: state.ignored_events(1000)
    ),
    Judgement: Sample(
        lambda state, name: state.put_judgement(_judgement(name)), lambda state: list(state.judgements().values())
    ),
    Route: Sample(
        lambda state, name: state.add_history(_route(GOOD, _number(name))),
        lambda state: state.history(GOOD, 1000),
    ),
    News: Sample(
        lambda state, name: state.add_news(_news(GOOD, _number(name) + 1)), lambda state: state.news(GOOD, 1000)
    ),
    Intent: Sample(lambda state, name: state.put_intent(name, _intent()), _all_intents),
    Debt: Sample(lambda state, name: state.put_debt(_debt(name)), lambda state: list(state.debts(GOOD))),
    Refusal: Sample(lambda state, name: state.put_refusal(_refusal(name)), lambda state: list(state.refusals(GOOD))),
    FormerKeySet: Sample(
        lambda state, name: state._items.put(f"former#{GOOD}", f"{_number(name):010}", _former(name)),
        lambda state: list(former_key_sets(state._items, GOOD)),
        LONGEST_BODY,  # it is a whole item's body
    ),
    Backfill: Sample(
        lambda state, name: state.put_backfill(_backfill(name)), lambda state: list(state.backfills(GOOD))
    ),
    MaterialLoss: Sample(lambda state, name: state.put_loss(_loss(name)), _losses),
    MaterialRecord: Sample(lambda state, name: state.put_material(_material(name)), _materials),
}


def stored_models() -> set[type[Model]]:
    """What any class over the state table is given to write, and what any adapter reads of it."""
    modules = list(Path(next(iter(adapters.__path__))).glob("*.py"))
    for module in modules:
        importlib.import_module(f"{adapters.__name__}.{module.stem}")
    names = {name for module in modules for name in _read_in(module.read_text())}
    written = {
        hint
        for kind in _below(ItemGroup)
        for name in vars(kind)
        if not name.startswith("_") and callable(getattr(kind, name))
        for hint in typing.get_type_hints(getattr(kind, name), include_extras=False).values()
        if isinstance(hint, type) and issubclass(hint, Model)
    }
    return written | {kind for kind in _below(Model) if kind.__name__ in names}


def _read_in(source: str) -> Iterator[str]:
    """The first argument of each `fact(…)`, `facts(…)` and `needed(…)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"fact", "facts", "needed"}:
                yield node.args[0].id


def _former(name: str) -> FormerKeySet:
    return FormerKeySet(name=GOOD, body=_key_set(name).model_dump_json(), replaced_at=NOON, replaced_by="b")


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


class Recorder:
    """In the table's place: keeps the item that is put."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {}

    def put_item(self, **request: Any) -> None:
        self.item = request["Item"]


def item_of(kind: type[Model], name: str) -> dict[str, Any]:
    recorder: Any = Recorder()
    SAMPLES[kind].write(StateTable(recorder, WEST), name)
    return dict(recorder.item)


def spoiled_items(kind: type[Model]) -> dict[str, dict[str, Any]]:
    """By what is wrong with it; each with a name of its own, so that it stands beside the good one."""
    wrongs = [*_wrong_items(), *_wrong_bodies(json.loads(item_of(kind, GOOD)["body"]))]
    if kind not in {MaterialRecord, MaterialLoss}:  # which are asked for by its name
        wrongs.append(("named at length", _with("sk", "z" * 1000)))
    return {wrong: spoil(item_of(kind, f"p{number}")) for number, (wrong, spoil) in enumerate(wrongs, start=1)}


type Spoil = Callable[[dict[str, Any]], dict[str, Any]]


def _wrong_items() -> Iterator[tuple[str, Spoil]]:
    for body in ("", "{", "[]", "7", "null", "[" * 5000, LONG, 7, b"\xff", {"a": "b"}, None):
        yield f"body {body!r:.9}", _with("body", body)
    for name in ("body", "epoch"):
        yield f"no {name}", _without(name)
    for epoch in ("x", -1, None):
        yield f"epoch {epoch}", _with("epoch", epoch)


def _with(name: str, value: Any) -> Spoil:
    return lambda item: item | {name: value}


def _without(name: str) -> Spoil:
    return lambda item: {key: value for key, value in item.items() if key != name}


def _wrong_bodies(body: Any) -> Iterator[tuple[str, Spoil]]:
    for path in _paths(body):
        yield f"{path} missing", _edited(path, lambda parent, name: parent.pop(name))
        for wrong in ("of a newer version", -1, None, [7], {"a": 1}):
            yield f"{path} {wrong!r}", _saying(path, wrong)
        if isinstance(_at(body, path), str):
            yield f"{path} long", _saying(path, LONG)


def written_at_length(value: Any) -> Iterator[tuple[str, Any]]:
    """The same JSON once for each text in it, which is LONG there."""
    for path in _paths(value):
        if isinstance(_at(value, path), str):
            copy = json.loads(json.dumps(value))
            _at(copy, path[:-1])[path[-1]] = LONG
            yield str(path), copy


def _saying(path: tuple[Any, ...], value: Any) -> Spoil:
    return _edited(path, lambda parent, name: parent.__setitem__(name, value))


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if before:
        yield before
    names = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield from _paths(value[name], (*before, name))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def _edited(path: tuple[Any, ...], edit: Callable[[Any, Any], object]) -> Spoil:
    def spoil(item: dict[str, Any]) -> dict[str, Any]:
        body = json.loads(item["body"])
        edit(_at(body, path[:-1]), path[-1])
        return item | {"body": json.dumps(body)}

    return spoil
