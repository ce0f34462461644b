"""What applying key sets would change: fields that come, go and change, and member keys whose ciphertexts nobody opens.

For example, a key set whose `failback: held` becomes `automatic` is `ChangeKind.CHANGED`, with one detail:
`FieldChange(field="failback", before="held", after="automatic")`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from pydantic import AwareDatetime, ValidationError

from kms_failover.domain.key_set import KEY_ARN, KeySet, Rules
from kms_failover.domain.model import KeySetName, Model, at_most

ANY_KEY_ARN = KEY_ARN.pattern.removesuffix(r"\Z")


@dataclass(frozen=True)
class AppliedKeySet:
    """A key set as the state table holds it. Its JSON may be of another version, or none: then it is not readable."""

    name: str
    body: str | None

    @cached_property
    def key_set(self) -> KeySet | None:
        try:
            found = KeySet.model_validate_json(self.body or "", extra="ignore")
        except ValidationError:
            return None
        return found if found.name == self.name else None

    @property
    def member_arns(self) -> list[str]:
        """Of one that is not readable whatever looks like one."""
        if self.key_set is not None:
            return [member.arn for member in self.key_set.members]
        return [found.group() for found in re.finditer(ANY_KEY_ARN, self.body or "")]

    @cached_property
    def of_newer_versions(self) -> dict[str, str]:
        """What it says beyond what this version knows, by field: who writes it anew drops that."""
        if self.key_set is None:
            return {}
        return dict(_beyond(json.loads(self.body or ""), self.key_set.model_dump(mode="json")))


class FormerKeySet(Model):
    """What was in force before somebody replaced it."""

    name: KeySetName
    body: str
    replaced_at: AwareDatetime
    replaced_by: Annotated[str, at_most(256)]

    @property
    def key_set(self) -> KeySet | None:
        return AppliedKeySet(self.name, self.body).key_set


class ChangeKind(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNREADABLE = "unreadable"  # what is in force cannot be read by this version; it is replaced
    UNCHANGED = "unchanged"
    STAYS = "stays"  # in force, and not in the file


class FieldChange(Model):
    """None: the field was not there before, or is not there after."""

    field: str
    before: str | None
    after: str | None


class KeySetChange(Model):
    key_set: str
    kind: ChangeKind
    details: tuple[FieldChange, ...] = ()
    accounts: tuple[str, ...] = ()  # of its members, where a member is new and there are several
    lost: tuple[str, ...] = ()  # ARNs of members that go and whose ciphertexts no member that stays or comes opens

    @property
    def is_written(self) -> bool:
        return self.kind in {ChangeKind.NEW, ChangeKind.CHANGED, ChangeKind.UNREADABLE}


def changes(
    in_force: Mapping[str, AppliedKeySet], wanted: Sequence[KeySet], *, whole: bool
) -> tuple[KeySetChange, ...]:
    """One change for each key set, in the order of `wanted`; `whole`: also what is in force and not among them."""
    found = [_change(in_force.get(key_set.name), key_set) for key_set in wanted]
    named = {key_set.name for key_set in wanted}
    stay = [KeySetChange(key_set=name, kind=ChangeKind.STAYS) for name in sorted(in_force) if name not in named]
    return (*found, *(stay if whole else ()))


def _change(before: AppliedKeySet | None, after: KeySet) -> KeySetChange:
    known = before.key_set if before else None
    if known is not None and _in_one_order(known) == _in_one_order(after):
        return KeySetChange(key_set=after.name, kind=ChangeKind.UNCHANGED)
    there = [] if before is None else before.member_arns
    come = [member for member in after.members if member.arn not in there]
    accounts = dict.fromkeys(member.account for member in after.members) if come else {}
    return KeySetChange(
        key_set=after.name,
        kind=ChangeKind.NEW if before is None else ChangeKind.CHANGED if known else ChangeKind.UNREADABLE,
        details=tuple(_details(_fields_in_force(before), _fields(after, of_new=known is None))),
        accounts=tuple(accounts) if len(accounts) > 1 else (),
        lost=tuple(arn for arn in there if not any(member.opens(arn) for member in after.members)),
    )


def _details(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[FieldChange]:
    for field in (*after, *(field for field in before if field not in after)):
        if before.get(field) != after.get(field):
            yield FieldChange(field=field, before=before.get(field), after=after.get(field))


def _in_one_order(key_set: KeySet) -> KeySet:
    """The order of buckets says nothing."""
    return key_set.but(buckets=tuple(sorted(key_set.buckets, key=lambda bucket: bucket.name)))


def _beyond(said: Any, known: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Of two JSON values, the fields that only the first has."""
    if isinstance(said, dict) and isinstance(known, dict):
        for name, value in said.items():
            if name in known:
                yield from _beyond(value, known[name], f"{path}{name}.")
            else:
                yield f"{path}{name}", f"{json.dumps(value)}, which this version does not know"
    elif isinstance(said, list) and isinstance(known, list):
        for number, (one, other) in enumerate(zip(said, known, strict=False)):
            yield from _beyond(one, other, f"{path}{number}.")


def _fields_in_force(before: AppliedKeySet | None) -> dict[str, str]:
    if before is None or before.key_set is None:
        return {}
    return _fields(before.key_set) | before.of_newer_versions


def _fields(key_set: KeySet, *, of_new: bool = False) -> dict[str, str]:
    """By name, as an operator reads them; of a new key set's rules, those that are not the defaults."""
    fields = {f"member {member.arn}": f"{member.region}, {member.origin}" for member in key_set.members}
    fields |= {"order": " > ".join(key_set.regions), "failback": key_set.failback.value}
    defaults = Rules.model_validate({}).model_dump()
    rules = key_set.rules.model_dump()
    fields |= {f"rules.{name}": str(value) for name, value in rules.items() if not of_new or value != defaults[name]}
    material = key_set.material.model_dump() if key_set.material else {}
    fields |= {f"material.{name}": str(value) for name, value in material.items()}
    return fields | {f"bucket {bucket.name}": bucket.region for bucket in key_set.buckets}
