"""`Model.but`, the only way in which a value is changed: a misspelt field or a value that does not fit is an error."""

import re
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pytest
from pydantic import AwareDatetime, Field, ValidationError

from kms_failover.domain.model import Model

REPOSITORY = Path(__file__).resolve().parents[2]


class Lease(Model):
    epoch: int = Field(0, ge=0)
    holder: str = Field("", alias="Holder")
    until: AwareDatetime | None = None

    @cached_property
    def words(self) -> str:
        return f"{self.holder} {self.epoch}"


LEASE = Lease(epoch=3)


def test_but_changes_the_fields_named_and_no_other() -> None:
    changed = LEASE.but(until=datetime(2026, 1, 1, tzinfo=UTC), holder="us-east-1")

    assert (changed.epoch, changed.holder, changed.until) == (3, "us-east-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert (LEASE.holder, LEASE.until) == ("", None)


def test_but_leaves_out_what_was_worked_out_of_the_old_fields() -> None:
    lease = Lease(epoch=3)
    assert lease.words == " 3"

    assert lease.but(epoch=4).words == " 4"


@pytest.mark.parametrize("misspelt", ["epcoh", "Holder"])
def test_but_refuses_a_name_that_is_no_field(misspelt: str) -> None:
    with pytest.raises(TypeError, match=f"Lease has no field {misspelt}"):
        LEASE.but(**{misspelt: 5})


@pytest.mark.parametrize("change", [{"epoch": "third"}, {"epoch": -1}, {"until": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_but_refuses_a_value_that_does_not_fit(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LEASE.but(**change)


def test_the_product_changes_values_with_but_alone() -> None:
    sources = [*REPOSITORY.glob("layers/shared/**/*.py"), *REPOSITORY.glob("functions/**/*.py")]
    assert len(sources) > 80

    unchecked = [str(path) for path in sources if re.search(r"\bmodel_copy\(", path.read_text())]

    assert not unchecked
