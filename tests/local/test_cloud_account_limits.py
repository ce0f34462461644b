"""What may be said of an account's limits."""

from typing import Any

import pytest

from local.cloud.__main__ import main
from local.cloud.account_limits import AccountLimits, BadLimitError, LimitRegister, parse_limits


def test_what_is_not_named_is_as_aws_has_it() -> None:
    limits = parse_limits({"state_bytes": 1000})

    assert limits.state_bytes == 1000
    assert limits.topic_message_bytes == AccountLimits().topic_message_bytes


@pytest.mark.parametrize("value", [0, -1, "5", True, None, 1.5])
def test_a_size_is_a_number_above_0(value: object) -> None:
    with pytest.raises(BadLimitError, match="state_bytes"):
        parse_limits({"state_bytes": value})


def test_an_unknown_limit_is_refused_by_name() -> None:
    with pytest.raises(BadLimitError, match="there is no limit speed"):
        parse_limits({"speed": 1})


def test_a_watcher_learns_of_what_holds_and_of_every_change() -> None:
    register, seen = LimitRegister(), []
    register.watch(lambda limits: seen.append(limits.state_bytes))

    register.replace(parse_limits({"state_bytes": 7}))

    assert seen == [AccountLimits().state_bytes, 7]


def test_the_command_refuses_a_limit_before_anything_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["start", "--limits", '{"state_bites": 1}'])

    assert "there is no limit state_bites" in capsys.readouterr().err


@pytest.mark.parametrize("values", [[], None, "x", 1])
def test_what_is_no_object_is_refused_with_the_reason(values: Any) -> None:
    with pytest.raises(BadLimitError, match="a JSON object"):
        parse_limits(values)
