"""What KMS says of a key against what a key set says."""

from dataclasses import replace

import pytest

from kms_failover.domain.key_set import MemberKey, Origin
from kms_failover.domain.runbook.member_check import KeyFacts, Look
from tests.domain.strategies import WEST, arn, member

GOOD = KeyFacts(arn(WEST), "Enabled", "AWS_KMS", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
EXTERNAL = MemberKey(region=WEST, arn=arn(WEST), origin=Origin.EXTERNAL)


@pytest.mark.parametrize(
    ("one", "facts"),
    [
        (member(WEST), GOOD),
        (member(WEST), replace(GOOD, state="Updating")),
        (member(WEST), replace(GOOD, origin="AWS_CLOUDHSM")),
        (member(WEST), replace(GOOD, origin="EXTERNAL_KEY_STORE")),
        (EXTERNAL, replace(GOOD, origin="EXTERNAL")),
        (EXTERNAL, replace(GOOD, origin="EXTERNAL", state="PendingImport")),
    ],
)
def test_a_key_that_works_or_waits_for_its_material_can_be_a_member(one: MemberKey, facts: KeyFacts) -> None:
    assert not Look(one, facts).objection()


@pytest.mark.parametrize(
    ("one", "facts", "told"),
    [
        (member(WEST), None, f"KMS in {WEST} knows no key"),
        (member(WEST), replace(GOOD, arn=arn(WEST, "other")), "is arn:"),
        (member(WEST), replace(GOOD, spec="RSA_2048"), "only a symmetric encryption key"),
        (member(WEST), replace(GOOD, spec="HMAC_256", usage="GENERATE_VERIFY_MAC"), "only a symmetric encryption key"),
        (member(WEST), replace(GOOD, origin="EXTERNAL"), "has origin EXTERNAL, and the key set says AWS_KMS"),
        (EXTERNAL, GOOD, "has origin AWS_KMS, and the key set says EXTERNAL"),
        (member(WEST), replace(GOOD, state="PendingImport"), "is PendingImport"),
        (member(WEST), replace(GOOD, state="PendingDeletion"), "is PendingDeletion"),
        (member(WEST), replace(GOOD, state="Creating"), "is Creating"),
    ],
)
def test_any_other_key_cannot_and_it_is_said_why(one: MemberKey, facts: KeyFacts | None, told: str) -> None:
    assert told in Look(one, facts).objection()


def test_of_a_key_that_nobody_could_see_nothing_is_said() -> None:
    assert not Look(member(WEST), unseen="AccessDeniedException").objection()
