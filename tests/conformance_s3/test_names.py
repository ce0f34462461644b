"""Names of objects: every one that S3 takes comes back as it was, from reads, copies, listings and deletions."""

import pytest

from tests.conformance.behaviour import behaviour

from .uploads import Upload
from .world import S3World

NAMES = {
    "plain": "a/b/c.txt",
    "space": "a b",
    "plus": "a+b",
    "percent": "100%",
    "percent encoded": "a%2Fb%20c",
    "two slashes": "a//b",
    "leading slash": "/a",
    "trailing slash": "a/",
    "dot": "./x",
    "dot in between": "a/./x",
    "up within": "a/b/../x",
    "question mark": "q?versionId=abc",
    "hash": "#a",
    "quotes": "\"a\" 'b'",
    "ampersand": "a&b<c>",
    "semicolon": "a;b=c",
    "tab": "a\tb",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "umlaut": "Zürich",
    "decomposed umlaut": "Zu\u0308rich",
    "emoji": "😀",
    "backslash": "a\\b",
    "asterisk": "a*b",
    "1024 bytes": "n" * 1024,
    "1024 bytes of emoji": "😀" * 256,
}
EVERY = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
SOURCES = ("recorded: test_put_get_object_special_character, 2026-02-21", "guide: object-keys")


@behaviour(*SOURCES, "recorded: test_put_and_get_object_with_utf8_key, 2026-02-21")
@EVERY
def test_a_name_is_written_read_and_deleted(world: S3World, name: str) -> None:
    one = world.put(world.plain, b"data", name)

    assert world.body(one.at) == b"data"
    world.s3.delete_object(**one.at)
    world.refused("404", 404, world.s3.head_object, **one.at)


@behaviour(*SOURCES, "recorded: test_copy_object_special_character, 2026-02-21")
@EVERY
def test_a_name_is_listed_and_copied_onto_itself(world: S3World, name: str) -> None:
    one = world.put(world.versioned, b"data", name)

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", Metadata={"a": "1"}, IfMatch=one.etag)

    assert world.head(one.at)["Metadata"] == {"a": "1"}
    listed = world.s3.list_objects_v2(Bucket=one.bucket, Prefix=name)["Contents"]
    assert [entry["Key"] for entry in listed if entry["Key"] == name] == [name]
    assert len(world.versions(one.bucket, name)) == 2


@behaviour("guide: object-keys")
@pytest.mark.parametrize("name", ["n" * 1025, "😀" * 256 + "n"], ids=["letters", "emoji"])
def test_a_name_has_at_most_1024_bytes(world: S3World, name: str) -> None:
    error = world.refused("KeyTooLongError", 400, world.s3.put_object, Bucket=world.plain, Key=name)

    assert error["Message"] == "Your key is too long"


@behaviour(
    "guide: object-keys", assumed="the guide forbids names that lead further up than down; reports say `../d` works"
)
def test_a_name_that_begins_with_a_step_up_is_taken(world: S3World) -> None:
    one = world.put(world.plain, b"data", "../x")

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", Metadata={"a": "1"}, IfMatch=one.etag)

    assert world.head(one.at)["Metadata"] == {"a": "1"}
    assert "../x" in [entry["Key"] for entry in world.s3.list_objects_v2(Bucket=one.bucket, Prefix="..")["Contents"]]


@behaviour("recorded: test_s3_uppercase_key_names, 2026-02-21")
def test_names_differ_by_case(world: S3World) -> None:
    one = world.put(world.plain, b"data", f"CamelCase-{world.new_key()}")

    error = world.refused("NoSuchKey", 404, world.s3.get_object, Bucket=one.bucket, Key=one.key.lower())

    assert error["Key"] == one.key.lower()


@behaviour("recorded: test_delete_objects_encoding, 2026-02-21")
def test_several_names_are_deleted_as_they_are(world: S3World) -> None:
    bucket = world.buckets.new()
    names = ["a%2Fb", "a/%F0%9F%98%80", "a+b c", "😀", "a&b<c>"]
    for name in names:
        world.put(bucket, b"data", name)

    answer = world.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names]})

    assert sorted(entry["Key"] for entry in answer["Deleted"]) == sorted(names)
    assert world.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@behaviour("recorded: test_multipart_with_unicode_character_location, 2026-02-21")
def test_an_upload_in_parts_takes_such_a_name(world: S3World) -> None:
    upload = Upload(world, world.plain, "Zürich 100% + 😀")
    upload.put(b"data")

    assert upload.complete()["Key"] == "Zürich 100% + 😀"
    assert world.body(upload.at) == b"data"
