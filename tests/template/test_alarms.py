"""Each alarm looks at what is measured, tells people, and has the name that is read."""

import pytest

from tests.template.alarms import wrong_alarms
from tests.template.deployed import HOME, REPLICA, Stack


@pytest.mark.parametrize("region", [HOME, REPLICA])
def test_the_alarms_are_about_what_the_code_measures_and_reads(region: str) -> None:
    assert wrong_alarms(Stack(region)) == []
