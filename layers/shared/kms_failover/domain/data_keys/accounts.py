"""Which accounts' member keys may be sent a plaintext data key (docs/decisions/0021)."""

from collections.abc import Iterable

from kms_failover.domain.key_set import KeySet, MemberKey


class CurtailedKeySet(KeySet):
    """A key set without the members that are in no allowed account: to whoever makes and opens keys they are not there.

    Answers still name their regions as missing.
    """

    regions_of_all: tuple[str, ...]

    @property
    def wanted_regions(self) -> tuple[str, ...]:
        return self.regions_of_all


def accounts_of(key_sets: Iterable[KeySet]) -> frozenset[str]:
    return frozenset(member.account for key_set in key_sets for member in key_set.members)


def refused_members(key_set: KeySet, accounts: frozenset[str]) -> tuple[MemberKey, ...]:
    return tuple(member for member in key_set.members if member.account not in accounts)


def with_allowed_members(key_set: KeySet, accounts: frozenset[str]) -> KeySet | None:
    """The very same where every member is allowed; None where none is."""
    kept = tuple(member for member in key_set.members if member.account in accounts)
    if len(kept) == len(key_set.members):
        return key_set
    if not kept:
        return None
    fields = dict(key_set) | {"members": kept, "regions_of_all": key_set.regions}
    return CurtailedKeySet.model_construct(**fields)  # a bucket in a refused member's region is no mistake of this one
