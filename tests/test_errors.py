"""Errors go from process to process, as a pool's do, and stay what they were."""

import copy
import pickle
from collections.abc import Callable

import pytest

from kms_failover import errors
from kms_failover.errors import (
    ConfigurationError,
    KmsFailoverError,
    MalformedAnswerError,
    NotAskedError,
    NotSentError,
    RegionUnavailableError,
    UnknownKeySetError,
    UnreadableItemError,
    WrapRefusedError,
    WrapUnavailableError,
)

EXAMPLES = (
    UnknownKeySetError("orders", ["invoices"]),
    UnreadableItemError("key-set#orders", "route", "there is no body"),
    RegionUnavailableError("us-east-1", "ReadTimeoutError"),
    MalformedAnswerError("us-east-1", "MalformedAnswer"),
    WrapUnavailableError(["us-east-1", "us-west-2"], "no answer"),
    WrapRefusedError(["us-east-1: AccessDeniedException"]),
    NotSentError(["us-east-1", "us-west-2"]),
    NotAskedError(["us-east-1"], ["orders"]),
    ConfigurationError("members: too few"),
)


def pickled(error: KmsFailoverError) -> object:
    return pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes


@pytest.mark.parametrize("again", [pickled, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_copied_with_its_text_its_attributes_and_its_notes(
    error: KmsFailoverError, again: Callable[[KmsFailoverError], object]
) -> None:
    error.add_note("another region failed as well")

    other = again(error)

    assert type(other) is type(error)
    assert str(other) == str(error)
    assert vars(other) == vars(error)


def test_every_error_that_is_made_of_more_than_a_text_is_among_the_examples() -> None:
    of_more = {name for name, kind in vars(errors).items() if isinstance(kind, type) and "__init__" in vars(kind)}

    assert of_more <= {type(error).__name__ for error in EXAMPLES}
