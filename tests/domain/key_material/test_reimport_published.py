"""What is written down of a key at each run, and what people are told, once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from kms_failover.domain.key_material.material import (
    Concern,
    KeyMaterial,
    KeyView,
    LossKind,
    MaterialLoss,
    MaterialRecord,
)
from kms_failover.domain.key_material.plan import Action
from kms_failover.domain.key_material.reimport import MOST_TOLD, reimport_message
from kms_failover.domain.key_material.reimport_result import Reimport
from kms_failover.errors import (
    ImportRefusedError,
    KeyNotReadyError,
    RegionUnavailableError,
    SeveralMaterialsError,
    UnreadableItemError,
)
from tests.domain.key_material.reimport_world import ALICE, FORCE, HERE, NOW, World, WorldKey, arn, deletion, key_set


def rotate(world: World, valid_days: int) -> None:
    """As its owner does; the older material stays, and so does its expiry."""
    expiry = world.now + timedelta(days=valid_days)
    world.keys.keys[arn("orders")].others = (KeyMaterial("older", "NON_CURRENT", expiry, imported=True),)


def test_a_key_with_two_materials_is_refused_at_the_next_look_and_told_once() -> None:
    """Findings F1: it was renewed with success every 15 minutes for a month, and then lapsed."""
    world = World()
    world.run()
    rotate(world, 150)

    (first,), (second,) = world.run(), world.run()

    assert isinstance(first.error, SeveralMaterialsError)
    assert isinstance(second.error, SeveralMaterialsError)
    assert "2 key materials, the service keeps one" in first.reason
    assert first.concern is Concern.SEVERAL_MATERIALS
    ((subject, text),) = world.topic.published
    assert subject == f"Key material in {HERE}: 1 of your keys needs you"
    assert "2 key materials" in text


def test_the_service_still_renews_its_own_of_two_materials_and_claims_no_success() -> None:
    world = World()
    world.run()
    rotate(world, 170)
    world.later(151)
    world.slept.clear()

    (result,) = world.run()

    assert len(world.keys.imports) == 2
    assert isinstance(result.error, SeveralMaterialsError)
    assert world.slept == []  # what KMS shows hangs on the other material


@pytest.mark.parametrize(
    ("earlier_seconds", "is_well"), [(0, True), (1, True), (2, False), (-1, True), (-2, False), (-86_400 * 240, False)]
)
def test_an_expiry_is_the_imported_one_to_a_second(earlier_seconds: int, *, is_well: bool) -> None:
    world = World()
    world.run()
    key = world.keys.keys[arn("orders")]

    def shown_earlier() -> None:
        assert key.valid_to is not None
        key.valid_to -= timedelta(seconds=earlier_seconds)

    world.keys.after_import = shown_earlier
    world.later(151)

    (result,) = world.run()

    assert (result.error is None) == is_well


def test_a_later_expiry_that_kms_shows_for_a_while_is_waited_for_and_one_that_stays_is_said() -> None:
    """KMS went on showing 300 days after an import of 60, and the run said that it had renewed the material."""
    found = []
    for shows_it_for in (3, 10_000):
        world = World(key_set(valid_for_days=60))
        former = NOW + timedelta(days=300)
        key = WorldKey("Enabled", former, world.custody.held["material-of-orders"])
        world.keys.keys[arn("orders")] = key
        goes_on_showing(world, former, shows_it_for)
        found += world.run(FORCE)

    seen, not_seen = found
    assert (seen.action, seen.error, seen.valid_to) == (Action.RENEW, None, NOW + timedelta(days=60))
    assert (not_seen.action, type(not_seen.error)) == (Action.NOTHING, KeyNotReadyError)
    assert "expires at 2027-09-19 12:00:00+00:00, although" in str(not_seen.error)
    assert not_seen.valid_to == NOW + timedelta(days=300)


def goes_on_showing(world: World, expiry: datetime, looks: int) -> None:
    """That many looks, before KMS shows what was imported."""
    describe, left = world.keys.describe, iter(range(looks))

    def former(arn: str) -> KeyView:
        view = describe(arn)
        return replace(view, valid_to=expiry) if next(left, None) is not None else view

    world.keys.describe = former  # type: ignore[method-assign]  # a control plane that lags behind


def test_an_import_after_which_kms_shows_no_expiry_is_no_success() -> None:
    world = World()
    world.run()
    key, before = world.keys.keys[arn("orders")], world.ledger.records["orders"].valid_to

    def never_expires() -> None:
        key.valid_to = None

    world.keys.after_import = never_expires
    world.now += timedelta(days=1)

    (result,) = world.run(FORCE)

    assert isinstance(result.error, SeveralMaterialsError)
    assert (result.action, world.ledger.records["orders"].valid_to) == (Action.NOTHING, before)


def test_an_import_that_kms_does_not_show_is_a_failure_now() -> None:
    """The role may not list materials: the expiry that stays where it was gives the second one away."""
    world = World()
    world.run()
    view = world.keys.view
    world.keys.view = lambda arn: replace(view(arn), materials=None)  # type: ignore[method-assign]  # not listed
    rotate(world, 160)
    world.later(151)

    (result,) = world.run()

    assert isinstance(result.error, SeveralMaterialsError)
    assert "although its material was imported until" in result.reason
    assert result.concern is Concern.SEVERAL_MATERIALS


def test_a_deletion_is_not_undone_and_the_message_names_who_did_it() -> None:
    world = World()
    world.run()
    world.keys.lose()

    (result,) = world.run(deletion())

    assert (result.action, result.concern, result.error) == (Action.NOTHING, Concern.DELETED, None)
    assert len(world.keys.imports) == 1
    ((_, text),) = world.topic.published
    assert ALICE in text
    assert "ab12" in text


def test_what_was_deleted_from_a_key_that_was_replaced_says_nothing_of_this_one() -> None:
    world = World()
    world.run()
    place = {"key_set": "orders", "region": HERE, "key_arn": arn("former"), "kind": LossKind.DELETED}
    world.expire()
    world.ledger.put_loss(MaterialLoss.model_validate(place | {"at": world.now}))

    (result,) = world.run()

    assert result.action is Action.RESTORE


def test_one_message_tells_of_all_keys_that_changed_in_a_run() -> None:
    world = World(key_set("orders"), key_set("invoices"), key_set("payments"))
    world.run()
    for name in ("orders", "invoices"):
        world.keys.lose(name)

    world.run()

    ((subject, text),) = world.topic.published
    assert "2 of your keys need you" in subject
    assert "orders" in text
    assert "invoices" in text
    assert "payments" not in text


def test_what_could_not_be_told_is_told_by_the_next_run() -> None:
    world = World()
    world.run()
    world.keys.lose()
    world.topic.error = RuntimeError("SNS is away")
    while_away = world.whole_run()
    world.topic.error = None

    world.run()

    assert (len(while_away.unpublished), while_away.at_risk) == (1, 1)
    assert len(world.topic.published) == 1


def test_a_fault_that_passes_by_the_third_try_wakes_nobody() -> None:
    world = World()
    world.run()
    world.later(151)
    key = world.keys.keys[arn("orders")]
    key.error = RegionUnavailableError(HERE, "ReadTimeoutError")
    world.run()
    world.run()
    key.error = None

    world.run()

    assert world.topic.published == []


def test_a_fault_that_stays_is_told() -> None:
    world = World()
    world.run()
    world.later(151)
    world.keys.keys[arn("orders")].error = RegionUnavailableError(HERE, "ReadTimeoutError")

    for _ in range(4):
        world.run()

    assert len(world.topic.published) == 1


def test_each_run_writes_what_it_saw_and_the_last_failure_stays() -> None:
    world = World()
    world.run()
    seen = world.ledger.records["orders"]
    world.later(1)
    world.keys.keys[arn("orders")].error = ImportRefusedError("other bytes")
    world.keys.lose()
    world.ledger.records["orders"] = seen.but(shown_valid_to=NOW)

    world.run()
    failed = world.ledger.records["orders"]
    world.keys.keys[arn("orders")].error = None
    world.run(FORCE)
    healed = world.ledger.records["orders"]

    assert (seen.state, seen.seen_at, seen.shown_valid_to) == ("Enabled", NOW, NOW + timedelta(days=180))
    assert (failed.state, failed.seen_at, failed.failures) == ("PendingImport", world.now, 1)
    assert "other bytes" in failed.failure
    assert (healed.state, healed.failures, healed.failed_at) == ("Enabled", 0, world.now)


def test_a_look_that_fails_keeps_what_was_seen_before() -> None:
    world = World()
    world.run()
    world.later(1)

    def silent(_: str) -> None:
        raise RegionUnavailableError(HERE, "ReadTimeoutError")

    world.keys.view = silent  # type: ignore[method-assign,assignment]  # a region that does not answer

    world.run()

    record = world.ledger.records["orders"]
    assert (record.state, record.seen_at, record.failed_at) == ("Enabled", NOW, world.now)


@pytest.mark.parametrize("rotated", [False, True])
def test_without_a_readable_record_nothing_is_done_to_a_key_and_the_others_go_on(*, rotated: bool) -> None:
    world = World(key_set("orders"), key_set("invoices"))
    world.run()
    if rotated:
        rotate(world, 170)
    before = world.ledger.records["orders"]
    material = world.ledger.material

    def unreadable(key_set: str, region: str) -> MaterialRecord | None:
        if key_set == "orders":
            raise UnreadableItemError("key-set#orders", f"material#{region}", "there is no body")
        return material(key_set, region)

    world.ledger.material = unreadable  # type: ignore[method-assign]  # as its adapter would
    world.keys.lose("orders")
    world.expire("invoices")
    told = len(world.topic.published)

    runs = [world.whole_run(), world.whole_run()]

    results = {result.key_set: result for result in runs[0].results}
    assert (results["orders"].concern, results["invoices"].action) == (Concern.UNREAD, Action.RESTORE)
    assert (world.keys.keys[arn("orders")].state, world.ledger.records["orders"]) == ("PendingImport", before)
    assert [run.at_risk for run in runs] == [1, 1]
    assert world.keys.tried.count(arn("orders")) == 1
    assert (
        len(world.topic.published) == told
    )  # it could not be written down that they know: the alarms tell of it, once


def test_the_longest_validity_is_an_hour_short_of_kms_own_for_clocks_that_differ() -> None:
    """Findings F13: with a clock 0.9 s ahead, every run of `valid_for_days: 365` was refused."""
    world = World(key_set("orders", valid_for_days=365))

    (result,) = world.run()

    assert result.valid_to == NOW + timedelta(days=365) - timedelta(hours=1)


def test_the_service_counts_the_keys_that_wait_for_people() -> None:
    world = World(key_set("orders"), key_set("invoices"))
    world.run()
    world.keys.lose()

    run = world.whole_run()

    assert run.at_risk == 1
    assert world.whole_run(FORCE).at_risk is None
    assert world.whole_run().at_risk == 0


@pytest.mark.parametrize(
    "said", ["\N{GRINNING FACE}" * 5000, "\n\nkms-failover: all is well\x1b[2J" * 100, "\U000e0001" * 5000]
)
def test_what_an_error_says_forges_no_line_of_a_message_and_fits_into_sns(said: str) -> None:
    refused = Reimport("orders", HERE, Action.NOTHING, said, state="Enabled", concern=Concern.FAILING)

    _, text = reimport_message(HERE, [refused] * 200)

    assert len(text.splitlines()) == MOST_TOLD + 1
    assert all(line.isprintable() for line in text.splitlines())
    assert len(text.encode()) < 256 * 1024
