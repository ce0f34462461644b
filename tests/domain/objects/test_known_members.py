"""What is said of an object while not every member key is known, or may be asked: nothing for good."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from kms_failover.domain.data_keys.accounts import with_allowed_members
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.object_record import KEY_SET_UNREAD, NOT_ALLOWED
from kms_failover.domain.objects.rewrap_result import RewrapOutcome
from kms_failover.domain.objects.sweep import Chance, RewrapMessage, SweepService
from kms_failover.errors import KeySetChangedError
from tests.domain.objects.rewrap_world import HERE, NOW, THERE, THIRD, World, arn, blob_under, bundle_under, key_set, v3

UNDER_A_KEY_THAT_IS_NOT_KNOWN = [v3(blob_under(THIRD)), v3(bundle_under(THIRD))]
either = pytest.mark.parametrize("metadata", UNDER_A_KEY_THAT_IS_NOT_KNOWN, ids=["one key", "bundle"])


def without_third() -> World:
    """It knows two members."""
    world = World(THERE, HERE)
    owed = Debt(key_set="orders", owed_to=HERE, bucket=world.bucket, key="k", since=NOW - timedelta(days=1))
    world.ledger.put_debt(owed)
    return world


@either
def test_what_no_key_of_an_older_version_opens_stays_owed_until_the_one_in_force_is_read(
    metadata: dict[str, str],
) -> None:
    world = without_third()
    world.put(metadata)
    world.ledger.older = True
    first = world.service.rewrap(world.bucket, "k")
    owed = {debt.owed_to: debt for debt in world.ledger.all_debts()}
    world.ledger.older = False
    world.know(key_set(THERE, HERE, THIRD))

    second = world.service.rewrap(world.bucket, "k")

    assert (first.outcome, second.outcome) == (RewrapOutcome.OWED, RewrapOutcome.REWRAPPED)
    assert (owed[HERE].code, owed[HERE].since) == (KEY_SET_UNREAD, NOW - timedelta(days=1))
    assert world.ledger.all_refusals() == []
    assert world.ledger.all_debts() == []


@either
def test_what_no_allowed_key_opens_stays_owed(metadata: dict[str, str]) -> None:
    world = without_third()
    world.put(metadata)
    world.know(allowed_but_third())

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert "accounts.txt" in result.reason
    assert {debt.code for debt in world.ledger.all_debts() if debt.owed_to == HERE} == {NOT_ALLOWED}
    assert world.ledger.all_refusals() == []


def allowed_but_third() -> KeySet:
    """Three members, of which the last is in an account that is not allowed."""
    whole = key_set(THERE, HERE, THIRD)
    foreign = MemberKey(region=THIRD, arn=arn(THIRD).replace("111122223333", "999999999999"))
    left = with_allowed_members(whole.but(members=(*whole.members[:2], foreign)), frozenset({"111122223333"}))
    assert left is not None
    return left


@either
def test_a_warm_process_asks_the_key_set_in_force_before_it_refuses(metadata: dict[str, str]) -> None:
    world = without_third()
    world.put(metadata)
    world.applied = key_set(THERE, HERE, THIRD)

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.REWRAPPED
    assert world.ledger.all_debts() == []


@either
def test_nothing_is_refused_while_nobody_can_say_which_key_set_is_in_force(metadata: dict[str, str]) -> None:
    world = without_third()
    world.put(metadata)
    world.table_is_away = True

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert HERE in world.ledger.owed_to()


def test_what_every_key_of_the_key_set_in_force_refuses_is_refused() -> None:
    world = without_third()
    world.put(v3(blob_under(THIRD)))

    assert world.service.rewrap(world.bucket, "k").outcome is RewrapOutcome.REFUSED
    assert world.ledger.all_debts() == []


def test_a_key_set_that_changes_at_each_look_is_a_failure_and_no_refusal() -> None:
    world = without_third()
    world.put(v3(blob_under(THIRD)))
    versions = iter([key_set(HERE, THERE), key_set(THERE, HERE)])

    def change() -> tuple[KeySet, ...]:
        world.know(next(versions))
        return (world.key_set,)

    world.service = replace(world.service, key_sets_anew=change)

    with pytest.raises(KeySetChangedError):
        world.service.rewrap(world.bucket, "k")

    assert world.ledger.owed_to() == {HERE}
    assert world.ledger.all_refusals() == []


def test_an_object_of_another_key_set_is_not_refused_on_the_word_of_an_older_version() -> None:
    """The bucket may have moved to the key set of its bundle since."""
    world = World(THERE, HERE)
    world.put(v3(bundle_under(THERE, HERE, name="invoices")))
    world.ledger.older = True

    assert world.service.rewrap(world.bucket, "k").outcome is RewrapOutcome.OWED


@pytest.mark.parametrize("metadata", [v3(blob_under(HERE)), v3(bundle_under(THERE, HERE))], ids=["one key", "bundle"])
def test_what_opens_here_as_far_as_an_older_version_goes_is_looked_at_again(metadata: dict[str, str]) -> None:
    """The one in force may have one member more, or another key here."""
    world = World(THERE, HERE)
    world.put(metadata)
    world.ledger.older = True

    result = world.service.rewrap(world.bucket, "k")

    assert (result.outcome, world.ledger.owed_to()) == (RewrapOutcome.OWED, {HERE})


def test_a_bundle_is_owed_to_the_region_whose_key_may_not_be_asked() -> None:
    world = World(THERE, HERE)
    world.know(allowed_but_third())
    world.put(v3(bundle_under(THERE)))

    result = world.service.rewrap(world.bucket, "k")

    assert (result.outcome, world.ledger.owed_to()) == (RewrapOutcome.OWED, {THIRD})
    assert world.opens_here()


def test_a_debt_that_waits_for_a_key_set_is_tried_when_it_can_be_read() -> None:
    world = World(THERE, HERE)
    world.ledger.put_debt(
        Debt(
            key_set="orders",
            owed_to=HERE,
            bucket=world.bucket,
            key="k",
            since=NOW,
            code=KEY_SET_UNREAD,
            region=HERE,
            tries=9,
            tried_at=NOW - timedelta(minutes=5),
        )
    )

    chance = Chance(lambda: "0", lambda _: None)
    service = SweepService(lambda: (world.key_set,), world.ledger, AnyQueue(), HERE, chance, lambda: NOW)
    world.ledger.older = True
    parked = service.sweep()
    world.ledger.older = False
    swept = service.sweep()

    assert (parked.parked, parked.queued) == (1, 0)
    assert (swept.parked, swept.queued) == (0, 1)


class AnyQueue:
    def send(self, messages: Sequence[RewrapMessage]) -> None: ...
