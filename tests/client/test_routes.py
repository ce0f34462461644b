"""Routes as the data plane reads them: from memory, seconds old, and static when the table fails."""

from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pydantic import ValidationError

from kms_failover.client.routes import REFRESH_SECONDS, RouteReader
from kms_failover.client.stale_while_revalidate import STALE_SECONDS
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.routing.route import Route, first_route
from kms_failover.errors import StateUnavailableError, UnknownKeySetError
from tests.client.kms_world import FOREVER, any_account, aws_error
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import ACCOUNT, EAST, NOON, WEST, arn, judgement, key_set


def unreadable() -> Exception:
    try:
        KeySet.model_validate({"name": "orders", "a_field_of": "a newer version"})
    except ValidationError as error:
        return error
    raise AssertionError("it was read")


class Table(MemoryState):
    """Counts reads; `fails` makes each of them raise."""

    def __init__(self) -> None:
        super().__init__(WEST, key_set())
        self.reads = 0
        self.routes_read: list[str] = []
        self.fails: Exception | None = None

    def key_sets(self) -> tuple[KeySet, ...]:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return super().key_sets()

    def route(self, key_set: str) -> Route | None:
        self.routes_read.append(key_set)
        if self.fails is not None:
            raise self.fails
        return super().route(key_set)


class World:
    def __init__(self, *configured: KeySet) -> None:
        self.now = 0.0
        self.table = Table()
        table: Any = self.table
        self.reader = RouteReader(WEST, table, any_account(), configured, lambda: self.now)

    def after(self, seconds: float) -> None:
        """Time passes, a refresh is begun by a caller, and ends."""
        self.now += seconds
        self.reader.find("orders")
        self.settle()

    def settle(self) -> None:
        self.reader._thread.submit(lambda: None).result(FOREVER)


@contextmanager
def closing(world: World) -> Iterator[World]:
    yield world
    world.reader.close()


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World()) as made:
        yield made


def test_a_key_set_without_a_route_yet_has_its_own_order(world: World) -> None:
    found, route = world.reader.find("orders")

    assert (found.name, route.regions) == ("orders", (EAST, WEST))


def test_a_name_an_alias_and_an_arn_find_the_same(world: World) -> None:
    assert {world.reader.find(name)[0].name for name in ("orders", "alias/orders", arn(WEST))} == {"orders"}


def test_the_table_is_read_once_while_it_is_fresh(world: World) -> None:
    for _ in range(5):
        world.reader.find("orders")

    assert world.table.reads == 1


def test_a_changed_route_is_used_after_a_refresh_and_no_caller_waits_for_it(world: World) -> None:
    world.reader.find("orders")
    moved = first_route(key_set(), WEST, NOON).but(regions=(WEST, EAST))
    world.table.put_judgement(judgement(moved))
    still = world.reader.find("orders")[1].regions

    world.after(REFRESH_SECONDS + 0.1)

    assert still == (EAST, WEST)
    assert world.reader.find("orders")[1].regions == (WEST, EAST)


def test_what_another_reader_knew_last_serves_while_the_table_is_away(world: World) -> None:
    moved = first_route(key_set(), WEST, NOON).but(regions=(WEST, EAST))
    world.table.put_judgement(judgement(moved))
    world.reader.find("orders")
    world.table.fails = EndpointConnectionError(endpoint_url="https://dynamodb")
    table: Any = world.table
    child = RouteReader(WEST, table, any_account(), last_known=world.reader.last_known)
    grandchild = RouteReader(WEST, table, any_account(), last_known=child.last_known)

    _, route = grandchild.find("orders")

    for reader in (child, grandchild):
        reader.close()
    assert route.regions == (WEST, EAST)


def test_threads_that_outlive_the_main_one_still_learn_of_a_changed_route(world: World) -> None:
    """Executors take nothing more from that moment on, as when they are closed."""
    world.reader.find("orders")
    world.reader.close()
    moved = first_route(key_set(), WEST, NOON).but(regions=(WEST, EAST))
    world.table.put_judgement(judgement(moved))
    world.now += REFRESH_SECONDS + 0.1

    world.reader.find("orders")

    wait([reading for reading in [world.reader._routes["orders"]._reading] if reading], FOREVER)
    assert world.reader.find("orders")[1].regions == (WEST, EAST)


def test_where_no_thread_can_be_started_any_more_a_caller_reads_for_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_thread: Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    world.reader.close()
    monkeypatch.setattr(Thread, "start", end)

    found, _ = world.reader.find("orders")

    assert found.name == "orders"


@pytest.mark.parametrize(
    "failure",
    [
        EndpointConnectionError(endpoint_url="https://dynamodb"),
        aws_error("ProvisionedThroughputExceeded")(),
        unreadable(),
        KeyError("body"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_while_the_table_cannot_be_read_the_last_good_route_stays(world: World, failure: Exception) -> None:
    moved = first_route(key_set(), WEST, NOON).but(regions=(WEST, EAST))
    world.table.put_judgement(judgement(moved))
    world.reader.find("orders")
    world.table.fails = failure

    for _ in range(3):
        world.after(REFRESH_SECONDS + 0.1)

    assert world.reader.find("orders")[1].regions == (WEST, EAST)
    assert world.table.reads == 4


@pytest.mark.parametrize("failure", [aws_error("ResourceNotFoundException")(), unreadable()], ids=["missing", "newer"])
def test_where_the_table_never_could_be_read_the_configured_key_sets_serve(failure: Exception) -> None:
    with closing(World(key_set(WEST))) as world:
        world.table.fails = failure

        found, route = world.reader.find("orders")

        assert (found, route.regions) == (key_set(WEST), (WEST,))


def test_a_table_without_key_sets_does_not_take_the_configured_ones_away() -> None:
    with closing(World(key_set(WEST))) as world:
        world.table._key_sets.clear()

        assert world.reader.find("orders")[0] == key_set(WEST)


def other(name: str = "invoices") -> KeySet:
    arns = {region: f"arn:aws:kms:{region}:{ACCOUNT}:key/of-{name}" for region in (EAST, WEST)}
    return KeySet(name=name, members=tuple(MemberKey(region=region, arn=arn) for region, arn in arns.items()))


def test_a_given_key_set_serves_beside_those_of_a_table_that_lacks_it(caplog: pytest.LogCaptureFixture) -> None:
    with closing(World(other())) as world:
        for _ in range(3):
            world.after(REFRESH_SECONDS + 0.1)

        found = [world.reader.find(name)[0].name for name in ("orders", "invoices")]

        assert found == ["orders", "invoices"]
        with pytest.raises(UnknownKeySetError):
            world.reader.find("ledger")
    assert [record.message.partition(" as ")[0] for record in caplog.records] == ["key set invoices serves"]


def test_a_given_key_set_serves_beside_those_that_are_remembered() -> None:
    with closing(World()) as world:
        world.table.fails = aws_error("InternalServerError", 500)()
        remembered: Any = SimpleNamespace(recall=lambda: (key_set(),))
        table: Any = world.table
        given = (key_set(WEST), other())
        reader = RouteReader(WEST, table, any_account(), given, lambda: world.now, memory=remembered)

        found = [reader.find(name)[0] for name in ("orders", "invoices")]

        reader.close()
    assert found == [key_set(), other()]


def test_of_one_name_the_tables_key_set_counts_and_of_one_arn_too() -> None:
    renamed = key_set().but(name="former-orders")
    with closing(World(key_set(WEST), renamed)) as world:
        assert world.reader.find("orders")[0] == key_set()
        assert world.reader.find(key_set().members[0].arn)[0] == key_set()
        assert world.reader.find("former-orders")[0] == renamed


def test_a_given_key_set_gives_way_when_it_is_applied() -> None:
    given = other()
    applied = given.but(members=given.members[:1])
    with closing(World(given)) as world:
        assert world.reader.find("invoices")[0] == given
        world.table.put_key_set(applied)
        world.after(REFRESH_SECONDS + 0.1)

        assert world.reader.find("invoices")[0] == applied


def test_a_table_that_is_back_is_used_again(world: World) -> None:
    world.table.fails = aws_error("InternalServerError", 500)()
    with pytest.raises(StateUnavailableError):
        world.reader.find("orders")

    world.table.fails = None

    assert world.reader.find("orders")[0] == key_set()


def test_a_table_that_is_silent_is_not_waited_for_by_every_caller(world: World) -> None:
    def silent() -> Any:
        world.table.reads += 1
        world.now += 2.0  # both attempts' time-outs
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    world.table.key_sets = silent  # type: ignore[method-assign]
    for _ in range(5):
        with pytest.raises(StateUnavailableError):
            world.reader.find("orders")
    at_once = world.table.reads

    world.now += 2.1
    with pytest.raises(StateUnavailableError):
        world.reader.find("orders")

    assert (at_once, world.table.reads) == (1, 2)


def test_a_silent_table_is_not_waited_for_by_every_caller_who_names_what_nobody_knows() -> None:
    with closing(World(key_set())) as world:

        def silent() -> Any:
            world.table.reads += 1
            world.now += 3.0
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        world.table.key_sets = silent  # type: ignore[method-assign]
        for _ in range(5):
            with pytest.raises(StateUnavailableError):
                world.reader.find("invoices")

        assert world.table.reads == 1


def test_where_nothing_is_known_the_error_says_what_to_do(world: World) -> None:
    world.table.fails = aws_error("ResourceNotFoundException")()

    with pytest.raises(StateUnavailableError, match=r"no key set is known.*key_sets=read_key_sets.*memory_folder"):
        world.reader.find("orders")


def test_where_others_are_known_the_error_does_not_say_that_none_is() -> None:
    with closing(World(key_set())) as world:
        world.table.fails = aws_error("ResourceNotFoundException")()

        with pytest.raises(StateUnavailableError, match="not among the key sets that are known"):
            world.reader.find("invoices")


def test_an_unknown_name_is_looked_up_again_but_not_at_every_call(world: World) -> None:
    world.reader.find("orders")
    for _ in range(3):
        with pytest.raises(UnknownKeySetError, match="invoices"):
            world.reader.find("invoices")
    fresh = world.table.reads

    world.table.put_key_set(key_set(name="invoices"))
    world.now += REFRESH_SECONDS + 0.1

    assert fresh == 1
    assert world.reader.find("invoices")[0].name == "invoices"


def test_only_the_routes_of_key_sets_in_use_are_read(world: World) -> None:
    world.table.put_key_set(key_set(name="invoices"))

    world.reader.find("orders")
    world.after(REFRESH_SECONDS + 0.1)

    assert world.table.routes_read == ["orders", "orders"]


def test_a_process_that_was_frozen_does_not_go_by_the_route_of_long_ago(world: World) -> None:
    world.reader.find("orders")
    moved = first_route(key_set(), WEST, NOON).but(regions=(WEST, EAST))
    world.table.put_judgement(judgement(moved))
    world.now += STALE_SECONDS + 1

    found = world.reader.find("orders")[1]

    assert found.regions == (WEST, EAST)


def test_a_clock_that_was_set_back_makes_no_route_eternal(world: World) -> None:
    world.reader.find("orders")
    moved = first_route(key_set(), WEST, NOON).but(regions=(WEST, EAST))
    world.table.put_judgement(judgement(moved))
    world.now -= 3600

    assert world.reader.find("orders")[1].regions == (WEST, EAST)


def test_a_table_that_hangs_does_not_hold_a_caller_with_a_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kms_failover.client.stale_while_revalidate.PATIENCE_SECONDS", 0.01)
    answered = Event()
    with closing(World(key_set(WEST))) as world:
        monkeypatch.setattr(world.table, "key_sets", lambda: answered.wait(FOREVER) and ())

        found, route = world.reader.find("orders")
        answered.set()

    assert (found, route.regions) == (key_set(WEST), (WEST,))


def test_without_a_table_the_configuration_is_all_there_is() -> None:
    reader = RouteReader(WEST, None, any_account(), (key_set(),))

    try:
        assert reader.find("orders")[0] == key_set()
        with pytest.raises(UnknownKeySetError, match="known here: there are orders"):
            reader.find("invoices")
    finally:
        reader.close()


def test_without_a_table_and_without_key_sets_it_says_where_they_come_from() -> None:
    reader = RouteReader(WEST, None, any_account())

    try:
        with pytest.raises(UnknownKeySetError, match=r"give key sets to FailoverKms\.connect"):
            reader.find("orders")
    finally:
        reader.close()
