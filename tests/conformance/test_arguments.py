"""What is said of arguments that KMS does not take, as accounts of AWS were recorded to say it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .behaviour import behaviour
from .world import World, id_of

INVALID = "ValidationException"
VIOLATION = "1 validation error detected: "


def message(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])


def tags(*names: str) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": "v"} for name in names]


@behaviour("recorded: test_create_alias, 2023-04-13")
def test_an_alias_must_have_its_prefix(world: World) -> None:
    refused = world.refused(INVALID, world.here.create_alias, AliasName="orders", TargetKeyId=id_of(world.key()))

    assert message(refused).startswith('Alias must start with the prefix "alias/". Please see https://')


@behaviour("recorded: test_hmac_create_key_invalid_operations, 2023-04-13")
def test_a_mac_key_must_be_told_its_usage(world: World) -> None:
    refused = world.refused(INVALID, world.here.create_key, KeySpec="HMAC_256")

    said = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
    assert message(refused) == said


@pytest.mark.parametrize("name", ["KeySpec", "KeyUsage"])
@behaviour("recorded: test_hmac_create_key_invalid_operations, 2023-04-13")
def test_a_value_that_is_not_in_the_set_is_quoted(world: World, name: str) -> None:
    refused = world.refused(INVALID, world.here.create_key, **{name: "RANDOM"})

    member = name[0].lower() + name[1:]
    said = f"{VIOLATION}Value 'RANDOM' at '{member}' failed to satisfy constraint: "
    assert message(refused).startswith(f"{said}Member must satisfy enum value set: [")


@pytest.mark.parametrize(("tag", "member"), [("TagKey", "tagKey"), ("TagValue", "tagValue")])
@behaviour(
    "recorded: test_create_key_with_invalid_tag_key, 2025-01-22",
    "recorded: test_key_with_long_tag_value_raises_error, 2025-01-21",
)
def test_what_is_too_long_in_a_list_is_named_by_its_place(world: World, tag: str, member: str) -> None:
    longest = 128 if tag == "TagKey" else 256
    value = "v" * (longest + 1)

    refused = world.refused(INVALID, world.here.create_key, Tags=[tags("name")[0] | {tag: value}])

    said = f"failed to satisfy constraint: Member must have length less than or equal to {longest}"
    assert message(refused) == f"{VIOLATION}Value '{value}' at 'tags.1.member.{member}' {said}"


@behaviour("recorded: test_plaintext_size_for_encrypt, 2023-04-13")
def test_a_plaintext_that_is_too_long_is_not_quoted(world: World) -> None:
    refused = world.refused(INVALID, world.here.encrypt, KeyId=id_of(world.key()), Plaintext=b"x" * 4097)

    said = "Member must have length less than or equal to 4096"
    assert message(refused) == f"{VIOLATION}Value at 'plaintext' failed to satisfy constraint: {said}"


@behaviour("recorded: test_generate_random_invalid_number_of_bytes, 2023-04-13")
def test_a_number_out_of_bounds_is_quoted(world: World) -> None:
    refused = world.refused(INVALID, world.here.generate_random, NumberOfBytes=1025)

    said = "Member must have value less than or equal to 1024"
    assert message(refused) == f"{VIOLATION}Value '1025' at 'numberOfBytes' failed to satisfy constraint: {said}"


@behaviour("recorded: test_generate_random_invalid_number_of_bytes, 2023-04-13")
def test_random_bytes_need_their_number(world: World) -> None:
    refused = world.refused(INVALID, world.here.generate_random)

    assert message(refused) == "NumberOfBytes is required."


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (tags("one", "one"), "Duplicate tag keys"),
        (tags("aws:key"), "Tags beginning with aws: are reserved"),
        (tags("AWS:key"), "Tags beginning with aws: are reserved"),
        (tags(*(f"key{number}" for number in range(51))), "Too many tags"),
    ],
    ids=["twice", "reserved", "reserved in capitals", "51"],
)
@behaviour(
    "recorded: test_create_key_with_invalid_tag_key, 2025-01-22",
    "recorded: test_create_key_with_too_many_tags_raises_error, 2025-01-21",
    "recorded: test_tag_key_with_duplicate_tag_keys_raises_error, 2025-01-17, of TagResource",
)
def test_a_key_is_not_made_with_such_tags(world: World, wanted: list[Any], said: str) -> None:
    refused = world.refused("TagException", world.here.create_key, Tags=wanted)

    assert message(refused) == said


@pytest.mark.parametrize("names", [("one", "one"), ("aws:key",)], ids=["twice", "reserved"])
@behaviour(
    "recorded: test_tag_key_with_duplicate_tag_keys_raises_error, 2025-01-17",
    "recorded: test_tag_existing_key_with_invalid_tag_key, 2025-01-21",
)
def test_a_key_does_not_get_such_tags(world: World, names: tuple[str, ...]) -> None:
    world.refused("TagException", world.here.tag_resource, KeyId=id_of(world.key()), Tags=tags(*names))


@behaviour("recorded: test_update_and_add_tags_on_tagged_key, 2025-01-17")
def test_a_tag_that_is_there_gets_a_new_value(world: World) -> None:
    key = id_of(world.key())
    world.here.tag_resource(KeyId=key, Tags=tags("name"))

    world.here.tag_resource(KeyId=key, Tags=[{"TagKey": "name", "TagValue": "other"}])

    listed = world.here.list_resource_tags(KeyId=key)["Tags"]
    assert [tag["TagValue"] for tag in listed if tag["TagKey"] == "name"] == ["other"]
