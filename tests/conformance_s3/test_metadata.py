"""Headers and metadata outside ASCII: what S3 shows of them, and that they may be sent back as they are shown."""

import base64
from email.header import decode_header, make_header

import pytest

from tests.conformance.behaviour import behaviour

from .world import S3World

CONTEXT = '{"tenant": "Zürich"}'
TEXTS = {
    "latin": CONTEXT,
    # what a client that writes UTF-8 into the header leaves behind: S3 takes each byte for a character
    "doubly encoded": CONTEXT.encode().decode("latin-1"),
    "emoji": "😀",
    "control characters": "\x00\x01\x02\x03",
}
EVERY = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
RECORDED = "recorded: test_user_metadata_rfc2047_encoded, 2026-02-21"


def encoded(text: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


@behaviour(RECORDED, "guide: UsingMetadata")
@EVERY
def test_metadata_outside_ascii_is_shown_encoded(world: S3World, text: str) -> None:
    one = world.put(world.plain, Metadata={"text": encoded(text)})

    shown = world.head(one.at)["Metadata"]["text"]

    assert shown.isascii()
    assert shown.startswith(("=?UTF-8?Q?", "=?UTF-8?B?"))
    assert decoded(shown) == text


@behaviour(RECORDED, "guide: UsingMetadata")
@EVERY
def test_metadata_is_the_same_when_it_is_sent_back_as_it_was_shown(world: S3World, text: str) -> None:
    one = world.put(world.plain, Metadata={"text": encoded(text)})
    shown = world.head(one.at)["Metadata"]

    world.s3.copy_object(**one.at, **one.source, MetadataDirective="REPLACE", Metadata=shown)

    assert world.head(one.at)["Metadata"] == shown


@behaviour(RECORDED)
def test_metadata_that_is_ascii_is_shown_plainly(world: S3World) -> None:
    plain = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    one = world.put(world.plain, Metadata={"encoded": encoded("abc"), "plain": plain})

    assert world.head(one.at)["Metadata"] == {"encoded": "abc", "plain": plain}


@behaviour("recorded: test_system_metadata_with_unicode, 2026-02-21")
def test_headers_outside_ascii_come_back_byte_by_byte(world: S3World) -> None:
    one = world.put(world.plain, CacheControl="ÄMÄZÕÑ S3")

    assert world.head(one.at)["CacheControl"].encode("latin-1").decode() == "ÄMÄZÕÑ S3"
