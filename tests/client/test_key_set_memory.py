"""The key sets that were last read, in a file: a process that starts while the state table is away has them."""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from kms_failover.adapters.state_table import StateTable
from kms_failover.client import key_set_memory, own_account
from kms_failover.client.account_filter import AccountFilter
from kms_failover.client.failover_kms import FailoverKms
from kms_failover.client.key_set_memory import KeySetMemory
from kms_failover.client.routes import RouteReader
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.domain.key_set import KeySet, MemberKey
from kms_failover.errors import ConfigurationError, StateUnavailableError
from tests.adapters.tables import create_state_table
from tests.client.kms_world import FOREVER, MOTOS_ACCOUNT, World
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import ACCOUNT, EAST, WEST, arn, key_set

NAME = f"kms-failover-prod-{EAST}.json"


def memory(folder: Path, deployment: str = "prod", region: str = EAST) -> KeySetMemory:
    return KeySetMemory(folder, deployment, region)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    memory(tmp_path).keep((key_set(), key_set(name="invoices")))
    return tmp_path / NAME


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_what_was_kept_is_recalled_by_another_process_with_its_age(
    written: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recalled = memory(written.parent).recall()

    assert recalled == (key_set(), key_set(name="invoices"))
    assert "read 0 s ago" in caplog.text
    assert errors(caplog) == []


def test_it_is_the_owners_alone(written: Path) -> None:
    assert written.stat().st_mode & 0o777 == 0o600


def test_it_is_written_when_it_has_changed_and_not_at_every_reading(written: Path) -> None:
    one = memory(written.parent)
    one.keep((key_set(),))
    first = written.stat().st_mtime_ns, written.stat().st_ino

    one.keep((key_set(),))
    again = written.stat().st_mtime_ns, written.stat().st_ino
    one.keep((key_set(), key_set(name="invoices")))

    assert again == first
    assert len(memory(written.parent).recall()) == 2


def test_it_is_written_anew_now_and_then_so_that_its_age_says_something(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = memory(written.parent)
    one.keep((key_set(),))
    first = written.read_bytes()
    monkeypatch.setattr(key_set_memory, "WRITTEN_AGAIN_AFTER", timedelta())

    one.keep((key_set(),))

    assert written.read_bytes() != first


def test_an_empty_table_takes_nothing_away(written: Path) -> None:
    memory(written.parent).keep(())

    assert len(memory(written.parent).recall()) == 2


def test_a_folder_that_is_not_there_is_said_and_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory(tmp_path / "none").keep((key_set(),))

    assert "cannot be remembered" in caplog.text
    assert memory(tmp_path / "none").recall() == ()


def test_a_write_that_fails_half_way_leaves_the_former_one(
    written: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_self: Path, _target: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    memory(written.parent).keep((key_set(),))

    assert len(memory(written.parent).recall()) == 2
    assert [file.name for file in written.parent.iterdir()] == [NAME]


def _replaced_by_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


BROKEN: dict[str, Any] = {
    "half of it": lambda file: file.write_bytes(file.read_bytes()[:100]),
    "no JSON": lambda file: file.write_bytes(bytes(range(256))),
    "brackets": lambda file: file.write_text("[" * 100_000),
    "of another shape": lambda file: file.write_text('["key_sets"]'),
    "empty": lambda file: file.write_bytes(b""),
    "writable by others": lambda file: file.chmod(0o622),
    "too long": lambda file: os.truncate(file, key_set_memory.MAX_BYTES + 1),
    "a link": lambda file: (file.rename(file.with_name("own")), file.symlink_to(file.with_name("own"))),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": _replaced_by_a_pipe,
    "another deployment's": lambda file: file.write_text(file.read_text().replace('"prod"', '"test"')),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_believed_is_ignored_loudly(
    written: Path, breaks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    breaks(written)

    assert memory(written.parent).recall() == ()
    assert len(errors(caplog)) == 1
    assert "ignored" in errors(caplog)[0]


def test_another_users_file_is_ignored_loudly(
    written: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: written.stat().st_uid + 1)

    assert memory(written.parent).recall() == ()
    assert len(errors(caplog)) == 1


def test_one_key_set_of_another_version_stops_none_beside_it(written: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = written.read_text().replace('"held"', '"by the moon"', 1)
    written.write_text(text)

    assert memory(written.parent).recall() == (key_set(name="invoices"),)
    assert len(errors(caplog)) == 1


def test_who_remembers_nothing_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = KeySetMemory(None, "prod", EAST)

    nowhere.keep((key_set(),))

    assert nowhere.recall() == ()
    assert list(tmp_path.iterdir()) == []


def test_it_serves_too_where_sts_was_away_when_the_table_could_be_read(written: Path) -> None:
    state: Any = MemoryState(EAST, key_set())
    says = iter([StateUnavailableError("STS is silent"), None])

    def accounts() -> frozenset[str]:
        if error := next(says):
            raise error
        return frozenset({ACCOUNT})

    reader = RouteReader(EAST, state, AccountFilter(accounts), clock=count().__next__, memory=memory(written.parent))
    with pytest.raises(StateUnavailableError):
        reader.find("orders")
    state.key_sets = fails

    found, _ = reader.find("orders")

    reader.close()
    assert found == key_set()


def fails() -> Any:
    raise EndpointConnectionError(endpoint_url="https://dynamodb")


# In a process


def process(folder: Path, *key_sets: KeySet, **settings: Any) -> dict[str, Any]:
    """One that starts, makes a data key, and ends."""
    chosen = Settings(memory_folder=folder, wrap_deadline_seconds=30, **settings)
    with FailoverKms.connect(EAST, "prod", key_sets, settings=chosen) as kms:
        return kms.generate_data_key(KeyId="orders", KeySpec="AES_256")


def test_a_process_that_starts_while_the_table_is_away_serves_from_what_the_last_one_knew(
    world: World, tmp_path: Path
) -> None:
    table = create_state_table(EAST)
    StateTable(table, EAST).put_key_set(world.key_set)
    process(tmp_path)
    table.delete()

    made = process(tmp_path)

    assert made["KmsFailover"]["MissingRegions"] == []


def test_a_process_that_starts_while_sts_is_away_as_well_has_the_account_that_it_told_the_last_one(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = create_state_table(EAST)
    StateTable(table, EAST).put_key_set(world.key_set)
    process(tmp_path)
    process(tmp_path)  # writes the file anew, and leaves the account in it
    table.delete()
    monkeypatch.setattr(own_account, "own_account", sts_is_silent)

    made = process(tmp_path)

    assert made["KmsFailover"]["MissingRegions"] == []
    assert caplog.text.count(f"account {MOTOS_ACCOUNT} is remembered") == 1


def test_an_account_that_was_never_told_is_not_made_up(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory(tmp_path).keep((world.key_set,))
    monkeypatch.setattr(own_account, "own_account", sts_is_silent)

    with pytest.raises(ClientError, match="STS is silent"):
        process(tmp_path)


def sts_is_silent(*_: Any) -> str:
    raise StateUnavailableError("STS is silent")


def test_what_sts_says_now_counts_before_what_it_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other credentials may have come since."""
    kept = memory(tmp_path)
    kept.keep((key_set(),))
    kept.keep_account("999999999999")
    monkeypatch.setattr(own_account, "own_account", lambda *_: ACCOUNT)

    said = own_account.OwnAccount(EAST, memory(tmp_path))()

    assert said == ACCOUNT


@pytest.mark.parametrize("wrong", ["99999999999", "not an account!", 999_999_999_999, ""])
def test_a_remembered_account_that_is_none_is_ignored_with_its_file(
    written: Path, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.loads(written.read_text()) | {"account": wrong}
    written.write_text(json.dumps(content))

    assert memory(written.parent).recall_account() is None
    assert len(errors(caplog)) == 1


def test_what_was_read_last_is_newer_than_what_was_given(world: World, tmp_path: Path) -> None:
    given = KeySet(name="orders", members=world.key_set.members[:1])
    memory(tmp_path).keep((world.key_set,))

    with FailoverKms.connect(
        EAST, "prod", (given,), settings=Settings(memory_folder=tmp_path, wrap_deadline_seconds=30)
    ) as kms:
        kms.generate_data_key(KeyId="orders", KeySpec="AES_256")
        kms._connection.routes._thread.submit(lambda: None).result(FOREVER)  # behind the first read
        made = kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

    assert made["KmsFailover"]["Regions"] == [EAST, WEST]


def test_a_remembered_member_of_a_strangers_account_is_refused_as_the_tables_is(world: World, tmp_path: Path) -> None:
    foreign = MemberKey(region=WEST, arn=arn(WEST))
    memory(tmp_path).keep((KeySet(name="orders", members=(world.key_set.members[0], foreign)),))

    made = process(tmp_path)

    assert made["KmsFailover"]["MissingRegions"] == [WEST]
    assert arn(WEST) not in [parameters["KeyId"] for _, parameters in world.kms[WEST].calls]


@pytest.mark.parametrize("wrong", [5, "", True])
def test_a_memory_folder_is_a_folder(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="memory_folder"):
        Settings(memory_folder=wrong)


def test_the_age_is_said_in_seconds(written: Path, caplog: pytest.LogCaptureFixture) -> None:
    year = datetime.now(UTC).year
    written.write_text(written.read_text().replace(f'"read_at":"{year}', f'"read_at":"{year - 1}', 1))

    memory(written.parent).recall()

    assert any(f"read {days * 86_400}"[:10] in caplog.text for days in (365, 366))


def test_a_forked_child_serves_from_what_its_parent_knew(world: World) -> None:
    """Neither the table nor STS is asked for it: a server's workers are forked in an outage too."""
    table = create_state_table(EAST)
    StateTable(table, EAST).put_key_set(world.key_set)
    with FailoverKms.connect(EAST, "prod", settings=Settings(wrap_deadline_seconds=30)) as kms:
        kms.generate_data_key(KeyId="orders", KeySpec="AES_256")
        table.delete()

        for _ in range(2):  # and its own child
            kms._forget_parent()  # as a fork does
            made = kms.generate_data_key(KeyId="orders", KeySpec="AES_256")

    assert made["KmsFailover"]["MissingRegions"] == []
