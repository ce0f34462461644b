"""Reads template.yaml."""

import functools
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "template.yaml").read_text()


class Loader(yaml.SafeLoader):
    """CloudFormation's short forms: `!Ref x` becomes {"Ref": "x"}, `!GetAtt a.b` {"Fn::GetAtt": ["a", "b"]}."""


def _intrinsic(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _intrinsic)


@functools.cache
def loaded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506  # derives from SafeLoader
    return found
