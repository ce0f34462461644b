"""Object annotations: payloads with a name beside an object. Known from the service model alone."""

from typing import Any

import pytest

from tests.conformance.behaviour import behaviour

from .test_conditional_writes import OTHER_ETAG
from .world import S3World, Stored

FROM_THE_MODEL = "the service model names the calls and their errors; no account was asked"
CALLS = tuple(f"s3:{one}ObjectAnnotation" for one in ("Put", "Get", "Delete"))


@pytest.fixture
def annotated(world: S3World) -> Stored:
    one = world.put(world.versioned, b"data", Metadata={"a": "1"})
    annotate(world, one, "wraps", b"payload")
    return one


def annotate(world: S3World, one: Stored, name: str, payload: bytes, **options: Any) -> Any:
    return world.s3.put_object_annotation(**one.at, AnnotationName=name, AnnotationPayload=payload, **options)


def payload_of(world: S3World, at: dict[str, Any], name: str) -> bytes:
    content: bytes = world.s3.get_object_annotation(**at, AnnotationName=name)["AnnotationPayload"].read()
    return content


@behaviour(*CALLS, assumed=FROM_THE_MODEL)
def test_an_annotation_is_read_and_changed_without_the_object(world: S3World, annotated: Stored) -> None:
    before = world.picture(annotated.at)

    annotate(world, annotated, "wraps", b"other payload")

    assert payload_of(world, annotated.at, "wraps") == b"other payload"
    assert world.picture(annotated.at) == before


@behaviour(*CALLS, assumed=FROM_THE_MODEL)
def test_an_annotation_belongs_to_its_version(world: S3World, annotated: Stored) -> None:
    newer = world.put(annotated.bucket, b"newer", annotated.key)

    world.refused("NoSuchAnnotation", 404, world.s3.get_object_annotation, **newer.at, AnnotationName="wraps")

    assert payload_of(world, annotated.there, "wraps") == b"payload"


@behaviour(*CALLS, assumed=FROM_THE_MODEL)
def test_an_annotation_is_deleted(world: S3World, annotated: Stored) -> None:
    world.s3.delete_object_annotation(**annotated.at, AnnotationName="wraps")

    world.refused("NoSuchAnnotation", 404, world.s3.get_object_annotation, **annotated.at, AnnotationName="wraps")


@behaviour("s3:ListObjectAnnotations", assumed=FROM_THE_MODEL)
def test_annotations_are_listed_by_name_in_pages(world: S3World, annotated: Stored) -> None:
    for name in ("b", "a1", "a2"):
        annotate(world, annotated, name, b"payload")

    first = world.s3.list_object_annotations(**annotated.at, AnnotationPrefix="a", MaxAnnotationResults=1)
    rest = world.s3.list_object_annotations(
        **annotated.at, AnnotationPrefix="a", ContinuationToken=first["NextContinuationToken"]
    )

    assert [one["AnnotationName"] for one in first["Annotations"]] == ["a1"]
    assert [(one["AnnotationName"], one["Size"]) for one in rest["Annotations"]] == [("a2", 7)]


@behaviour("s3:PutObjectAnnotation", assumed=FROM_THE_MODEL)
def test_an_annotation_is_put_only_on_the_object_that_is_expected(world: S3World, annotated: Stored) -> None:
    put = {"AnnotationName": "wraps", "AnnotationPayload": b"other"}

    world.refused(
        "PreconditionFailed", 412, world.s3.put_object_annotation, **annotated.at, **put, ObjectIfMatch=OTHER_ETAG
    )
    assert payload_of(world, annotated.at, "wraps") == b"payload"
    annotate(world, annotated, "wraps", b"other", ObjectIfMatch=annotated.etag)

    assert payload_of(world, annotated.at, "wraps") == b"other"


@behaviour("facts 5.4", "s3:PutObjectAnnotation", assumed=FROM_THE_MODEL)
def test_an_annotation_has_at_most_1_mib(world: S3World, annotated: Stored) -> None:
    annotate(world, annotated, "large", b"p" * (1 << 20))
    put = {"AnnotationName": "larger", "AnnotationPayload": b"p" * ((1 << 20) + 1)}

    world.refused("InvalidRequest", 400, world.s3.put_object_annotation, **annotated.at, **put)


@behaviour("s3:CopyObject", "facts 5.4", assumed=FROM_THE_MODEL)
@pytest.mark.parametrize("directive", ["COPY", "EXCLUDE"])
def test_a_copy_takes_annotations_as_its_directive_says(world: S3World, annotated: Stored, directive: str) -> None:
    at = {"Bucket": annotated.bucket, "Key": world.new_key()}

    world.s3.copy_object(**at, **annotated.source, AnnotationDirective=directive)

    if directive == "COPY":
        assert payload_of(world, at, "wraps") == b"payload"
    else:
        world.refused("NoSuchAnnotation", 404, world.s3.get_object_annotation, **at, AnnotationName="wraps")
