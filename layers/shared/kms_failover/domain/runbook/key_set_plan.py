"""Key sets that are to be put into force in some regions, against what is in force in each of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kms_failover.domain.key_set import KeySet, MemberKey, contradictions
from kms_failover.domain.naming import Deployment
from kms_failover.domain.runbook.key_set_change import AppliedKeySet, KeySetChange, changes

MOST_NAMED = 16  # members, in one line


@dataclass(frozen=True)
class Write:
    """`seen`: what it replaces."""

    region: str
    key_set: KeySet
    seen: AppliedKeySet | None

    def __str__(self) -> str:
        return f"{self.key_set.name} in {self.region}"


@dataclass(frozen=True)
class KeySetPlan:
    """`in_force` by region and name. `whole`: `wanted` is a file, and what it does not name is worth a word."""

    wanted: tuple[KeySet, ...]
    in_force: Mapping[str, Mapping[str, AppliedKeySet]]
    whole: bool = True

    @cached_property
    def changes(self) -> dict[str, tuple[KeySetChange, ...]]:
        """By region."""
        return {region: changes(in_force, self.wanted, whole=self.whole) for region, in_force in self.in_force.items()}

    @property
    def difference(self) -> list[tuple[KeySetChange, list[str]]]:
        """Each change once, with the regions that it is one in."""
        found: dict[KeySetChange, list[str]] = {}
        for region, of_region in self.changes.items():
            for change in of_region:
                found.setdefault(change, []).append(region)
        order = {key_set.name: number for number, key_set in enumerate(self.wanted)}
        return sorted(found.items(), key=lambda item: order.get(item[0].key_set, len(order)))

    @property
    def difference_as_json(self) -> list[dict[str, Any]]:
        return [change.model_dump(mode="json") | {"regions": regions} for change, regions in self.difference]

    @property
    def writes(self) -> tuple[Write, ...]:
        return tuple(
            Write(region, key_set, self.in_force[region].get(key_set.name))
            for region, of_region in self.changes.items()
            for key_set, change in zip(self.wanted, of_region, strict=False)
            if change.is_written
        )

    @property
    def written(self) -> tuple[KeySet, ...]:
        """That are new or change in some region."""
        names = {write.key_set.name for write in self.writes}
        return tuple(key_set for key_set in self.wanted if key_set.name in names)

    @property
    def lost(self) -> tuple[str, ...]:
        """ARNs of members that go and whose ciphertexts nobody opens then."""
        return tuple(dict.fromkeys(arn for change, _ in self.difference for arn in change.lost))

    def unreadable_secrets(self, deployment: Deployment) -> Iterator[str]:
        """Of those that are new in some region, or that name another secret there."""
        in_force = ((write.key_set, write.seen.key_set if write.seen else None) for write in self.writes)
        return unreadable_secrets(dict.fromkeys(a for a, b in in_force if _secret(a) != _secret(b)), deployment)

    def not_removed(self, arns: Iterable[str]) -> Iterator[str]:
        """Of those that are named as members that go, why one is none."""
        wanted = {key_set.name: {member.arn for member in key_set.members} for key_set in self.wanted}
        there = [one for of_region in self.in_force.values() for one in of_region.values()]
        for arn in arns:
            holders = {one.name for one in there if arn in one.member_arns}
            if not holders:
                known = dict.fromkeys(known for one in there if one.name in wanted for known in one.member_arns)
                yield f"--remove-member {arn}: no such member is in force; there are {_named(list(known))}"
            elif not any(name in wanted and arn not in wanted[name] for name in holders):
                name = min(holders, key=lambda name: (name not in wanted, name))
                why = f"key set {name!r} " + (
                    "still names it" if name in wanted else "is not among those to be applied"
                )
                yield f"--remove-member {arn}: it does not go, for {why}: leave the option out"

    @property
    def members(self) -> dict[MemberKey, bool]:
        """Those of the key sets that are written; whether they are new in some region, or said anew."""
        found = {member: False for key_set in self.written for member in key_set.members}
        for write in self.writes:
            before = write.seen.key_set if write.seen else None
            found |= {m: True for m in write.key_set.members if before is None or m not in before.members}
        return found

    @property
    def contradictions(self) -> Iterator[str]:
        """With what stays in force beside it."""
        wanted = {key_set.name for key_set in self.wanted}
        others = {
            other.name: other
            for in_force in self.in_force.values()
            for one in in_force.values()
            if (other := one.key_set) is not None and other.name not in wanted
        }
        for _, said in contradictions(self.wanted, tuple(others.values())):
            yield said


def unreadable_secrets(key_sets: Iterable[KeySet], deployment: Deployment) -> Iterator[str]:
    """What is wrong with the secrets that the service's role may not read, so that no import could succeed."""
    for key_set in key_sets:
        secret = _secret(key_set)
        if secret and not secret.startswith(deployment.secrets):
            yield (
                f"key set {key_set.name!r}: the secret {secret!r} does not begin with {deployment.secrets!r}: "
                f"deployment {deployment.name!r} may not read it. Name it so, or say --deployment"
            )


def _secret(key_set: KeySet | None) -> str | None:
    return key_set.material.secret if key_set is not None and key_set.material is not None else None


def _named(arns: list[str]) -> str:
    if len(arns) > MOST_NAMED:
        return f"{', '.join(arns[:MOST_NAMED])} and {len(arns) - MOST_NAMED} more"
    return " and ".join(filter(None, (", ".join(arns[:-1]), *arns[-1:]))) or "none"
