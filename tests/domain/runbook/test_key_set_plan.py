"""What putting key sets into force changes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from kms_failover.domain.key_set import Bucket, Failback, KeySet, MemberKey
from kms_failover.domain.runbook.key_set_change import AppliedKeySet, ChangeKind, changes
from kms_failover.domain.runbook.key_set_plan import MOST_NAMED, KeySetPlan
from tests.domain.strategies import ACCOUNT, EAST, IRELAND, WEST, key_set, key_sets, member, related_key_set


def in_force(*there: KeySet) -> dict[str, AppliedKeySet]:
    return {one.name: AppliedKeySet(one.name, one.model_dump_json()) for one in there}


@given(key_sets, key_sets)
def test_there_is_a_detail_exactly_where_something_differs(before: KeySet, after: KeySet) -> None:
    (change,) = changes(in_force(before), [after], whole=True)

    assert (change.kind is ChangeKind.UNCHANGED) == (not change.details)
    assert change.kind is ChangeKind.UNCHANGED or before != after
    assert all(detail.before != detail.after for detail in change.details)


@given(st.permutations([EAST, WEST, IRELAND]))
def test_another_order_is_a_change_and_loses_no_member(order: list[str]) -> None:
    (change,) = changes(in_force(key_set(EAST, WEST, IRELAND)), [key_set(*order)], whole=True)

    assert change.kind is (ChangeKind.UNCHANGED if order == [EAST, WEST, IRELAND] else ChangeKind.CHANGED)
    assert not change.lost


def test_the_order_of_buckets_is_no_change() -> None:
    buckets = [Bucket(name="invoices", region=EAST), Bucket(name="archive", region=WEST)]
    before, after = (key_set().but(buckets=tuple(order)) for order in (buckets, buckets[::-1]))

    (change,) = changes(in_force(before), [after], whole=True)

    assert change.kind is ChangeKind.UNCHANGED


def test_what_a_newer_version_has_put_into_force_is_shown_to_go_when_it_is_written_anew() -> None:
    body = key_set().model_dump(mode="json") | {"callers": ["arn:aws:iam::111122223333:role/app"]}
    body["rules"]["patience"] = 3
    there = {"orders": AppliedKeySet("orders", json.dumps(body))}
    held = key_set().but(failback=Failback.AUTOMATIC)

    (written,), (not_written,) = changes(there, [held], whole=True), changes(there, [key_set()], whole=True)

    assert {detail.field: detail.after for detail in written.details} == {
        "failback": "automatic",
        "rules.patience": None,
        "callers": None,
    }
    assert not_written.kind is ChangeKind.UNCHANGED


def test_a_member_is_lost_unless_a_related_key_opens_what_it_has_wrapped() -> None:
    one_left = related_key_set().but(members=related_key_set().members[:1])

    (related,) = changes(in_force(related_key_set()), [one_left], whole=True)
    (single,) = changes(in_force(key_set(EAST, WEST)), [key_set(EAST)], whole=True)

    assert related.kind is ChangeKind.CHANGED
    assert not related.lost
    assert single.lost == (member(WEST).arn,)


def test_members_of_several_accounts_are_told_when_one_comes() -> None:
    foreign = MemberKey(region=WEST, arn=member(WEST).arn.replace(ACCOUNT, "999999999999"))
    mixed = key_set(EAST).but(members=(member(EAST), foreign))
    held = mixed.but(failback=Failback.AUTOMATIC)

    (come,) = changes(in_force(key_set(EAST)), [mixed], whole=True)
    (there,) = changes(in_force(mixed), [held], whole=True)

    assert come.accounts == (ACCOUNT, "999999999999")
    assert there.kind is ChangeKind.CHANGED
    assert not there.accounts


def test_what_stays_beside_a_file_is_told_and_beside_a_former_version_is_not() -> None:
    there = in_force(key_set(), key_set(name="archive"))

    whole = changes(there, [key_set()], whole=True)

    assert [(change.key_set, change.kind) for change in whole] == [("orders", "unchanged"), ("archive", "stays")]
    assert len(changes(there, [key_set()], whole=False)) == 1


def test_only_what_is_new_in_some_region_is_looked_at_as_new() -> None:
    wider = key_set(EAST, WEST, IRELAND)
    plan = KeySetPlan(
        (wider, key_set(name="payments")), {EAST: in_force(key_set(), key_set(name="payments")), WEST: in_force(wider)}
    )

    assert [str(write) for write in plan.writes] == [f"orders in {EAST}", f"payments in {WEST}"]
    assert plan.members == {member(EAST): True, member(WEST): True, member(IRELAND): True}
    assert KeySetPlan((wider,), {EAST: in_force(key_set())}).members == {
        member(EAST): False,
        member(WEST): False,
        member(IRELAND): True,
    }


def test_a_member_whose_ciphertexts_a_related_key_opens_may_be_named_as_one_that_goes() -> None:
    related = related_key_set()
    plan = KeySetPlan((related.but(members=related.members[:1]),), {WEST: in_force(related)})

    assert plan.lost == ()
    assert list(plan.not_removed([related.members[1].arn])) == []


def test_of_many_members_in_force_the_first_are_named() -> None:
    there = [key_set(name=f"set-{number}").but(members=(member(EAST, f"{number}"),)) for number in range(20)]
    (line,) = KeySetPlan(tuple(there), {WEST: in_force(*there)}).not_removed(["arn"])

    assert line.count("arn:aws:kms:") == MOST_NAMED
    assert line.endswith(f" and {20 - MOST_NAMED} more")


def test_a_member_may_go_from_one_key_set_and_stay_in_another() -> None:
    both, other = key_set(), key_set(name="payments")
    plan = KeySetPlan((both.but(members=both.members[:1]), other), {WEST: in_force(both, other)})

    assert plan.lost == (both.members[1].arn,)
    assert list(plan.not_removed(plan.lost)) == []
