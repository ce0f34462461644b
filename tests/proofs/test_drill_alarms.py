"""What the drill reads on the page of messages: the newest state of its one alarm, in each region, after the fault."""

from proofs.drill.alarms import ALARM, told_state

EAST, WEST = "us-east-1", "us-west-2"


def message(state: str, at: float, *, region: str = EAST, alarm: str | None = ALARM) -> dict[str, object]:
    return {"alarm": alarm, "state": state, "region": region, "at": at, "subject": "", "body": ""}


def test_the_newest_message_of_the_alarm_counts() -> None:
    messages = [message("OK", 9), message("ALARM", 8), message("ALARM", 7, region=WEST)]

    assert told_state(messages, EAST, after=5) == "OK"
    assert told_state(messages, WEST, after=5) == "ALARM"


def test_what_rang_before_the_fault_does_not_count() -> None:
    """An alarm that misses its data rings when the stack is deployed, before the probe's first round."""
    assert told_state([message("ALARM", 5)], EAST, after=5) == "nothing"


def test_other_messages_do_not_count() -> None:
    assert told_state([message("", 9, alarm=None), message("ALARM", 8, alarm="other")], EAST, after=5) == "nothing"
