"""Whether a key can be a member: what KMS says of it against what the key set says."""

from dataclasses import dataclass

from kms_failover.domain.key_set import MemberKey, Origin

USABLE = {"Enabled", "Updating"}  # facts 1.5, 2.3: a key whose primary region changes goes on working
WITHOUT_MATERIAL = "PendingImport"  # an EXTERNAL key's first state; the service imports the material


@dataclass(frozen=True)
class KeyFacts:
    """DescribeKey's answer."""

    arn: str
    state: str
    origin: str
    spec: str
    usage: str


@dataclass(frozen=True)
class Look:
    """At one member key, in its own region. Neither facts nor `unseen`: KMS knows no such key."""

    member: MemberKey
    facts: KeyFacts | None = None
    unseen: str = ""  # why nobody could look

    def objection(self) -> str:
        """Why the key cannot be the member that it is said to be; empty where it can, and where nobody could look."""
        if self.unseen:
            return ""
        if self.facts is None:
            return f"KMS in {self.member.region} knows no key {self.member.arn}"
        wrong = _wrong(self.member, self.facts)
        return f"{self.member.arn} {wrong}" if wrong else ""


def _wrong(member: MemberKey, facts: KeyFacts) -> str:
    if facts.arn != member.arn:
        return f"is {facts.arn} to KMS"
    if (facts.spec, facts.usage) != ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        return f"is a key for {facts.usage} of spec {facts.spec}: only a symmetric encryption key makes data keys"
    external = facts.origin == Origin.EXTERNAL
    if external != (member.origin is Origin.EXTERNAL):
        return f"has origin {facts.origin}, and the key set says {member.origin}"
    if facts.state in USABLE or (external and facts.state == WITHOUT_MATERIAL):
        return ""
    return f"is {facts.state}: it makes and opens nothing"
