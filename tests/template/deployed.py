"""The template as CloudFormation deploys it: the stack "prod" in one of its two regions."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kms_failover.domain.naming import Deployment, Place
from tests.domain.strategies import ACCOUNT, EAST, WEST, arn
from tests.template.loading import TEXT, loaded

if TYPE_CHECKING:
    from collections.abc import Callable

HOME, REPLICA = EAST, WEST
BUCKETS = ["prod-east", "prod-west"]
MEMBER_KEYS = [arn(HOME, "member"), arn(REPLICA, "member")]
BUCKET_KEYS = [arn(HOME, "bucket"), arn(REPLICA, "bucket")]
_ARNS = {  # by kind: service, what stands before the name, the property with the name
    "AWS::Serverless::Function": ("lambda", "function:", "FunctionName"),
    "AWS::SQS::Queue": ("sqs", "", "QueueName"),
    "AWS::SNS::Topic": ("sns", "", "TopicName"),
    "AWS::Serverless::StateMachine": ("states", "stateMachine:", "Name"),
}


@dataclass(frozen=True)
class Stack:
    region: str
    text: str = TEXT

    @property
    def place(self) -> Place:
        return Place(Deployment("prod"), "aws", self.region, ACCOUNT)

    @property
    def peer(self) -> str:
        return REPLICA if self.region == HOME else HOME

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """By name, their properties, unresolved."""
        found = loaded(self.text)["Resources"].items()
        return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}

    def statements(self, role: str) -> list[dict[str, Any]]:
        """What the policies of a function, or of the backfill, allow."""
        owners = self.resources("AWS::Serverless::Function") | self.resources("AWS::Serverless::StateMachine")
        own_name = {"Fn::Sub": f"${{AWS::StackName}}-{role}"}
        (found,) = [one for one in owners.values() if own_name in (one.get("FunctionName"), one.get("Name"))]
        said = [one for policy in found["Policies"] for one in self.resolved(policy["Statement"])]
        return [one for one in said if one["Effect"] == "Allow"]

    def alarms(self) -> list[dict[str, Any]]:
        return [self.resolved(alarm) for alarm in self.resources("AWS::CloudWatch::Alarm").values()]

    def resolved(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.resolved(child) for child in node]
        if not isinstance(node, dict):
            return node
        ((kind, argument), *more) = node.items() or [("", None)]
        intrinsics: dict[str, Callable[[Any], Any]] = {
            "Ref": self._referred,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": self._filled,
            "Fn::If": self._chosen,
            "Fn::Join": lambda parts: parts[0].join(self.resolved(parts[1])),
            "Fn::Split": lambda parts: self.resolved(parts[1]).split(parts[0]),
        }
        if kind in intrinsics and not more:
            return intrinsics[kind](argument)
        return {key: self.resolved(child) for key, child in node.items()}

    @property
    def _values(self) -> dict[str, Any]:
        return {
            "AWS::StackName": self.place.deployment.name,
            "AWS::Region": self.region,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "StateTableHome": HOME,
            "StateTableReplica": REPLICA,
            "MemberKeyArns": MEMBER_KEYS,
            "BucketNames": BUCKETS,
            "BucketKeyArns": BUCKET_KEYS,
        }

    def _referred(self, name: str) -> Any:
        return self._values.get(name) or self._arn(name)

    def _attribute(self, path: list[str]) -> str:
        name, attribute = path
        return self._arn(name) if attribute == "Arn" else self._arn(name).rpartition(":")[2]

    def _filled(self, argument: Any) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})
        values = self._values | self.resolved(extra)
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(values[found[1]]), text)

    def _chosen(self, branches: list[Any]) -> Any:
        condition, then, otherwise = branches
        holds = condition != "IsStateTableHome" or self.region == HOME
        return self.resolved(then if holds else otherwise)

    def _arn(self, name: str) -> str:
        resource = loaded(self.text)["Resources"][name]
        service, before, named = _ARNS[resource["Type"]]
        own = self.resolved(resource["Properties"][named])
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{before}{own}"
