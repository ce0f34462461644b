"""Work of other functions that a command starts: of this region only, or refused with where there is some."""

from typing import Any

import pytest

from kms_failover.domain.key_set import Origin
from kms_failover.domain.runbook.commands import (
    ActionName,
)
from kms_failover.errors import (
    IntentRefusedError,
)
from tests.domain.runbook.runbook_world import BUCKETS, World, in_force_here, members
from tests.domain.strategies import EAST, WEST


def test_reimport_and_sweep_start_the_work_of_this_region_only() -> None:
    world = World()
    in_force_here(world, members=members(Origin.EXTERNAL, Origin.EXTERNAL), material={"secret": "x"})

    world.do(ActionName.REIMPORT)
    world.do(ActionName.SWEEP)

    assert world.started == [("reimport", "orders"), ("sweep", "orders", ("orders-west",))]


@pytest.mark.parametrize(
    ("east", "instead"),
    [(Origin.AWS_KMS, "none of its keys has, so there is nothing to import"), (Origin.EXTERNAL, f"order it in {EAST}")],
)
def test_a_reimport_of_no_imported_key_here_is_refused_and_says_where_there_is_one(east: Origin, instead: str) -> None:
    world = World()
    in_force_here(world, members=members(east, Origin.AWS_KMS), material={"secret": "x"})

    with pytest.raises(IntentRefusedError, match=f"no key with imported material in {WEST}: {instead}"):
        world.do(ActionName.REIMPORT)

    assert world.started == []


@pytest.mark.parametrize(
    ("buckets", "instead"), [([], "`kms-failover apply` gives it one"), (BUCKETS[:1], f"order it in {EAST}")]
)
def test_a_sweep_of_no_bucket_here_is_refused_and_says_where_there_is_one(
    buckets: list[dict[str, Any]], instead: str
) -> None:
    world = World()
    in_force_here(world, buckets=buckets)

    with pytest.raises(IntentRefusedError, match=f"no bucket in {WEST}, so there is nothing to sweep: {instead}"):
        world.do(ActionName.SWEEP)

    assert world.started == []
