"""What rewrapping promises, whatever the format, the order and the moment of a crash."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.bundle import Bundle, Wrap
from kms_failover.domain.objects.debt import Debt
from kms_failover.domain.objects.object_record import REFUSED
from kms_failover.domain.objects.rewrap import MAX_COPIES, Outcome
from kms_failover.errors import CommitmentError, ObjectChangedError, TamperedError, UnknownBucketError
from tests.domain.objects.rewrap_world import (
    CONTEXT,
    DATA_KEY,
    HERE,
    NOW,
    THERE,
    THIRD,
    World,
    arn,
    blob_under,
    bundle_under,
    key_set,
    v2,
    v3,
)

FORMATS = [
    v3(blob_under(THERE)),
    v3(blob_under(HERE)),
    v3(bundle_under(THERE)),
    v3(bundle_under(THERE, HERE)),
    v2(blob_under(THERE)),
    v2(bundle_under(THERE)),
    {"mine": "no envelope"},
    v3(blob_under(THERE)) | v2(blob_under(THERE)),
]
formats = st.sampled_from(FORMATS)
outages = st.frozensets(st.sampled_from([HERE, THERE]))
WRAPPED_KEYS = {"x-amz-3", "x-amz-key-v2"}


class CrashError(Exception):
    pass


def rest_of(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if name not in WRAPPED_KEYS}


@pytest.mark.parametrize("wrap", [v3, v2])
@pytest.mark.parametrize("wrapped_key", [blob_under(THERE), bundle_under(THERE)], ids=["plain", "bundle"])
def test_an_object_of_another_region_opens_with_the_local_key_alone(wrap: object, wrapped_key: bytes) -> None:
    world = World()
    world.put(v3(wrapped_key) if wrap is v3 else v2(wrapped_key))

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.REWRAPPED
    assert world.opens_here()


@given(formats, outages)
def test_doing_it_twice_changes_nothing(metadata: dict[str, str], down: frozenset[str]) -> None:
    world = World()
    world.put(metadata)
    world.keys.down = set(down)
    first = world.service.rewrap(world.bucket, "k")
    after_first = dict(world.metadata), world.objects.writes, world.ledger.owed_to()

    second = world.service.rewrap(world.bucket, "k")

    assert (dict(world.metadata), world.objects.writes, world.ledger.owed_to()) == after_first
    assert second.outcome is (Outcome.ALREADY if first.outcome is Outcome.REWRAPPED else first.outcome)


@given(formats, outages, st.dictionaries(st.sampled_from(["a", "b", "content-note"]), st.text("xyz", max_size=9)))
def test_the_body_and_all_other_metadata_never_change(
    metadata: dict[str, str], down: frozenset[str], others: dict[str, str]
) -> None:
    world = World()
    world.put(metadata | others)
    world.keys.down = set(down)
    body = world.objects.bodies[world.bucket, "k"]

    world.service.rewrap(world.bucket, "k")

    assert rest_of(world.metadata) == rest_of(metadata | others)
    assert world.objects.bodies[world.bucket, "k"] == body


@pytest.mark.parametrize("moment", ["before_write", "after_write"])
@pytest.mark.parametrize("metadata", [v3(blob_under(THERE)), v3(bundle_under(THERE)), v2(blob_under(THERE))])
def test_a_crash_at_any_write_leaves_the_old_object_or_the_new_one(moment: str, metadata: dict[str, str]) -> None:
    world = World()
    world.put(metadata)

    def crash() -> None:
        raise CrashError

    setattr(world.objects, moment, crash)

    with pytest.raises(CrashError):
        world.service.rewrap(world.bucket, "k")

    assert dict(world.metadata) == metadata or world.opens_here()
    setattr(world.objects, moment, lambda: None)
    world.service.rewrap(world.bucket, "k")
    assert world.opens_here()


@given(formats, st.lists(st.tuples(outages, st.booleans()), max_size=5))
def test_after_any_weather_one_calm_run_leaves_no_debt(
    metadata: dict[str, str], weather: list[tuple[frozenset[str], bool]]
) -> None:
    world = World()
    world.put(metadata)
    for down, _ in weather:
        world.keys.down = set(down)
        world.service.rewrap(world.bucket, "k")
    world.keys.down = set()

    result = world.service.rewrap(world.bucket, "k")

    assert world.ledger.all_debts() == []
    assert result.outcome is Outcome.REFUSED or world.opens_here()


def test_an_object_that_opens_here_already_is_not_written() -> None:
    world = World()
    world.put(v3(blob_under(HERE)))

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.ALREADY
    assert world.objects.writes == 0


def test_a_plain_object_whose_region_is_silent_is_owed_to_the_local_region() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.OWED
    assert world.ledger.owed_to() == {HERE}
    assert [debt.code for debt in world.ledger.all_debts()] == ["ReadTimeoutError"]
    assert world.objects.writes == 0


def test_a_bundle_is_owed_to_each_region_without_a_wrap() -> None:
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE)))
    world.keys.down = {THERE}

    world.service.rewrap(world.bucket, "k")

    assert world.ledger.owed_to() == {HERE, THIRD}


def test_a_bundle_gains_the_local_wrap_while_a_third_region_is_silent() -> None:
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE)))
    world.keys.down = {THIRD}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.OWED
    assert world.ledger.owed_to() == {THIRD}
    assert world.opens_here()


def test_a_bundle_without_a_local_wrap_is_not_written_for_the_sake_of_the_others() -> None:
    """What cannot be proved with the local key is not written; the debt covers all that is missing."""
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE)))
    world.keys.decrypt_only = {HERE}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.OWED
    assert world.ledger.owed_to() == {HERE, THIRD}
    assert world.objects.writes == 0


def test_success_is_said_only_after_what_was_written_has_opened() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.objects.after_write = lambda: world.keys.down.add(HERE)

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.OWED
    assert world.ledger.owed_to() == {HERE}


def test_a_bundle_keeps_the_wraps_it_has() -> None:
    world = World()
    world.put(v3(bundle_under(THERE)))

    world.service.rewrap(world.bucket, "k")

    bundle = Bundle.parse(base64.b64decode(world.metadata["x-amz-3"]))
    assert [wrap.key_arn for wrap in bundle.wraps] == [arn(THERE), arn(HERE)]


def test_when_the_local_kms_is_silent_a_complete_bundle_is_owed_here_until_it_is_proved() -> None:
    world = World()
    world.put(v3(bundle_under(THERE, HERE)))
    world.keys.down = {HERE}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.OWED
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
        assert world.service.rewrap(world.bucket, "k").outcome is Outcome.REFUSED

    world.ledger.before_clear = another_worker_is_first
    older = world.service.rewrap(world.bucket, "k")

    assert older.outcome is Outcome.ALREADY
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
    assert (result.outcome, world.ledger.all_debts()) == (Outcome.REFUSED, [])
    assert "no member key opens it" in refusal.reason


def test_a_bundle_whose_wraps_are_all_refused_is_a_refusal_and_ends() -> None:
    world = World()
    world.put(v3(bundle_under(THERE, HERE), **{"x-amz-t": json.dumps({"aws:x-amz-cek-alg": "115"})}))
    world.service.record_failure(world.bucket, "k", "InvalidCiphertextException")

    result = world.service.rewrap(world.bucket, "k")

    assert (result.outcome, world.ledger.all_debts()) == (Outcome.REFUSED, [])


def test_a_bundle_whose_own_wrap_is_spoilt_is_refused_and_its_debt_waits_for_a_person() -> None:
    world = World()
    spoilt = Wrap(arn(HERE), blob_under(HERE, context={}))
    sound = Bundle.parse(bundle_under(THERE))
    world.put(v3(bytes(sound.with_wraps((spoilt,), world.key_set))))
    world.service.record_failure(world.bucket, "k", "InvalidCiphertextException")

    result = world.service.rewrap(world.bucket, "k")

    (debt,) = world.ledger.all_debts()
    assert (result.outcome, debt.owed_to, debt.code) == (Outcome.REFUSED, HERE, REFUSED)


def test_a_refusal_does_not_clear_the_debt_of_what_still_opens_elsewhere_only() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.keys.down = {THERE}
    world.service.rewrap(world.bucket, "k")
    world.keys.down = set()
    world.objects.never = "it is archived"

    result = world.service.rewrap(world.bucket, "k")

    (debt,), (refusal,) = world.ledger.all_debts(), world.ledger.all_refusals()
    assert (result.outcome, refusal.reason) == (Outcome.REFUSED, "it is archived")
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

    assert result.outcome is Outcome.REFUSED
    assert [refusal.reason for refusal in world.ledger.all_refusals()] == [world.objects.hidden]


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

    assert result.outcome is Outcome.ALREADY
    assert world.ledger.all_debts() == []


def test_an_overwritten_object_is_not_touched_and_is_tried_again() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.objects.before_write = lambda: world.put({"somebody": "else"}, size=9)

    with pytest.raises(ObjectChangedError):
        world.service.rewrap(world.bucket, "k")

    assert world.metadata == {"somebody": "else"}


def test_a_legal_hold_that_came_while_kms_was_asked_is_on_the_new_version() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))

    def slowly(blob: bytes) -> bytes:
        world.objects.set_hold(world.bucket, "k")
        return blob

    world.keys.mangle = slowly

    world.service.rewrap(world.bucket, "k")

    assert world.objects.stored[world.bucket, "k"].settings == {"hold": "ON"}
    assert world.opens_here()


@pytest.mark.parametrize("change", ["a version", "a hold"])
def test_what_somebody_changes_in_the_moment_of_the_write_is_not_lost(change: str) -> None:
    """Neither changes the ETag, so the write's condition holds; the version below ours shows it."""
    world = World()
    world.put(v3(blob_under(THERE)))

    def meanwhile() -> None:
        world.objects.before_write = lambda: None
        if change == "a version":
            world.objects.change(world.bucket, "k", {"mine": "changed"}, hold="ON")
        else:
            world.objects.set_hold(world.bucket, "k")

    world.objects.before_write = meanwhile

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.REWRAPPED
    assert world.metadata["mine"] == ("changed" if change == "a version" else "stays")
    assert world.objects.stored[world.bucket, "k"].settings == {"hold": "ON"}
    assert world.opens_here()


def test_an_object_that_is_changed_at_every_write_is_not_called_a_success() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    changes = iter(range(99))
    world.objects.before_write = lambda: world.objects.change(world.bucket, "k", {"mine": f"{next(changes)}"})

    with pytest.raises(ObjectChangedError):
        world.service.rewrap(world.bucket, "k")

    assert world.objects.writes == MAX_COPIES


def test_an_object_overwritten_just_after_the_write_is_not_called_a_success() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.objects.after_write = lambda: world.put(v3(blob_under(THERE)), size=9)

    with pytest.raises(ObjectChangedError):
        world.service.rewrap(world.bucket, "k")


@pytest.mark.parametrize("wrap", [v3, v2])
def test_a_wrap_that_does_not_open_is_never_written(wrap: object) -> None:
    world = World()
    world.put(v3(blob_under(THERE)) if wrap is v3 else v2(blob_under(THERE)))
    before = dict(world.metadata)
    world.keys.mangle = lambda _blob: b"{}"

    with pytest.raises(CommitmentError):
        world.service.rewrap(world.bucket, "k")

    assert world.metadata == before


@pytest.mark.parametrize("wrap", [v3, v2])
def test_a_wrap_of_another_data_key_is_never_written(wrap: object) -> None:
    world = World()
    world.put(v3(blob_under(THERE)) if wrap is v3 else v2(blob_under(THERE)))
    before = dict(world.metadata)
    world.keys.mangle = lambda _blob: blob_under(HERE, bytes(32))

    with pytest.raises(CommitmentError):
        world.service.rewrap(world.bucket, "k")

    assert world.metadata == before


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
    assert result.outcome is Outcome.REFUSED
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

    assert world.service.rewrap(world.bucket, "k").outcome is Outcome.ALREADY
    assert world.ledger.all_refusals() == []


@pytest.mark.parametrize("bucket", ["somebody-elses", f"orders-{THERE}"])
def test_objects_of_other_buckets_stay_in_the_queue_and_are_named(bucket: str) -> None:
    with pytest.raises(UnknownBucketError, match=bucket):
        World().service.rewrap(bucket, "k")


def test_a_plain_replica_whose_bucket_replicates_back_is_refused() -> None:
    world = World()
    world.objects.targets = frozenset({f"orders-{THERE}"})
    world.put(v3(blob_under(THERE)), replica=True)

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.REFUSED
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
def test_what_cannot_ping_pong_is_rewrapped(metadata: dict[str, str], replica: bool, targets: set[str]) -> None:  # noqa: FBT001  # a parametrised example
    world = World()
    world.objects.targets = frozenset(targets)
    world.put(metadata, replica=replica)

    assert world.service.rewrap(world.bucket, "k").outcome is Outcome.REWRAPPED


def test_a_bundle_too_big_for_s3_metadata_is_refused_and_left_as_it_is() -> None:
    world = World(THERE, HERE)
    world.put(v3(bundle_under(THERE), filler="x" * 1500))

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is Outcome.REFUSED
    assert "2048" in result.reason
    assert world.objects.writes == 0


def test_no_result_and_no_record_shows_a_data_key() -> None:
    world = World()
    world.put(v3(blob_under(THERE, bytes(32))))

    with pytest.raises(CommitmentError) as raised:
        world.service.rewrap(world.bucket, "k")

    assert DATA_KEY.hex() not in repr(raised.value)
    assert bytes(32).hex() not in repr(raised.value)


def test_the_worlds_blobs_open_under_their_context_only() -> None:
    world = World()

    assert world.keys.open_locally(blob_under(HERE), CONTEXT) == DATA_KEY
    assert world.keys.open_locally(blob_under(HERE), {}) is None
    assert key_set().regions == (THERE, HERE)


def test_a_bundle_whose_wrap_for_here_could_not_be_tried_is_owed_here_beside_the_regions_that_it_lacks() -> None:
    """An earlier look failed, so nobody knows whether it opens here; one that cannot know either ends no debt."""
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE, HERE)))
    world.service.record_failure(world.bucket, "k", "AccessDenied")
    world.keys.down = {HERE}

    result = world.service.rewrap(world.bucket, "k")

    assert (result.outcome, world.ledger.owed_to()) == (Outcome.OWED, {HERE, THIRD})
