"""Which of a bucket's replication rules are for an object (facts 5.1)."""

from collections.abc import Iterator, Mapping
from typing import Any

from .storage import KMS_ALGORITHMS

NEVER = frozenset({"GLACIER", "DEEP_ARCHIVE"})  # replication-what-is-isnot-replicated

type Rule = Mapping[str, Any]
type Tags = Mapping[str, str]


def rules_for(configuration: Any, key: str, tags: Tags) -> Iterator[Rule]:
    """The enabled rules that match, one for each destination: of several the one with the highest priority."""
    chosen: dict[str, Rule] = {}
    for rule in sorted((configuration or {}).get("Rules", ()), key=lambda one: one.get("Priority", 0)):
        if rule["Status"] == "Enabled" and _matches(rule, key, tags):
            chosen[destination_of(rule)] = rule
    yield from chosen.values()


def destination_of(rule: Rule) -> str:
    """The name of the destination bucket."""
    name: str = rule["Destination"]["Bucket"].rpartition(":")[2]
    return name


def takes_object(rule: Rule, s3_object: Any) -> bool:
    """A replica is not replicated again; an object under KMS only where the rule says so."""
    if getattr(s3_object, "replication_status", None) == "REPLICA" or s3_object.storage_class in NEVER:
        return False
    return s3_object.encryption not in KMS_ALGORITHMS or _criterion(rule, "SseKmsEncryptedObjects")


def takes_marker(rule: Rule) -> bool:
    """A rule of the first version, which has no filter, replicates delete markers without being told to."""
    if "Filter" not in rule:
        return True
    return bool((rule.get("DeleteMarkerReplication") or {}).get("Status") == "Enabled")


def takes_changes_of_replicas(rule: Rule) -> bool:
    return _criterion(rule, "ReplicaModifications")


def replica_key(rule: Rule) -> str | None:
    arn: str | None = (rule["Destination"].get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    return arn


def _criterion(rule: Rule, name: str) -> bool:
    criterion = (rule.get("SourceSelectionCriteria") or {}).get(name) or {}
    return bool(criterion.get("Status") == "Enabled")


def _matches(rule: Rule, key: str, tags: Tags) -> bool:
    given = rule.get("Filter") or {}
    both = given.get("And") or {}
    prefix = given.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or ""
    wanted = [*([given["Tag"]] if given.get("Tag") else []), *(both.get("Tags") or [])]
    return key.startswith(prefix) and all(tags.get(tag["Key"]) == tag["Value"] for tag in wanted)
