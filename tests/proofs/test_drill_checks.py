"""Whether a check holds is computed from what was expected and what was observed, and from nothing else."""

import pytest

from proofs.drill.checks import Check, Checks, at_least, at_most, naming, one_of


@pytest.mark.parametrize(
    ("expected", "observed"),
    [
        (0, 0),
        ({"us-east-1": "healthy"}, {"us-east-1": "healthy"}),
        (at_most(10, "s"), 10),
        (at_least(3), 3),
        (one_of("A", "B"), "B"),
        (naming("key_sets.0", "us-east-1"), "key_sets.0.members.1: belongs to us-east-1"),
    ],
)
def test_a_check_holds_where_the_observed_meets_the_expected(expected: object, observed: object) -> None:
    check = Check("step", "name", expected, observed)

    assert check.ok


@pytest.mark.parametrize(
    ("expected", "observed"),
    [
        (0, None),
        (at_most(10), 10.1),
        (at_most(10), None),
        (at_least(3), 2),
        (one_of("A", "B"), "accepted"),
        (naming("key_sets.0"), None),
        (naming("key_sets.0", "us-east-1"), "key_sets.0: something"),
    ],
)
def test_what_was_not_observed_never_holds(expected: object, observed: object) -> None:
    check = Check("step", "name", expected, observed)

    assert not check.ok


def test_a_step_that_crashes_is_a_failed_check_with_the_error_in_it() -> None:
    checks = Checks()

    with checks.step("5 Outage"):
        raise ValueError("a bucket is gone")

    (failed,) = checks.failed
    assert failed.step == "5 Outage"
    assert "a bucket is gone" in str(failed.observed)


def test_an_interrupt_is_no_failed_check_and_goes_through() -> None:
    checks = Checks()

    with pytest.raises(KeyboardInterrupt), checks.step("5 Outage"):
        raise KeyboardInterrupt

    assert checks.all == ()


def test_a_condition_is_shown_in_words() -> None:
    shown = Check("step", "name", at_most(2000, "ms"), 231.5).as_json()

    assert shown == {"step": "step", "name": "name", "expected": "at most 2000 ms", "observed": 231.5, "ok": True}
