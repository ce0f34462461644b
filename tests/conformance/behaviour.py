"""What a case claims, and where AWS says so."""

from collections.abc import Callable
from typing import Any

import pytest

MARK = "behaviour"


def behaviour[Case: Callable[..., Any]](*sources: str, assumed: str | None = None) -> Callable[[Case], Case]:
    """Marks a case. The name of the function is the behaviour.

    `sources` are as in docs/aws-facts.md: "kms:Encrypt" is the API reference of that call (botocore's service model),
    "guide: key-state" a page of the AWS KMS developer guide, "facts 2.2" a section that names its own sources;
    "recorded: test_replicate_key, 2025-11-10" is what an account answered to that test of the LocalStack project.
    `assumed` says what of the case no primary source confirms; such a case pins our judgement, not AWS's word.
    """
    return pytest.mark.behaviour(sources=sources, assumed=assumed)


class NotOfferedError(Exception):
    """The endpoint lacks a call or a means that the case needs; the message says which."""
