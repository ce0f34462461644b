"""What the service does by itself with a key, and what it leaves to people (decision 24)."""

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
from kms_failover.domain.key_material.plan import Action, ImportPlan, MaterialContext, plan_import
from kms_failover.domain.key_set import Material
from kms_failover.domain.timing import CLOCK_SKEW
from tests.domain.key_material.reimport_world import HERE, NOW, arn

OWNER = "arn:aws:sts::111122223333:assumed-role/officer/alice"
FAR = NOW + timedelta(days=100)
GONE = KeyView("PendingImport", None, "id")
MINUTE = timedelta(minutes=1)


def known(
    *losses: MaterialLoss,
    present_at: datetime | None = NOW - timedelta(hours=1),
    present_state: str = "Enabled",
    valid_to: datetime | None = FAR,
    rule: str = "ask",
) -> MaterialContext:
    record = MaterialRecord(
        key_set="orders",
        region=HERE,
        key_arn=arn("orders"),
        key_material_id="id",
        present_at=present_at,
        present_state=present_state,
        shown_valid_to=valid_to,
    )
    return MaterialContext(record, Material.model_validate({"secret": "x", "restore_after_deletion": rule}), losses)


def loss(kind: LossKind, at: datetime) -> MaterialLoss:
    return MaterialLoss(
        key_set="orders", region=HERE, key_arn=arn("orders"), kind=kind, at=at, principal=OWNER, key_material_id="ab12"
    )


def deleted(at: datetime) -> MaterialLoss:
    return loss(LossKind.DELETED, at)


def expired(at: datetime) -> MaterialLoss:
    return loss(LossKind.EXPIRED, at)


def test_a_deletion_waits_for_an_order_and_names_who_deleted_what() -> None:
    plan = plan_import(GONE, known(deleted(NOW)), NOW)

    assert (plan.action, plan.concern) == (Action.NOTHING, Concern.DELETED)
    assert OWNER in plan.reason
    assert "ab12" in plan.reason
    assert "kms-failover reimport" in plan.reason


def test_a_deletion_that_no_event_told_of_waits_as_well() -> None:
    """Without a trail: the material cannot have expired, so it did not."""
    plan = plan_import(GONE, known(), NOW)

    assert (plan.action, plan.concern) == (Action.NOTHING, Concern.DELETED)


def test_an_order_restores_what_was_deleted() -> None:
    assert plan_import(GONE, known(deleted(NOW)), NOW, ordered=True).action is Action.RESTORE


def test_the_rule_always_restores_what_was_deleted() -> None:
    assert plan_import(GONE, known(deleted(NOW), rule="always"), NOW).action is Action.RESTORE


@pytest.mark.parametrize("rule", ["ask", "always"])
def test_a_key_that_was_disabled_is_not_enabled_by_an_import_without_an_order(rule: str) -> None:
    lost = known(present_state="Disabled", valid_to=NOW, rule=rule)

    plan = plan_import(GONE, lost, NOW)

    assert (plan.action, plan.concern) == (Action.NOTHING, Concern.DISABLED)
    assert plan_import(GONE, lost, NOW, ordered=True).action is Action.RESTORE


def test_a_disabled_key_is_not_renewed_without_an_order_and_people_hear_of_it_in_time() -> None:
    """ImportKeyMaterial's own text says that it enables the key; whether a renewal does is UNCONFIRMED."""
    view = KeyView("Disabled", NOW + timedelta(days=29), "id")

    plan = plan_import(view, known(present_state="Disabled"), NOW)

    assert (plan.action, plan.concern) == (Action.NOTHING, Concern.DISABLED)


@pytest.mark.parametrize("valid_to", [NOW, NOW - timedelta(days=9), NOW + CLOCK_SKEW])
def test_what_has_expired_comes_back_by_itself(valid_to: datetime) -> None:
    assert plan_import(GONE, known(valid_to=valid_to), NOW).action is Action.RESTORE


def test_what_kms_itself_says_has_expired_comes_back_whatever_is_written_down() -> None:
    """Somebody imported with a sooner expiry since the last look."""
    assert plan_import(GONE, known(expired(NOW)), NOW).action is Action.RESTORE


@pytest.mark.parametrize("lost", [(deleted(NOW), expired(NOW + MINUTE)), (expired(NOW), deleted(NOW + MINUTE))])
def test_a_deletion_stands_beside_an_expiry(lost: tuple[MaterialLoss, ...]) -> None:
    assert plan_import(GONE, known(*lost), NOW + MINUTE).concern is Concern.DELETED


def test_a_deletion_that_came_back_since_is_over() -> None:
    recovered = known(deleted(NOW - timedelta(days=2)), valid_to=NOW)

    assert plan_import(GONE, recovered, NOW).action is Action.RESTORE


def test_a_key_that_never_had_material_here_gets_it() -> None:
    assert plan_import(GONE, known(present_at=None), NOW).action is Action.RESTORE


@pytest.mark.parametrize("imported_at", [NOW - timedelta(days=3), None])  # None: of somebody else's import
def test_a_record_of_an_older_version_knows_of_its_import(imported_at: datetime | None) -> None:
    record = MaterialRecord(key_set="orders", region=HERE, key_arn=arn("orders"), imported_at=imported_at, valid_to=FAR)
    material = Material(secret="x", valid_for_days=180, renew_before_days=30)

    assert plan_import(GONE, MaterialContext(record, material), NOW).concern is Concern.DELETED
    assert plan_import(GONE, MaterialContext(record, material), FAR).action is Action.RESTORE


@pytest.mark.parametrize("state", ["PendingDeletion", "Creating", "Unavailable", "Updating"])
@pytest.mark.parametrize("ordered", [True, False])
def test_no_import_is_tried_where_kms_would_refuse_it(state: str, *, ordered: bool) -> None:
    plan = plan_import(KeyView(state, None, "id"), known(deleted(NOW)), NOW, ordered=ordered)

    assert plan == ImportPlan(Action.NOTHING, f"the key is {state}")


def test_of_several_materials_the_services_own_decides_when_it_is_renewed() -> None:
    soon = NOW + timedelta(days=1)
    materials = (
        KeyMaterial("other", "NON_CURRENT", soon, imported=True),
        KeyMaterial("id", "CURRENT", FAR, imported=True),
    )

    plan = plan_import(KeyView("Enabled", soon, "id", materials=materials), known(), NOW)

    assert plan.action is Action.NOTHING


def test_a_material_in_place_is_not_imported_again_because_another_one_is_missing() -> None:
    materials = (
        KeyMaterial("other", "NON_CURRENT", None, imported=False),
        KeyMaterial("id", "CURRENT", FAR, imported=True),
    )

    plan = plan_import(KeyView("PendingImport", FAR, "id", materials=materials), known(valid_to=NOW), NOW)

    assert plan.action is Action.NOTHING


@pytest.mark.parametrize(
    ("states", "several"),
    [((), False), (("CURRENT",), False), (("CURRENT", "PENDING_ROTATION"), False), (("CURRENT", "NON_CURRENT"), True)],
)
def test_a_material_that_awaits_its_rotation_is_not_yet_a_second_one(states: tuple[str, ...], *, several: bool) -> None:
    """Facts 1.5: a pending one that is missing makes nothing unusable."""
    view = KeyView(
        "Enabled", FAR, "0", materials=tuple(KeyMaterial(str(i), s, FAR, imported=True) for i, s in enumerate(states))
    )

    assert bool(view.several("0")) is several


@pytest.mark.parametrize(("current", "several"), [("id", False), ("", False), ("another", True)])
def test_where_kms_lists_no_materials_another_current_one_is_a_second_one(current: str, *, several: bool) -> None:
    assert bool(KeyView("Enabled", FAR, current).several("id")) is several
