"""Key sets: what fits together is accepted, and each neighbour that does not is refused with a reason."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from kms_failover.domain.key_set import KeySet, KeySets, MemberKey, Rules
from tests.domain.strategies import EAST, IRELAND, WEST, arn, key_ids, key_set, regions


def refused(model: Any, data: Any) -> str:
    with pytest.raises(ValidationError) as error:
        model.model_validate(data)
    return str(error.value)


@given(regions, key_ids)
def test_a_member_keys_region_is_its_arns_own(region: str, key_id: str) -> None:
    member = MemberKey(region=region, arn=arn(region, key_id))

    assert member.key_id == key_id


@pytest.mark.parametrize(
    "wrong",
    [
        "1234abcd",
        "alias/orders",
        f"arn:aws:kms:{EAST}:111122223333:alias/orders",
        f"arn:aws:s3:{EAST}:111122223333:key/1234",
        f"arn:aws:kms:{EAST}:11112222333:key/1234",
        f"arn:aws:kms:{EAST}:11112222333\u0663:key/1234",
        f"arn:aws:kms:{EAST}:111122223333:key/",
        f"arn:aws:kms:{EAST}:111122223333:key/1234\n",
        f" {arn(EAST)}",
    ],
)
def test_only_a_key_arn_is_a_member(wrong: str) -> None:
    assert "is no KMS key ARN" in refused(MemberKey, {"region": EAST, "arn": wrong})


def test_an_arn_of_another_region_is_refused_with_both_named() -> None:
    message = refused(MemberKey, {"region": EAST, "arn": arn(WEST)})

    assert f"belongs to {WEST}, not to {EAST}" in message


def test_related_multi_region_keys_open_each_others_ciphertexts_and_no_other_keys_do() -> None:
    related, replica = (MemberKey(region=r, arn=arn(r, "mrk-1234")) for r in (EAST, WEST))
    stranger, single, same_id = (
        MemberKey(region=WEST, arn=arn(WEST, "mrk-5678")),
        MemberKey(region=EAST, arn=arn(EAST, "1234")),
        MemberKey(region=WEST, arn=arn(WEST, "1234")),
    )

    assert related.opens(replica.arn)
    assert single.opens(single.arn)
    assert not related.opens(stranger.arn)
    assert not single.opens(same_id.arn)
    assert not related.opens(replica.arn.replace("111122223333", "444455556666"))
    assert not related.opens(replica.arn.replace("arn:aws:", "arn:aws-cn:"))
    assert not related.opens("orders")


def members(*names: str, origin: str = "AWS_KMS") -> list[dict[str, str]]:
    return [{"region": name, "arn": arn(name), "origin": origin} for name in names]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"name": "orders", "members": []}, "members"),
        ({"name": "orders", "members": members(EAST, EAST)}, "two member keys in one region"),
        ({"name": "orders", "members": members(EAST, origin="EXTERNAL")}, "needs `material.secret`"),
        ({"name": "orders", "members": members(EAST), "buckets": [{"name": "b-1", "region": WEST}]}, "has no key"),
        ({"name": "Orders", "members": members(EAST)}, "name"),
        ({"name": "orders\n", "members": members(EAST)}, "name"),
        ({"name": "", "members": members(EAST)}, "name"),
        ({"name": "orders", "members": members(EAST), "failbck": "held"}, "failbck"),
        ({"name": "orders", "members": members(EAST), "rules": {"faults_to_impair": 0}}, "faults_to_impair"),
        (
            {"name": "o", "members": members(EAST), "material": {"secret": "s", "valid_for_days": 30}},
            "renew_before_days must be smaller",
        ),
        (
            {"name": "o", "members": members(EAST), "material": {"secret": "s", "valid_for_days": 366}},
            "valid_for_days",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_with_its_reason(data: dict[str, Any], reason: str) -> None:
    assert reason in refused(KeySet, data)


def test_a_file_names_each_key_set_once() -> None:
    twice = {"key_sets": [{"name": "orders", "members": members(EAST)}] * 2}

    assert "named twice: orders" in refused(KeySets, twice)


def test_a_file_names_no_bucket_twice_and_no_members_of_two_partitions() -> None:
    west = {"name": "orders-west", "region": WEST}
    orders = {"name": "orders", "members": members(EAST, WEST), "buckets": [west]}
    china = {"region": "cn-north-1", "arn": arn("cn-north-1").replace("arn:aws:", "arn:aws-cn:")}

    twice = refused(KeySets, {"key_sets": [orders | {"buckets": [west, west]}]})
    in_two = refused(KeySets, {"key_sets": [orders, orders | {"name": "payments"}]})
    partitions = refused(KeySets, {"key_sets": [{"name": "orders", "members": [*members(EAST), china]}]})

    assert "bucket 'orders-west' belongs to key set 'orders' already" in twice
    assert "bucket 'orders-west' belongs to key set 'orders' already" in in_two
    assert "lies in another partition than" in partitions


def test_what_a_file_may_not_say_can_still_be_read_where_it_is_in_force() -> None:
    west = {"name": "orders-west", "region": WEST}

    orders = KeySet.model_validate({"name": "orders", "members": members(EAST, WEST), "buckets": [west, west]})

    assert len(orders.buckets) == 2


def test_a_key_set_answers_to_its_name_its_alias_and_its_members() -> None:
    orders = key_set(EAST, WEST)

    assert orders.names == ("orders", "alias/orders", arn(EAST), arn(WEST))


def test_a_window_reaches_back_as_far_as_a_verdict_does() -> None:
    """A run of faults with every other round mute, the signal that agrees with its first, and a clock's skew."""
    corroborated = Rules(unknown_after_seconds=100, corroboration_seconds=300, of_rounds=7)
    quiet = Rules(unknown_after_seconds=1000)

    assert corroborated.window.total_seconds() == 300 + 7 * 10 * 2 + 60
    assert quiet.window.total_seconds() == 1000 + 60


@pytest.mark.parametrize(
    "rules", [{"faults_to_impair": 3, "of_rounds": 2}, {"of_rounds_when_corroborated": 1}, {"minimum_answers": 0}]
)
def test_rules_that_could_never_hold_are_refused(rules: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Rules.model_validate(rules)


def test_a_key_set_survives_its_way_through_json() -> None:
    orders = key_set(EAST, WEST, IRELAND)

    assert KeySet.model_validate_json(orders.model_dump_json()) == orders


def test_every_rule_stands_in_the_documents_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")

    told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))

    assert told == {name: str(field.default).lower() for name, field in Rules.model_fields.items()}
