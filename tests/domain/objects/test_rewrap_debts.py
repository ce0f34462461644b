"""What a turn of an object leaves owed, to whom, and when that is cleared."""

from datetime import timedelta

from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.object_record import REFUSED
from kms_failover.domain.objects.rewrap_result import RewrapOutcome
from tests.domain.objects.rewrap_world import (
    HERE,
    NOW,
    THERE,
    THIRD,
    World,
    blob_under,
    bundle_under,
    v3,
)


def test_a_plain_object_whose_region_is_silent_is_owed_to_the_local_region() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert world.ledger.owed_to() == {HERE}
    assert [debt.code for debt in world.ledger.all_debts()] == ["ReadTimeoutError"]
    assert world.objects.writes == 0


def test_a_bundle_is_owed_to_each_region_without_a_wrap() -> None:
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE)))
    world.keys.down = {THERE}

    world.service.rewrap(world.bucket, "k")

    assert world.ledger.owed_to() == {HERE, THIRD}


def test_when_the_local_kms_is_silent_a_complete_bundle_is_owed_here_until_it_is_proved() -> None:
    world = World()
    world.put(v3(bundle_under(THERE, HERE)))
    world.keys.down = {HERE}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert world.ledger.owed_to() == {HERE}


def test_a_debt_names_the_version_that_was_looked_at_and_what_it_waits_for() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}

    world.service.rewrap(world.bucket, "k")

    seen = world.objects.stored[world.bucket, "k"]
    (debt,) = world.ledger.all_debts()
    assert (debt.etag, debt.version_id, debt.region) == (seen.etag, seen.version_id, HERE)
    assert debt.waits_for == (THERE,)


def test_a_bundle_waits_for_any_region_that_has_a_wrap_of_it() -> None:
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE, THIRD)))
    world.keys.down = {THERE, THIRD}

    world.service.rewrap(world.bucket, "k")

    assert {debt.waits_for for debt in world.ledger.all_debts()} == {(THERE, THIRD)}


def test_a_debt_ages_from_its_first_day_and_counts_its_tries() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    world.now += timedelta(days=1)

    world.service.rewrap(world.bucket, "k")

    (debt,) = world.ledger.all_debts()
    assert (debt.since, debt.tried_at, debt.tries) == (NOW, NOW + timedelta(days=1), 2)


def test_a_look_at_an_older_version_does_not_clear_the_debt_of_a_newer_one() -> None:
    """A worker finds the old version well; a newer one arrives whose region is silent; only then the worker clears."""
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    world.put(v3(blob_under(HERE)))

    def another_worker() -> None:
        world.ledger.before_clear = lambda: None
        world.put(v3(blob_under(THERE)), size=9)
        world.service.rewrap(world.bucket, "k")

    world.ledger.before_clear = another_worker

    world.service.rewrap(world.bucket, "k")

    (debt,) = world.ledger.all_debts()
    assert debt.etag == world.objects.stored[world.bucket, "k"].etag


def test_a_look_at_an_older_version_does_not_clear_the_refusal_of_a_newer_one_in_the_same_words() -> None:
    world = World()
    world.put({})
    world.service.rewrap(world.bucket, "k")
    world.put(v3(blob_under(HERE)))

    def another_worker_is_first() -> None:
        world.ledger.before_clear = lambda: None
        world.now += timedelta(seconds=1)
        world.put({})
        assert world.service.rewrap(world.bucket, "k").outcome is RewrapOutcome.REFUSED

    world.ledger.before_clear = another_worker_is_first
    older = world.service.rewrap(world.bucket, "k")

    assert older.outcome is RewrapOutcome.ALREADY
    assert len(world.ledger.all_refusals()) == 1


def test_what_is_not_held_when_an_object_is_looked_at_is_not_cleared() -> None:
    world = World()
    world.put(v3(blob_under(HERE)))
    newer = Debt(key_set="orders", owed_to=HERE, bucket=world.bucket, key="k", since=NOW, etag="of a newer version")
    world.objects.before_head = lambda: world.ledger.put_debt(newer)

    world.service.rewrap(world.bucket, "k")

    assert world.ledger.all_debts() == [newer]


def test_a_debt_that_was_written_before_debts_named_a_version_is_cleared() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.ledger.put_debt(Debt(key_set="orders", owed_to=HERE, bucket=world.bucket, key="k", since=NOW))

    world.service.rewrap(world.bucket, "k")

    assert world.ledger.all_debts() == []


def test_a_refusal_does_not_clear_the_debt_of_what_still_opens_elsewhere_only() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    world.keys.down = set()
    world.objects.never = "it is archived"

    result = world.service.rewrap(world.bucket, "k")

    (debt,), (refusal,) = world.ledger.all_debts(), world.ledger.all_refusals()
    assert (result.outcome, refusal.reason) == (RewrapOutcome.REFUSED, "it is archived")
    assert (debt.owed_to, debt.code) == (HERE, REFUSED)


def test_a_debt_stays_where_its_object_cannot_be_looked_at_any_more() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    world.objects.hidden = "it is encrypted with a customer's own key"

    world.service.rewrap(world.bucket, "k")

    (debt,) = world.ledger.all_debts()
    assert (debt.owed_to, debt.code) == (HERE, REFUSED)


def test_a_look_that_fails_leaves_a_debt_until_one_succeeds() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    for _ in range(2):
        world.service.record_failure(world.bucket, "k", "AccessDenied")
    (failed,) = world.ledger.all_debts()

    world.service.rewrap(world.bucket, "k")

    assert (failed.owed_to, failed.code, failed.tries, failed.waits_for) == (HERE, "AccessDenied", 2, ())
    assert world.ledger.all_debts() == []


def test_a_deleted_object_owes_nothing() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    world.objects.stored.clear()

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.ALREADY
    assert world.ledger.all_debts() == []


def test_a_bundle_whose_wrap_for_here_could_not_be_tried_is_owed_here_beside_the_regions_that_it_lacks() -> None:
    """An earlier look failed, so nobody knows whether it opens here; one that cannot know either ends no debt."""
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE, HERE)))
    world.service.record_failure(world.bucket, "k", "AccessDenied")
    world.keys.down = {HERE}

    result = world.service.rewrap(world.bucket, "k")

    assert (result.outcome, world.ledger.owed_to()) == (RewrapOutcome.OWED, {HERE, THIRD})
