"""The drop-in client: two wraps or nothing, the cache, the reservoir."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.data_keys.cache import DEGRADED_SECONDS
from kms_failover.domain.data_keys.settings import CacheLimits, ReservoirLimits, Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from tests.client.kms_world import (
    AT_ONCE,
    CONTEXT,
    FOREVER,
    World,
    aws_error,
    code_of,
    generate,
    kms_world,
    late_after,
    opened,
    unreachable,
)
from tests.domain.strategies import EAST, WEST

# Two wraps or nothing


@pytest.mark.parametrize("lost", [EAST, WEST])
@pytest.mark.parametrize("operation", ["generate_data_key", "encrypt"])
def test_whoever_wants_two_wraps_or_nothing_gets_nothing_of_one(
    monkeypatch: pytest.MonkeyPatch, lost: str, operation: str
) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=2, deadline_seconds=FOREVER)) as world:
        asked: dict[str, Any] = {"KeySpec": "AES_256"} if operation == "generate_data_key" else {"Plaintext": b"m"}
        call = getattr(world.failover, operation)
        both = call(KeyId="orders", **asked)["KmsFailover"]["Regions"]
        world.kms[lost].fails = unreachable

        code = code_of(call, KeyId="orders", **asked)

        assert both == [EAST, WEST]
        assert code == "DependencyTimeoutException"


def test_more_wraps_than_there_are_regions_is_a_mistake_and_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=3)) as world:
        assert code_of(generate, world=world) == "ValidationException"
        assert code_of(world.failover.encrypt, KeyId="orders", Plaintext=b"m") == "ValidationException"
        assert world.kms[EAST].calls == []


def test_a_region_that_was_overtaken_still_wraps_for_whoever_wants_two(monkeypatch: pytest.MonkeyPatch) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=2, deadline_seconds=FOREVER)) as world:
        late_after(world.regional[EAST], AT_ONCE)
        east = world.kms[EAST]

        def slow(event_name: str, **_event: object) -> None:
            if event_name.endswith("GenerateDataKey"):
                east.release.wait(FOREVER)

        east.client.meta.events.register("before-send.kms", slow)

        made = generate(world)

        assert made["KmsFailover"]["AnsweredBy"] == WEST
        assert made["KmsFailover"]["Regions"] == [EAST, WEST]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_why_there_are_too_few_wraps_is_said_where_another_region_would_not_help(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    with kms_world(monkeypatch, settings=Settings(min_wraps=2, deadline_seconds=FOREVER)) as world:
        monkeypatch.setattr("kms_failover.client.bundler.THROTTLE_BASE_SECONDS", 0.0)
        world.kms[WEST].fails = aws_error(code)

        assert code_of(generate, world=world) == code


def test_a_related_key_counts_for_each_region_that_it_opens_in(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(min_wraps=2, deadline_seconds=FOREVER)
    with kms_world(monkeypatch, related=(EAST, WEST), settings=settings) as world:
        assert generate(world)["KmsFailover"]["Regions"] == [EAST, WEST]


# The cache and the reservoir


@contextmanager
def cached(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[World]:
    with kms_world(monkeypatch, settings=Settings(deadline_seconds=FOREVER, **settings)) as world:
        yield world


HOUR = CacheLimits(max_age_seconds=3600, max_uses=3)


def test_a_cached_key_needs_no_region_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        opened(world, first["CiphertextBlob"])
        for kms in world.kms.values():
            kms.fails = unreachable

        again, read = generate(world), opened(world, first["CiphertextBlob"])

        assert again == first
        assert read["Plaintext"] == first["Plaintext"]


@pytest.mark.parametrize(
    "other", [{"EncryptionContext": {"order": "43"}}, {"EncryptionContext": {}}, {"KeySpec": "AES_128"}]
)
def test_a_cached_key_is_for_its_own_context_and_size_only(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        opened(world, first["CiphertextBlob"])

        assert generate(world, **other)["Plaintext"] != first["Plaintext"]
        wrong = code_of(opened, world=world, blob=first["CiphertextBlob"], EncryptionContext={"order": "43"})
        assert wrong == "InvalidCiphertextException"


@pytest.mark.parametrize("replaced", ["name", "keys"])
def test_a_cached_key_is_for_its_own_key_set_and_member_keys_only(
    monkeypatch: pytest.MonkeyPatch, replaced: str
) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        name = "invoices" if replaced == "name" else "orders"
        members = tuple(MemberKey(region=r, arn=world.new_key(r)) for r in (EAST, WEST))
        other = KeySet(name=name, members=world.key_set.members if replaced == "name" else members)
        world.state.put_key_set(other)
        world.routes._key_sets._tried_at = float("-inf")

        second = generate(world, KeyId=name)

        assert second["Plaintext"] != first["Plaintext"]
        assert [wrap.key_arn for wrap in Bundle.parse(second["CiphertextBlob"]).wraps] == list(other.names[2:])


def test_a_degraded_key_is_cached_for_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        world.kms[WEST].fails = unreachable
        generate(world)

        cache = world.failover._operations._cache
        assert cache is not None
        (entry,) = cache._entries.values()

        assert entry.expires_at - entry.made_at == DEGRADED_SECONDS


def test_a_cached_key_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        keys = [generate(world)["Plaintext"] for _ in range(6)]

        assert [keys.index(key) for key in keys] == [0, 0, 0, 3, 3, 3]


def test_a_changed_route_ends_what_was_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        moved = world.route.but(regions=(WEST, EAST), epoch=3)
        first = generate(world)
        monkeypatch.setattr(world.routes, "_route", lambda _key_set: moved)

        assert generate(world)["Plaintext"] != first["Plaintext"]


def test_what_a_caller_does_to_its_answer_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR) as world:
        first = generate(world)
        key, regions = first.pop("Plaintext"), first["KmsFailover"]["Regions"]
        regions.clear()

        again = generate(world)

        assert again["Plaintext"] == key
        assert again["KmsFailover"]["Regions"] == [EAST, WEST]


def test_a_key_without_plaintext_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, cache=HOUR, reservoir=ReservoirLimits(keys=2)) as world:
        first = generate(world)

        without = world.failover.generate_data_key_without_plaintext(
            KeyId="orders", KeySpec="AES_256", EncryptionContext=CONTEXT
        )

        assert Bundle.parse(without["CiphertextBlob"]).commitment != Bundle.parse(first["CiphertextBlob"]).commitment


@pytest.mark.parametrize("wrong", [-1, "1", 1.5, True])
def test_message_bytes_are_a_number_of_bytes(world: World, wrong: Any) -> None:
    with pytest.raises(ParamValidationError, match="MessageBytes"):
        generate(world, MessageBytes=wrong)


def test_keys_made_ahead_are_single_and_open(monkeypatch: pytest.MonkeyPatch) -> None:
    with cached(monkeypatch, reservoir=ReservoirLimits(keys=4)) as world:
        made = [generate(world) for _ in range(20)]

        assert len({one["Plaintext"] for one in made}) == 20
        assert all(opened(world, one["CiphertextBlob"])["Plaintext"] == one["Plaintext"] for one in made)
