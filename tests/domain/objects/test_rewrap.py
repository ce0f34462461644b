"""What rewrapping promises, whatever the format, the order and the moment of a crash."""

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.objects.proven_write import MAX_COPIES
from kms_failover.domain.objects.rewrap_result import RewrapOutcome
from kms_failover.errors import CommitmentError, ObjectChangedError, UnknownBucketError
from tests.domain.objects.rewrap_world import (
    CONTEXT,
    DATA_KEY,
    HERE,
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

    assert result.outcome is RewrapOutcome.REWRAPPED
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
    assert second.outcome is (RewrapOutcome.ALREADY if first.outcome is RewrapOutcome.REWRAPPED else first.outcome)


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
    assert result.outcome is RewrapOutcome.REFUSED or world.opens_here()


def test_an_object_that_opens_here_already_is_not_written() -> None:
    world = World()
    world.put(v3(blob_under(HERE)))

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.ALREADY
    assert world.objects.writes == 0


def test_a_bundle_gains_the_local_wrap_while_a_third_region_is_silent() -> None:
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE)))
    world.keys.down = {THIRD}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert world.ledger.owed_to() == {THIRD}
    assert world.opens_here()


def test_a_bundle_without_a_local_wrap_is_not_written_for_the_sake_of_the_others() -> None:
    """What cannot be proved with the local key is not written; the debt covers all that is missing."""
    world = World(THERE, HERE, THIRD)
    world.put(v3(bundle_under(THERE)))
    world.keys.decrypt_only = {HERE}

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert world.ledger.owed_to() == {HERE, THIRD}
    assert world.objects.writes == 0


def test_success_is_said_only_after_what_was_written_has_opened() -> None:
    world = World()
    world.put(v3(blob_under(THERE)))
    world.objects.after_write = lambda: world.keys.down.add(HERE)

    result = world.service.rewrap(world.bucket, "k")

    assert result.outcome is RewrapOutcome.OWED
    assert world.ledger.owed_to() == {HERE}


def test_a_bundle_keeps_the_wraps_it_has() -> None:
    world = World()
    world.put(v3(bundle_under(THERE)))

    world.service.rewrap(world.bucket, "k")

    bundle = Bundle.parse(base64.b64decode(world.metadata["x-amz-3"]))
    assert [wrap.key_arn for wrap in bundle.wraps] == [arn(THERE), arn(HERE)]


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

    assert result.outcome is RewrapOutcome.REWRAPPED
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


@pytest.mark.parametrize("bucket", ["somebody-elses", f"orders-{THERE}"])
def test_objects_of_other_buckets_stay_in_the_queue_and_are_named(bucket: str) -> None:
    with pytest.raises(UnknownBucketError, match=bucket):
        World().service.rewrap(bucket, "k")


def test_the_worlds_blobs_open_under_their_context_only() -> None:
    world = World()

    assert world.keys.open_locally(blob_under(HERE), CONTEXT) == DATA_KEY
    assert world.keys.open_locally(blob_under(HERE), {}) is None
    assert key_set().regions == (THERE, HERE)
