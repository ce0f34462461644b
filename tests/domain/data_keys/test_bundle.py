"""The bundle: nothing but a bundle is one, and it never yields another key than its own."""

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.data_keys.bundle import (
    MAGIC,
    MAX_BUNDLE_BYTES,
    Bundle,
    Kind,
    Wrap,
    bundle_commitment,
    is_bundle,
)
from kms_failover.errors import BundleError, CommitmentError
from tests.domain.strategies import (
    EAST,
    IRELAND,
    WEST,
    arn,
    bundles,
    contexts,
    data_keys,
    key_names,
    key_set,
    related_key_set,
)

S3_METADATA_BYTES = 2048  # facts 6.1
S3_ENCRYPTION_CLIENT_BYTES = 300  # its other entries, names included; about 250 with a short context

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "bundle-format.md"

# docs/bundle-format.md, "Test vectors": a change of these bytes orphans every bundle in the world
VECTOR_KEY = bytes(range(32))
VECTOR_CONTEXT = {"order": "42"}
VECTOR_COMMITMENT = "26f10994bbd11baef92c33369fbba82b0756ded27ec834e139d8ebf74a1b538f"
VECTOR_WRAPS = (Wrap(arn(EAST, "1234abcd"), b"east blob"), Wrap(arn(WEST, "mrk-5678"), b"west blob"))
VECTOR = (
    "4b46420101066f726465727326f10994bbd11baef92c33369fbba82b0756ded27ec834e139d8ebf74a1b538f02002f61726e"
    "3a6177733a6b6d733a75732d656173742d313a3131313132323232333333333a6b65792f3132333461626364000965617374"
    "20626c6f62002f61726e3a6177733a6b6d733a75732d776573742d323a3131313132323232333333333a6b65792f6d726b2d"
    "3536373800097765737420626c6f62"
)


@given(bundles())
def test_any_bundle_round_trips(made: tuple[Bundle, bytes, dict[str, str]]) -> None:
    bundle, key, context = made

    read = Bundle.parse(bytes(bundle))

    assert read == bundle
    assert is_bundle(bytes(bundle))
    read.verify(key, context)


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda tail: MAGIC + tail))
def test_any_bytes_are_a_bundle_or_one_error(data: bytes) -> None:
    try:
        bundle = Bundle.parse(data)
    except BundleError:
        return

    assert bytes(bundle) == data


@given(bundles(), st.data())
def test_a_mutated_byte_is_refused_or_harmless_but_never_another_key(
    made: tuple[Bundle, bytes, dict[str, str]], data: st.DataObject
) -> None:
    bundle, key, context = made
    raw = bytearray(bytes(bundle))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))

    try:
        read = Bundle.parse(bytes(raw))
        read.verify(key, context)
    except BundleError:
        return

    assert (read.key_set, read.kind, read.commitment) == (bundle.key_set, bundle.kind, bundle.commitment)
    assert read.wraps != bundle.wraps  # a wrap changed: KMS refuses it, or it names a key that is never asked


@given(bundles(), st.data())
def test_a_truncated_bundle_is_refused(made: tuple[Bundle, bytes, dict[str, str]], data: st.DataObject) -> None:
    raw = bytes(made[0])
    cut = data.draw(st.integers(0, len(raw) - 1))

    with pytest.raises(BundleError):
        Bundle.parse(raw[:cut])


@given(bundles(), st.binary(min_size=1, max_size=8))
def test_nothing_follows_a_bundle(made: tuple[Bundle, bytes, dict[str, str]], tail: bytes) -> None:
    with pytest.raises(BundleError):
        Bundle.parse(bytes(made[0]) + tail)


@given(data_keys, data_keys, key_names, key_names, contexts, contexts, st.sampled_from(Kind), st.sampled_from(Kind))
def test_a_commitment_fixes_key_key_set_kind_and_context(
    key: bytes,
    other_key: bytes,
    name: str,
    other_name: str,
    context: dict[str, str],
    other_context: dict[str, str],
    kind: Kind,
    other_kind: Kind,
) -> None:
    first = bundle_commitment(key, name, kind, context)

    second = bundle_commitment(other_key, other_name, other_kind, other_context)

    assert (first == second) == ((key, name, kind, context) == (other_key, other_name, other_kind, other_context))


@given(bundles(), data_keys)
def test_another_key_is_refused(made: tuple[Bundle, bytes, dict[str, str]], other: bytes) -> None:
    bundle, key, context = made
    if other == key:
        return

    with pytest.raises(CommitmentError):
        bundle.verify(other, context)


@given(contexts)
def test_the_order_of_a_context_does_not_matter(context: dict[str, str]) -> None:
    backwards = dict(reversed(context.items()))

    assert bundle_commitment(VECTOR_KEY, "orders", Kind.DATA_KEY, context) == bundle_commitment(
        VECTOR_KEY, "orders", Kind.DATA_KEY, backwards
    )


@pytest.mark.parametrize(
    ("context", "neighbour"),
    [
        ({"a": "b"}, {"a": "B"}),
        ({"a": "b", "c": "d"}, {"a": 'b","c":"d'}),
        ({}, {"": ""}),
        ({"é": ""}, {"\\u00e9": ""}),
    ],
)
def test_contexts_that_look_alike_commit_differently(context: dict[str, str], neighbour: dict[str, str]) -> None:
    one, other = (bundle_commitment(VECTOR_KEY, "orders", Kind.DATA_KEY, c) for c in (context, neighbour))

    assert one != other


def test_a_commitment_does_not_contain_its_key() -> None:
    assert VECTOR_KEY[:8] not in bundle_commitment(VECTOR_KEY, "orders", Kind.DATA_KEY, {})


@given(bundles())
def test_adding_the_same_wraps_again_changes_nothing(made: tuple[Bundle, bytes, dict[str, str]]) -> None:
    bundle = made[0]
    others = tuple(Wrap(wrap.key_arn, b"another blob") for wrap in bundle.wraps)

    again = bundle.with_wraps(others, key_set())

    assert again == bundle


@given(bundles(), st.integers(1, 3))
def test_there_is_always_room_for_the_wraps_of_the_key_sets_own_keys(
    made: tuple[Bundle, bytes, dict[str, str]], count: int
) -> None:
    own = key_set(*(EAST, WEST, IRELAND)[:count])

    full = made[0].with_wraps(tuple(Wrap(m.arn, b"fresh") for m in own.members), own)

    assert Bundle.parse(bytes(full)) == full
    assert not full.lacking(own)
    assert [wrap for wrap in made[0].wraps if wrap in full.wraps] == list(made[0].wraps)[-(8 - count) :]


def test_a_bundle_lacks_the_regions_that_open_none_of_its_wraps() -> None:
    bundle = Bundle("orders", Kind.DATA_KEY, bytes(32), (Wrap(arn(WEST), b"west"), Wrap(arn(IRELAND), b"stranger")))

    assert bundle.blobs_by_member(key_set()) == {arn(WEST): b"west"}
    assert [member.region for member in bundle.lacking(key_set())] == [EAST]


@pytest.mark.parametrize("order", [1, -1])
def test_a_related_key_opens_its_own_wrap_before_anothers(order: int) -> None:
    related = related_key_set()
    east, west = (member.arn for member in related.members)
    one = Bundle("orders", Kind.DATA_KEY, bytes(32), (Wrap(west, b"west"),))
    both = Bundle("orders", Kind.DATA_KEY, bytes(32), (Wrap(west, b"west"), Wrap(east, b"east"))[::order])

    assert one.blobs_by_member(related) == {east: b"west", west: b"west"}
    assert both.blobs_by_member(related) == {east: b"east", west: b"west"}


def test_a_related_keys_wrap_opens_although_that_key_has_left_the_key_set() -> None:
    family = related_key_set()
    gone, there = family.members
    bundle = Bundle("orders", Kind.DATA_KEY, bytes(32), (Wrap(gone.arn, b"east"),))
    left = family.but(members=(there,))

    assert bundle.blobs_by_member(left) == {there.arn: b"east"}
    assert not bundle.lacking(left)


def test_three_regions_fit_into_s3_metadata_beside_the_encryption_clients_own() -> None:
    id_of_kms, blob = "12345678-1234-1234-1234-123456789012", bytes(184)  # AWS's lengths
    wraps = tuple(Wrap(arn(region, id_of_kms), blob) for region in (EAST, WEST, IRELAND))

    bundle = bytes(Bundle("orders", Kind.DATA_KEY, bytes(32), wraps))

    assert len(base64.b64encode(bundle)) + S3_ENCRYPTION_CLIENT_BYTES <= S3_METADATA_BYTES


def test_a_wrap_knows_its_region() -> None:
    assert Wrap(arn(WEST), b"blob").region == WEST


def _raw(
    *, kind: int = 1, name: bytes = b"orders", wraps: int = 1, key: bytes = arn(EAST).encode(), blob: bytes = b"b"
) -> bytes:
    wrap = len(key).to_bytes(2) + key + len(blob).to_bytes(2) + blob
    return MAGIC + bytes([kind, len(name)]) + name + bytes(32) + bytes([wraps]) + wrap * wraps


def test_the_accepted_neighbour_of_the_refused_ones_below_is_a_bundle() -> None:
    assert Bundle.parse(_raw()).wraps == (Wrap(arn(EAST), b"b"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"KFB\x02" + _raw()[4:],
        _raw(kind=0),
        _raw(kind=3),
        _raw(name=b""),
        _raw(name=b"Orders"),
        _raw(name=b"or\xffers"),
        _raw(name=b"o" * 64),
        _raw(wraps=0),
        _raw(wraps=2),  # the same key twice
        _raw(key=b"orders"),
        _raw(key=arn(EAST).encode() + b"\n"),
        _raw(key=b"arn:aws:kms:us-east-1:111122223333:alias/orders"),
        _raw(blob=b""),
        _raw(blob=b"b" * 6145),
        bytes(MAX_BUNDLE_BYTES + 1),
    ],
)
def test_what_is_not_quite_a_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        Bundle.parse(data)


def test_the_documented_vectors_are_bundles_of_the_keys_that_they_are_said_to_be() -> None:
    blocks = re.findall(r"(?:^    [0-9a-f]+\n)+", DOCUMENT.read_text(), re.MULTILINE)
    data_key, message = (Bundle.parse(bytes.fromhex("".join(block.split()))) for block in blocks)

    data_key.verify(VECTOR_KEY, VECTOR_CONTEXT)
    message.verify(VECTOR_KEY + b"a message", {})

    assert bytes(data_key).hex() == VECTOR
    assert (message.kind, message.wraps) == (Kind.MESSAGE, VECTOR_WRAPS[:1])


def test_the_format_never_changes() -> None:
    commitment = bundle_commitment(VECTOR_KEY, "orders", Kind.DATA_KEY, VECTOR_CONTEXT)

    bundle = Bundle("orders", Kind.DATA_KEY, commitment, VECTOR_WRAPS)

    assert commitment.hex() == VECTOR_COMMITMENT
    assert bytes(bundle).hex() == VECTOR
    assert Bundle.parse(bytes.fromhex(VECTOR)) == bundle
