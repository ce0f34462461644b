"""Each alarm looks at what is measured, tells people, and has the name that is read."""

import re

import pytest

from tests.template.alarms import metric_of, samples, wrong_alarms
from tests.template.deployed import HOME, REPLICA, Stack
from tests.template.loading import ROOT
from tests.template.samples import missing_samples


@pytest.mark.parametrize("region", [HOME, REPLICA])
def test_the_alarms_are_about_what_the_code_measures_and_reads(region: str) -> None:
    assert wrong_alarms(Stack(region)) == []


@pytest.mark.parametrize("region", [HOME, REPLICA])
def test_every_alarm_is_shown_what_rings_what_does_not_and_silence(region: str) -> None:
    stack = Stack(region)
    shown = samples(stack)

    problems = [p for one in stack.alarms() for p in missing_samples(one["AlarmName"], shown.get(metric_of(one), ()))]

    assert problems == []


@pytest.mark.parametrize("region", [HOME, REPLICA])
def test_the_runbook_says_of_each_alarm_what_to_do_and_of_no_other(region: str) -> None:
    table = (ROOT / "runbooks" / "README.md").read_text("utf-8").split("| alarm | what to do |")[1].split("\n\n")[0]
    told = re.findall(r"^\| `(…-[^`]+)` \|", table, re.MULTILINE)

    stack = Stack(region)
    names = [name for alarm in told for name in _names(stack, alarm)]

    assert sorted(names) == sorted(alarm["AlarmName"] for alarm in stack.alarms())


def _names(stack: Stack, told: str) -> set[str]:
    """Of the alarms that one line is about: `<region>` stands for each of the two."""
    name = told.replace("…", stack.place.deployment.name)
    return {name.replace("<region>", region) for region in (stack.region, stack.peer)}
