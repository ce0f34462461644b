"""`kms-failover apply` on two regions' tables and the strict KMS: what it shows, refuses, asks, writes and keeps."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from kms_failover.adapters.state_table import StateTable
from kms_failover.domain.key_set import KeySet
from kms_failover_command import apply, terminal
from kms_failover_command.main import main
from kms_failover_command.outcome import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE
from local.strict_kms import mock_strict_kms
from tests.adapters.tables import create_state_table
from tests.domain.strategies import EAST, WEST, arn

TABLE = "kms-failover-state"
REGIONS = ["--region", EAST, "--region", WEST]


def new_key(region: str, **settings: Any) -> str:
    return str(boto3.client("kms", region_name=region).create_key(**settings)["KeyMetadata"]["Arn"])


@dataclass
class Operator:
    """At a keyboard, with a file; `said` is what the command has shown, `answers` what is typed when it asks."""

    file: Path
    capsys: pytest.CaptureFixture[str]
    tables: dict[str, Any]
    keys: dict[str, str]
    out: str = ""
    err: str = ""
    questions: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return self.out + self.err

    def orders(self, **changes: Any) -> dict[str, Any]:
        members = [{"region": region, "arn": self.keys[region]} for region in (EAST, WEST)]
        return {"name": "orders", "members": members, **changes}

    def writes(self, *key_sets: dict[str, Any]) -> None:
        self.file.write_text(json.dumps({"key_sets": key_sets}), "utf-8")

    def types(self, *arguments: str) -> int:
        status = main(["apply", *arguments])
        self.out, self.err = self.capsys.readouterr()
        return status

    def applies(self, *flags: str) -> int:
        return self.types(str(self.file), *REGIONS, *flags)

    def has_applied(self, *key_sets: dict[str, Any]) -> None:
        self.writes(*key_sets)
        assert self.applies("--yes", "--author", "ana") == 0, self.err

    def in_force(self, region: str = WEST) -> dict[str, KeySet]:
        return {one.name: one for one in StateTable(self.tables[region], region).key_sets()}


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: it reads the services' models once."""
    return boto3.Session("testing", "testing", region_name=EAST)


type Hook = Callable[[str, Callable[..., Any]], None]


@pytest.fixture
def before_sending(session: boto3.Session) -> Iterator[Hook]:
    """Has a function answer, or cut, each request of `kms.DescribeKey`, say."""
    hooks: list[tuple[str, Callable[..., Any]]] = []

    def hook(operation: str, function: Callable[..., Any]) -> None:
        hooks.append((f"before-send.{operation}", function))
        session.events.register(*hooks[-1])

    yield hook
    for name, function in hooks:
        session.events.unregister(name, function)


@pytest.fixture
def operator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, session: boto3.Session
) -> Iterator[Operator]:
    monkeypatch.setattr(terminal, "NOTICE_SECONDS", 600.0)
    with mock_strict_kms():
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)  # moto has just emptied it
        tables = {region: create_state_table(region, TABLE) for region in (EAST, WEST)}
        keys = {region: new_key(region) for region in (EAST, WEST)}
        yield Operator(tmp_path / "key-sets.yaml", capsys, tables, keys)


def attended(monkeypatch: pytest.MonkeyPatch, typed: str, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Somebody reads the question; `meanwhile` happens before the answer."""

    def is_attended() -> bool:
        meanwhile()
        return True

    monkeypatch.setattr(apply, "is_attended", is_attended)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))


# The question

NEEDS_OF_A_BUCKET = [
    "  a new bucket must stand in BucketNames of its region's stack, with its EventBridge notifications on:",
    "    nobody hears of its objects otherwise. What is in it already, a backfill finds: kms-failover sweep",
]


def test_a_bucket_where_no_stack_may_be_is_told(operator: Operator) -> None:
    """It is accepted: another command may name that region."""
    operator.writes(operator.orders(buckets=[{"name": "orders-west", "region": WEST}]))

    status = operator.types(str(operator.file), "--region", EAST, "--yes")

    assert (status, operator.err) == (0, "")
    assert operator.out.splitlines()[-5:-1] == [
        *NEEDS_OF_A_BUCKET,
        f"  ! bucket orders-west lies in {WEST}, which no --region names: if no stack is there, nothing in it",
        "    is ever brought under that region's key, and no alarm rings",
    ]


def test_nothing_is_told_of_a_bucket_that_was_there_or_goes(operator: Operator) -> None:
    buckets = [{"name": f"orders-{region}", "region": region} for region in (EAST, WEST)]
    operator.has_applied(operator.orders(buckets=buckets))
    operator.writes(operator.orders(buckets=buckets[:1], failback="automatic"))

    operator.applies("--yes")

    assert "BucketNames" not in operator.out


def test_what_is_new_is_shown_and_written_in_each_region(operator: Operator) -> None:
    operator.writes(operator.orders(buckets=[{"name": "orders-west", "region": WEST}]))

    status = operator.applies("--yes")

    assert (status, operator.err) == (0, "")
    assert operator.out.splitlines() == [
        f"orders: new, in {EAST} and {WEST}",
        f"  + member {operator.keys[EAST]}: {EAST}, AWS_KMS",
        f"  + member {operator.keys[WEST]}: {WEST}, AWS_KMS",
        f"  + order: {EAST} > {WEST}",
        "  + failback: held",
        f"  + bucket orders-west: {WEST}",
        "  a new member key must stand in MemberKeyArns of the stacks in every region as well",
        *NEEDS_OF_A_BUCKET,
        f"applied: orders (in {EAST}, {WEST})",
    ]
    assert operator.in_force(EAST) == operator.in_force(WEST) != {}


def test_what_changes_is_shown_and_what_does_not_is_one_line(operator: Operator) -> None:
    bucket = {"name": "orders-west", "region": WEST}
    payments = operator.orders(name="payments")
    operator.has_applied(operator.orders(buckets=[bucket]), payments, operator.orders(name="archive"))
    rules = {"healthy_after_seconds": 300}
    members = operator.orders()["members"][::-1]
    operator.writes(operator.orders(members=members, failback="automatic", rules=rules), payments)

    status = operator.applies("--yes")

    assert (status, operator.err) == (0, "")
    assert operator.out.splitlines() == [
        f"orders: changes in {EAST} and {WEST}",
        f"  ~ order: {EAST} > {WEST} -> {WEST} > {EAST}",
        "  ~ failback: held -> automatic",
        "  ~ rules.healthy_after_seconds: 600 -> 300",
        f"  - bucket orders-west: {WEST} (its objects are no longer kept openable)",
        f"payments: unchanged in {EAST} and {WEST}",
        f"archive: in force in {EAST} and {WEST} and not in the file: it stays as it is",
        f"applied: orders (in {EAST}, {WEST})",
    ]
    assert set(operator.in_force()) == {"orders", "payments", "archive"}


def test_regions_that_differ_are_shown_each(operator: Operator) -> None:
    operator.writes(operator.orders())
    operator.types(str(operator.file), "--region", EAST, "--yes")

    operator.applies("--yes")

    assert f"orders: unchanged in {EAST}\norders: new, in {WEST}\n" in operator.out
    assert operator.in_force(WEST) == operator.in_force(EAST)


def test_nothing_is_asked_where_nothing_changes(operator: Operator) -> None:
    operator.has_applied(operator.orders())

    assert operator.applies() == 0
    assert f"nothing to apply: it is in force already (in {EAST}, {WEST})" in operator.out


def test_without_a_terminal_nothing_is_written_unless_yes_is_said(operator: Operator) -> None:
    operator.writes(operator.orders())

    assert operator.applies() == EXIT_REFUSED
    assert "add --yes" in operator.err
    assert "orders: new" in operator.out
    assert operator.in_force() == {}


@pytest.mark.parametrize(("typed", "status"), [("yes\n", 0), ("Y\n", 0), ("no\n", EXIT_REFUSED), ("", EXIT_REFUSED)])
def test_who_is_asked_decides(operator: Operator, monkeypatch: pytest.MonkeyPatch, typed: str, status: int) -> None:
    operator.writes(operator.orders())
    attended(monkeypatch, typed)

    assert operator.applies() == status
    assert f"Put this into force in deployment 'kms-failover', {EAST} and {WEST}, and" in operator.err
    assert bool(operator.in_force()) == (status == 0)


def test_json_has_the_difference_and_nothing_else_stands_beside_it(operator: Operator) -> None:
    operator.has_applied(operator.orders())
    operator.writes(operator.orders(failback="automatic"))
    details = [{"field": "failback", "before": "held", "after": "automatic"}]
    changed = {
        "key_set": "orders",
        "kind": "changed",
        "accounts": [],
        "lost": [],
        "regions": [EAST, WEST],
        "details": details,
    }

    operator.applies("--json")
    refused = json.loads(operator.out)
    operator.applies("--json", "--yes")
    applied = json.loads(operator.out)

    assert refused["Difference"] == applied["Difference"] == [changed]
    assert refused["Error"]["Code"] == "NotAsked"
    assert applied["applied"] == ["orders"]
    assert "~ failback: held -> automatic" in operator.err


# What is refused


def test_a_key_that_kms_does_not_know_is_refused(operator: Operator) -> None:
    missing = arn(WEST, "11111111-2222-3333-4444-555555555555").replace("111122223333", "123456789012")
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": missing}]))

    assert operator.applies("--yes", "--unchecked") == EXIT_REFUSED
    assert f"KMS in {WEST} knows no key {missing}" in operator.err
    assert operator.in_force() == {}


def test_a_key_that_is_not_what_the_file_says_is_refused(operator: Operator) -> None:
    external = new_key(WEST, Origin="EXTERNAL")
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": external}]))

    assert operator.applies("--yes") == EXIT_REFUSED
    assert f"{external} has origin EXTERNAL, and the key set says AWS_KMS" in operator.err


def test_an_external_key_that_waits_for_its_first_material_is_taken(operator: Operator) -> None:
    members = [{"region": r, "arn": new_key(r, Origin="EXTERNAL"), "origin": "EXTERNAL"} for r in (EAST, WEST)]
    operator.writes(operator.orders(members=members, material={"secret": "kms-failover/orders"}))

    assert operator.applies("--yes") == 0


def test_a_disabled_key_is_refused_as_new_and_told_where_it_is_in_force(operator: Operator) -> None:
    boto3.client("kms", region_name=WEST).disable_key(KeyId=operator.keys[WEST])
    operator.writes(operator.orders())

    refused = operator.applies("--yes"), operator.err
    boto3.client("kms", region_name=WEST).enable_key(KeyId=operator.keys[WEST])
    operator.has_applied(operator.orders())
    boto3.client("kms", region_name=WEST).disable_key(KeyId=operator.keys[WEST])
    operator.writes(operator.orders(failback="automatic"))

    assert refused[0] == EXIT_REFUSED
    assert f"{operator.keys[WEST]} is Disabled: it makes and opens nothing" in refused[1]
    assert operator.applies("--yes") == 0
    assert f"WARNING: {operator.keys[WEST]} is Disabled: it makes and opens nothing; it is in force already" in (
        operator.out
    )


def denied(request: Any, **_: object) -> AWSResponse:
    body = json.dumps({"__type": "AccessDeniedException", "message": "not\x1b[2J\nyou"}).encode()
    raw = io.BytesIO(body)
    raw.stream = lambda *_args, **_kwargs: iter([body])  # type: ignore[attr-defined]  # as urllib3's has
    return AWSResponse(request.url, 400, {}, raw)  # type: ignore[arg-type]  # its own mapping, or any


def silent(request: Any, **_: object) -> None:
    if WEST in request.url:
        raise ReadTimeoutError(endpoint_url=request.url)


@pytest.mark.parametrize(
    ("answer", "told"), [(denied, r"AccessDeniedException: "), (silent, "ReadTimeoutError: Read timeout on endpoint")]
)
def test_a_key_that_could_not_be_looked_at_is_never_passed_over_in_silence(
    operator: Operator, before_sending: Hook, answer: Callable[..., Any], told: str
) -> None:
    before_sending("kms.DescribeKey", answer)
    operator.writes(operator.orders())

    refused = operator.applies("--yes"), operator.err
    unchecked = operator.applies("--yes", "--unchecked")

    assert refused[0] == EXIT_REFUSED
    assert f"{operator.keys[WEST]} could not be looked at: {told}" in refused[1]
    assert "--unchecked" in refused[1]
    assert all(line.isprintable() for line in refused[1].split("\n"))
    assert unchecked == 0
    assert f"NOT LOOKED AT: {operator.keys[WEST]} could not be looked at: {told}" in operator.out


def test_in_an_outage_a_change_that_brings_no_key_needs_no_look_at_one(
    operator: Operator, before_sending: Hook
) -> None:
    operator.has_applied(operator.orders())
    before_sending("kms.DescribeKey", silent)
    operator.writes(operator.orders(failback="automatic"))

    assert operator.applies("--yes") == 0
    assert "WARNING: " in operator.out


def test_a_member_goes_only_if_it_is_named(operator: Operator) -> None:
    operator.has_applied(operator.orders())
    new = new_key(WEST)
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": new}]))
    flag = f"--remove-member {operator.keys[WEST]}"

    refused = operator.applies("--yes"), operator.said
    done = operator.applies("--yes", *flag.split())

    assert refused[0] == EXIT_REFUSED
    assert f"  ! {operator.keys[WEST]} GOES: " in refused[1]
    assert f"if no bundle and no object needs it any more, add {flag}" in refused[1]
    assert done == 0
    assert f"  - member {operator.keys[WEST]}: {WEST}, AWS_KMS" in operator.out
    assert operator.in_force()["orders"].members[1].arn == new


@pytest.mark.parametrize("named", [arn(EAST, "another"), EAST], ids=["an ARN", "a region"])
def test_a_member_to_remove_that_is_none_is_refused_with_those_that_are_there(operator: Operator, named: str) -> None:
    operator.has_applied(operator.orders())
    operator.writes(operator.orders(failback="automatic"))

    assert operator.applies("--yes", "--remove-member", named) == EXIT_REFUSED
    assert f"--remove-member {named}: no such member is in force" in operator.err
    assert f"there are {operator.keys[EAST]} and {operator.keys[WEST]}" in operator.err
    assert operator.in_force()["orders"].failback == "held"


def test_a_member_to_remove_that_stays_is_refused_also_where_nothing_changes(operator: Operator) -> None:
    payments = operator.orders(name="payments", members=[{"region": WEST, "arn": new_key(WEST)}])
    operator.has_applied(operator.orders(), payments)
    operator.writes(operator.orders())
    stays, elsewhere = operator.keys[EAST], payments["members"][0]["arn"]

    assert operator.applies("--yes", "--remove-member", stays, "--remove-member", elsewhere) == EXIT_REFUSED
    assert f"--remove-member {stays}: it does not go, for key set 'orders' still names it" in operator.err
    assert f"--remove-member {elsewhere}: it does not go, for key set 'payments' is not among those" in operator.err
    assert "nothing was written" in operator.err


def test_a_bucket_of_a_key_set_that_is_in_force_and_not_in_the_file_is_refused(operator: Operator) -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    operator.has_applied(operator.orders(buckets=buckets))
    operator.writes(operator.orders(name="payments", buckets=buckets))

    assert operator.applies("--yes") == EXIT_REFUSED
    assert "bucket 'orders-west' belongs to key set 'orders' already" in operator.err
    assert set(operator.in_force()) == {"orders"}


def test_a_bucket_may_move_from_one_key_set_to_another_in_one_file(operator: Operator) -> None:
    buckets = [{"name": "orders-west", "region": WEST}]
    operator.has_applied(operator.orders(buckets=buckets))
    operator.writes(operator.orders(), operator.orders(name="payments", buckets=buckets))

    assert operator.applies("--yes") == 0


def test_a_file_that_is_wrong_reaches_nobody(operator: Operator) -> None:
    operator.writes(operator.orders(failback="now"))

    assert operator.types(str(operator.file), "--check") == EXIT_REFUSED
    assert f"{operator.file}:1: key_sets.0.failback: " in operator.err


def external(operator: Operator) -> list[dict[str, str]]:
    return [{"region": r, "arn": new_key(r, Origin="EXTERNAL"), "origin": "EXTERNAL"} for r in (EAST, WEST)]


@pytest.mark.parametrize("flags", [["--check"], [*REGIONS, "--yes"]], ids=["check", "apply"])
def test_a_secret_that_the_service_may_not_read_is_refused(operator: Operator, flags: list[str]) -> None:
    operator.writes(operator.orders(members=external(operator), material={"secret": "prod/orders"}))

    refused = operator.types(str(operator.file), *flags), operator.err
    of_prod = operator.types(str(operator.file), "--check", "--deployment", "prod")

    assert refused[0] == EXIT_REFUSED
    assert "the secret 'prod/orders' does not begin with 'kms-failover/'" in refused[1]
    assert "--deployment" in refused[1]
    assert of_prod == 0
    assert operator.in_force() == {}


def test_a_secret_that_is_in_force_already_stops_no_change_beside_it(operator: Operator) -> None:
    orders = operator.orders(members=external(operator), material={"secret": "elsewhere"})
    for region in (EAST, WEST):
        StateTable(operator.tables[region], region).put_key_set(KeySet.model_validate(orders))
    operator.writes(orders | {"failback": "automatic"})

    assert operator.applies("--yes") == 0


def test_a_check_needs_no_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    file = tmp_path / "key-sets.yaml"
    members = [{"region": region, "arn": arn(region)} for region in (EAST, WEST)]
    file.write_text(json.dumps({"key_sets": [{"name": "orders", "members": members}]}), "utf-8")

    assert main(["apply", str(file), "--check"]) == 0
    assert capsys.readouterr().out == "valid: orders\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--region", EAST],
        ["--region", EAST, "--previous"],
        ["key-sets.yaml", "--region", EAST, "--key-set", "orders"],
        ["key-sets.yaml", "--region", EAST, "--key-set", "orders", "--previous"],
        ["--check", "--key-set", "orders", "--previous"],
    ],
)
def test_a_file_and_a_former_version_exclude_each_other(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["apply", *arguments])

    assert ended.value.code == EXIT_USAGE
    assert "kms-failover apply: error: " in capsys.readouterr().err


# What was in force


def test_the_former_version_comes_back_and_goes_again(operator: Operator) -> None:
    operator.has_applied(operator.orders(), operator.orders(name="payments"))
    operator.has_applied(operator.orders(failback="automatic"))
    previous = ("--previous", "--key-set", "orders", *REGIONS, "--yes", "--author", "bob")

    back = operator.types(*previous), operator.in_force()["orders"].failback.value, operator.out
    again = operator.types(*previous), operator.in_force(EAST)["orders"].failback.value

    assert (back[:2], again) == ((0, "held"), (0, "automatic"))
    assert "  ~ failback: automatic -> held\n" in back[2]
    assert "payments" not in back[2]
    assert "when bob replaced it:" in operator.err


def test_what_was_never_replaced_has_no_former_version(operator: Operator) -> None:
    operator.has_applied(operator.orders())

    assert operator.types("--previous", "--key-set", "orders", *REGIONS, "--yes") == EXIT_REFUSED
    assert f"no former version of key set 'orders' is kept in {EAST} and {WEST}" in operator.err


@pytest.mark.parametrize("body", ["{}", None, json.dumps({"name": "orders", "body": "{}", "replaced_by": "ana"})])
def test_a_former_version_that_cannot_be_read_is_not_said_to_be_missing(operator: Operator, body: str | None) -> None:
    operator.has_applied(operator.orders())
    item = {"pk": "former#orders", "sk": "2026-11-28T12:00:00+00:00\x1b[2J"}
    operator.tables[EAST].put_item(Item=item | ({"body": body} if body else {}))

    status = operator.types("--previous", "--key-set", "orders", *REGIONS, "--yes")

    assert status == EXIT_FAILED
    assert "cannot be read by this version" in operator.err
    assert "no former version" not in operator.err
    assert all(line.isprintable() for line in operator.err.split("\n"))


def test_what_an_older_version_has_applied_is_compared_replaced_and_kept(operator: Operator) -> None:
    """Its items have neither the newest fields nor, from the first days, an epoch."""
    body = json.dumps(operator.orders())
    for table in operator.tables.values():
        table.put_item(Item={"pk": "key-sets", "sk": "orders", "body": body})
    operator.writes(operator.orders())

    unchanged = operator.applies()
    operator.has_applied(operator.orders(failback="automatic"))
    operator.types("--previous", "--key-set", "orders", *REGIONS, "--yes")

    assert unchanged == 0
    assert operator.in_force()["orders"].failback.value == "held"


@pytest.mark.parametrize("item", [{"body": "{}"}, {"body": 5}, {}, {"body": '{"name": "other"}'}])
def test_what_this_version_cannot_read_is_said_to_be_replaced(operator: Operator, item: dict[str, Any]) -> None:
    for table in operator.tables.values():
        table.put_item(Item={"pk": "key-sets", "sk": "orders", **item})
    operator.writes(operator.orders())

    assert operator.applies("--yes") == 0
    assert "this version cannot read it: it is replaced by" in operator.out
    assert set(operator.in_force()) == {"orders"}


def test_a_key_set_in_the_item_of_another_is_none(operator: Operator) -> None:
    for table in operator.tables.values():
        table.put_item(Item={"pk": "key-sets", "sk": "orders", "body": json.dumps(operator.orders(name="payments"))})
    operator.writes(operator.orders())

    assert operator.applies("--yes") == 0
    assert "this version cannot read it: it is replaced by" in operator.out


def test_a_member_of_another_account_is_told_of_before_it_is_asked_for(operator: Operator) -> None:
    foreign = operator.keys[WEST].replace("123456789012", "999999999999")
    operator.writes(operator.orders(members=[operator.orders()["members"][0], {"region": WEST, "arn": foreign}]))

    operator.applies("--unchecked")

    assert "  ! its members lie in accounts 123456789012 and 999999999999: " in operator.out


def test_a_member_of_an_unreadable_key_set_goes_only_if_it_is_named(operator: Operator) -> None:
    body = json.dumps(operator.orders(failback="scheduled", members=[{"region": WEST, "arn": arn(WEST)}]))
    operator.tables[WEST].put_item(Item={"pk": "key-sets", "sk": "orders", "body": body})
    operator.writes(operator.orders())

    assert operator.applies("--yes") == EXIT_REFUSED
    assert f"--remove-member {arn(WEST)}" in operator.err


# Ends on the way


def test_two_operators_do_not_overwrite_each_other(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    operator.has_applied(operator.orders())
    theirs = KeySet.model_validate(operator.orders(rules={"healthy_after_seconds": 300}))
    operator.writes(operator.orders(failback="automatic"))
    attended(monkeypatch, "yes\n", lambda: StateTable(operator.tables[WEST], WEST).put_key_set(theirs))

    assert operator.applies() == EXIT_REFUSED
    assert f"kms-failover: somebody else has applied orders in {WEST} since it was shown\n" in operator.err
    assert operator.err.splitlines()[-3:] == [
        f"  written: orders in {EAST}",
        f"  not written: orders in {WEST}",
        "  apply again: it shows what is in force then, and writes only what is lacking",
    ]
    assert operator.in_force(WEST)["orders"] == theirs


def test_what_the_table_has_carried_over_meanwhile_is_no_conflict(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.has_applied(operator.orders())
    operator.writes(operator.orders(failback="automatic"))
    ours = KeySet.model_validate(operator.orders(failback="automatic"))
    attended(monkeypatch, "yes\n", lambda: StateTable(operator.tables[WEST], WEST).put_key_set(ours))

    assert operator.applies() == 0


def test_apply_names_the_region_that_cannot_be_read_and_writes_nothing(operator: Operator) -> None:
    operator.tables[EAST].delete()
    operator.writes(operator.orders())

    assert operator.applies("--yes", "--json") == EXIT_FAILED
    assert f"{EAST}: there is no deployment 'kms-failover' in {EAST}, or not" in operator.err
    assert f"Without --region {EAST} the others can be written" in operator.err
    assert json.loads(operator.out)["Error"]["Code"] == "ResourceNotFoundException"
    assert operator.in_force(WEST) == {}


def test_apply_names_the_region_that_failed_and_what_is_written(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.writes(operator.orders(), operator.orders(name="payments"))
    attended(monkeypatch, "yes\n", operator.tables[WEST].delete)

    assert operator.applies() == EXIT_FAILED
    assert f"{WEST}: there is no deployment 'kms-failover' in {WEST}, or not" in operator.err
    assert f"  written: orders in {EAST} and payments in {EAST}\n" in operator.err
    assert f"  not written: orders in {WEST} and payments in {WEST}\n" in operator.err


@pytest.mark.parametrize(
    ("raised", "status"), [(KeyboardInterrupt(), EXIT_INTERRUPTED), (ReadTimeoutError(endpoint_url=WEST), EXIT_FAILED)]
)
def test_of_a_write_without_an_answer_nobody_claims_to_know(
    operator: Operator, before_sending: Hook, raised: BaseException, status: int
) -> None:
    def cut(request: Any, **_: object) -> None:
        if WEST in request.url:
            raise raised

    before_sending("dynamodb.TransactWriteItems", cut)
    operator.writes(operator.orders(), operator.orders(name="payments"))

    assert operator.applies("--yes") == status
    assert f"  written: orders in {EAST} and payments in {EAST}\n" in operator.err
    assert f"  written, or not, nobody knows: orders in {WEST}\n" in operator.err
    assert f"  not written: payments in {WEST}\n" in operator.err


def test_who_gives_up_before_the_writing_is_told_that_nothing_is_written(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up() -> None:
        raise KeyboardInterrupt

    operator.writes(operator.orders())
    attended(monkeypatch, "yes\n", give_up)

    assert operator.applies() == EXIT_INTERRUPTED
    assert operator.err == "kms-failover: interrupted: nothing was written\n"
