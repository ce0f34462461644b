"""Objects that are refused: never touched, and recorded with a reason."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from kms_failover.domain.data_keys.bundle import Bundle, Wrap
from kms_failover.domain.objects.object_record import REFUSED
from kms_failover.domain.objects.rewrap_result import RewrapOutcome
from kms_failover.errors import CommitmentError, TamperedError
from tests.domain.objects.rewrap_world import (
    DATA_KEY,
    HERE,
    NOW,
    THERE,
    World,
    arn,
    blob_under,
    bundle_under,
    v3,
)


def test_what_every_key_refuses_is_a_refusal_and_ends() -> None:
    world = World()
    world.put(v3(blob_under(THERE, context={"aws:x-amz-cek-alg": "115"})))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    owed = world.ledger.owed_to()
    world.keys.down = set()

    result = world.service.rewrap(world.bucket, "k")

    (refusal,) = world.ledger.all_refusals()
    assert owed == {HERE}
    assert (result.outcome, world.ledger.all_debts()) == (RewrapOutcome.REFUSED, [])
    assert "no member key opens it" in refusal.reason


def test_a_bundle_whose_wraps_are_all_refused_is_a_refusal_and_ends() -> None:
    world = World()
    world.put(v3(bundle_under(THERE, HERE), **{"x-amz-t": json.dumps({"aws:x-amz-cek-alg": "115"})}))
    world.service.record_failure(world.bucket, "k", "InvalidCiphertextException")

    result = world.service.rewrap(world.bucket, "k")

    assert (result.outcome, world.ledger.all_debts()) == (RewrapOutcome.REFUSED, [])


def test_a_bundle_whose_own_wrap_is_spoilt_is_refused_and_its_debt_waits_for_a_person() -> None:
    world = World()
    spoilt = Wrap(arn(HERE), blob_under(HERE, context={}))
    sound = Bundle.parse(bundle_under(THERE))
    world.put(v3(bytes(sound.with_wraps((spoilt,), world.key_set))))
    world.service.record_failure(world.bucket, "k", "InvalidCiphertextException")

    result = world.service.rewrap(world.bucket, "k")

    (debt,) = world.ledger.all_debts()
    assert (result.outcome, debt.owed_to, debt.code) == (RewrapOutcome.REFUSED, HERE, REFUSED)


def test_a_refusal_keeps_its_first_day_while_its_reason_is_the_same() -> None:
    world = World()
    world.put({})
    world.service.rewrap(world.bucket, "k")
    world.now += timedelta(days=1)

    world.service.rewrap(world.bucket, "k")

    assert [refusal.since for refusal in world.ledger.all_refusals()] == [NOW]


def test_an_object_that_cannot_be_looked_at_is_refused() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.objects.hidden = "it is encrypted with a customer's own key (SSE-C)"

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.REFUSED
    assert [refusal.reason for refusal in world.ledger.all_refusals()] == [world.objects.hidden]


@pytest.mark.parametrize("region", [HERE, THERE])
def test_a_wrapped_key_that_the_object_does_not_commit_to_is_refused_and_pages_a_human(region: str) -> None:
    world = World()
    world.put(v3(blob_under(region, bytes(32))))

    with pytest.raises(TamperedError):
        world.service.rewrap(world.bucket, "k")

    assert world.objects.writes == 0
    assert ["commit" in refusal.reason for refusal in world.ledger.all_refusals()] == [True]


@pytest.mark.parametrize("region", [HERE, THERE])
def test_a_bundle_that_opens_to_another_key_than_it_commits_to_is_refused_once_and_for_all(region: str) -> None:
    world = World()
    other = Wrap(arn(region), blob_under(region, bytes(32)))
    world.put(v3(bytes(replace(Bundle.parse(bundle_under(region)), wraps=(other,)))))

    with pytest.raises(TamperedError):
        world.service.rewrap(world.bucket, "k")

    assert ["commit" in refusal.reason for refusal in world.ledger.all_refusals()] == [True]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "no known format"),
        ({"x-amz-key": "a", "x-amz-iv": "b", "x-amz-matdesc": "{}"}, "V1"),
        (v3(blob_under(THERE)) | {"x-amz-key-v2": "AAAA"}, "mixes versions"),
        (v3(b"KFB\x02 of a later version"), "no bundle of a known version"),
        (v3(bundle_under(THERE, name="invoices")), "'invoices'"),
    ],
)
def test_anything_else_is_refused_with_a_reason_and_never_touched(metadata: dict[str, str], reason: str) -> None:
    world = World()
    world.put(metadata)

    result = world.service.rewrap(world.bucket, "k")

    (refusal,) = world.ledger.all_refusals()
    assert result.outcome is RewrapOutcome.REFUSED
    assert (refusal.bucket, refusal.key) == (world.bucket, "k")
    assert reason in refusal.reason
    assert world.objects.writes == 0


def test_a_refusal_is_withdrawn_once_the_object_is_overwritten_with_a_known_format() -> None:
    world = World()
    world.put({})
    world.service.rewrap(world.bucket, "k")
    world.put(v3(blob_under(THERE)))

    world.service.rewrap(world.bucket, "k")

    assert world.ledger.all_refusals() == []


def test_a_folder_marker_is_nobodys_business() -> None:
    world = World()
    world.put({}, size=0)

    assert world.service.rewrap(world.bucket, "k").outcome is RewrapOutcome.ALREADY
    assert world.ledger.all_refusals() == []


def test_a_plain_replica_whose_bucket_replicates_back_is_refused() -> None:
    world = World()
    world.objects.targets = frozenset({f"orders-{THERE}"})
    world.put(v3(blob_under(THERE)), replica=True)

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.REFUSED
    assert "replicates into" in result.reason
    assert world.objects.writes == 0


@pytest.mark.parametrize(
    ("metadata", "replica", "targets"),
    [
        (v3(bundle_under(THERE)), True, {f"orders-{THERE}"}),  # converges
        (v3(blob_under(THERE)), False, {f"orders-{THERE}"}),  # the other region's copy is the replica
        (v3(blob_under(THERE)), True, {"an-archive"}),  # nobody rewrites there
        (v3(blob_under(THERE)), True, set()),  # one-way
    ],
)
def test_what_is_not_rewritten_in_turn_is_rewrapped(metadata: dict[str, str], replica: bool, targets: set[str]) -> None:  # noqa: FBT001  # a parametrised example
    world = World()
    world.objects.targets = frozenset(targets)
    world.put(metadata, replica=replica)

    assert world.service.rewrap(world.bucket, "k").outcome is RewrapOutcome.REWRAPPED


def test_a_bundle_too_big_for_s3_metadata_is_refused_and_left_as_it_is() -> None:
    world = World(THERE, HERE)
    world.put(v3(bundle_under(THERE), filler="x" * 1500))

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.REFUSED
    assert "2048" in result.reason
    assert world.objects.writes == 0


def test_no_result_and_no_record_shows_a_data_key() -> None:
    world = World()
    world.put(v3(blob_under(THERE, bytes(32))))

    with pytest.raises(CommitmentError) as raised:
        world.service.rewrap(world.bucket, "k")

    assert DATA_KEY.hex() not in repr(raised.value)
    assert bytes(32).hex() not in repr(raised.value)
