"""Reads a `key-sets.yaml`; what is wrong in it is named by line and field."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from kms_failover.domain.key_set import KeySets
from kms_failover.errors import ConfigurationError


def read_key_sets(path: Path) -> KeySets:
    """The file's key sets.

    Raises:
        ConfigurationError: one line for each thing that is wrong, `file:line: field: what`.
    """
    try:
        text = path.read_text("utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, or a date like 2026-13-01
        raise ConfigurationError(f"{path}: {error}") from error
    try:
        return KeySets.model_validate(data)
    except ValidationError as error:
        found = [_sentence(path, tree, problem["loc"], problem["msg"]) for problem in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(found)) from error


def _sentence(path: Path, tree: yaml.Node | None, location: tuple[int | str, ...], message: str) -> str:
    field = ".".join(map(str, location)) or "the file"
    return f"{path}:{_line(tree, location)}: {field}: {message}"


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to `location` that the file really has; 1-based."""
    if node is None:
        return 1
    for step in location:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return node.start_mark.line + 1


def _child(node: yaml.Node, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None
