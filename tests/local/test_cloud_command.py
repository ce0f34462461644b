"""The options of the local cloud's command."""

import pytest

from local.cloud.__main__ import _options


@pytest.mark.parametrize("seconds", ["0", "0.5", "61", "-1", "nan", "soon"])
def test_a_minute_of_alarms_that_means_nothing_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _options(["start", "--alarm-minute", seconds])

    assert ended.value.code == 2
    assert "--alarm-minute" in capsys.readouterr().err


def test_a_minute_of_alarms_may_be_shorter_than_a_minute() -> None:
    assert _options(["start", "--alarm-minute", "10"]).alarm_minute == 10
    assert _options(["start"]).alarm_minute is None
