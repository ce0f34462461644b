"""Each role may do what its function's code calls, in both regions, and nothing beside it."""

import pytest

from kms_failover.domain.naming import FUNCTIONS
from tests.template.calls import PORTS, ROLES
from tests.template.deployed import HOME, REPLICA, Stack
from tests.template.rights import wrong_rights


@pytest.mark.parametrize("region", [HOME, REPLICA])
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_its_code_calls_and_no_more(role: str, region: str) -> None:
    assert wrong_rights(Stack(region), role) == []


def test_every_function_has_its_calls_written_down() -> None:
    assert set(PORTS) == set(FUNCTIONS)
