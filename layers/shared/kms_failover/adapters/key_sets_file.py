"""Reads a `key-sets.yaml`; what is wrong in it is named by line and field."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kms_failover.domain.key_set import KeySets
from kms_failover.domain.plain_text import shown
from kms_failover.domain.problems import problems
from kms_failover.errors import ConfigurationError


def read_key_sets(path: str | Path) -> KeySets:
    """The file's key sets.

    Raises:
        ConfigurationError: one line for each thing that is wrong, `file:line: field: what`, without control characters.
    """
    try:
        tree, data = _load(Path(path).read_text("utf-8"))
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(shown(f"{path}:{_line_of(error)}: {error.problem or error.context}")) from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, or a date like 2026-13-01
        raise ConfigurationError(shown(f"{path}: {' '.join(str(error).split())}")) from error
    except RecursionError as error:
        raise ConfigurationError(shown(f"{path}: it is nested too deep")) from error
    try:
        return KeySets.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_sentences(path, tree, error))) from error


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    """The file as nodes, which know their lines, and as values."""
    loader = yaml.SafeLoader(text)
    try:
        tree = loader.get_single_node()
        if tree is not None:
            _look_through(tree)
        data = None if tree is None else loader.construct_document(tree)
        if data is None:
            raise yaml.YAMLError("it is empty: it needs key_sets, as the README shows")
        return tree, data
    finally:
        loader.dispose()


def _look_through(tree: yaml.Node) -> None:
    """ConstructorError for a key that stands twice, at any depth: YAML forbids it, PyYAML would take the last."""
    nodes, seen = [tree], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_twice(node)
            nodes += [one for pair in node.value for one in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise yaml.constructor.ConstructorError(None, None, "half a surrogate pair is no text", node.start_mark)


def _refuse_twice(mapping: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if (key.tag, key.value) in lines:
            problem = f"{key.value!r} stands twice, first in line {lines[key.tag, key.value]}"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        lines[key.tag, key.value] = key.start_mark.line + 1


def _line_of(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _sentences(path: str | Path, tree: yaml.Node | None, error: ValidationError) -> Iterator[str]:
    for problem in problems(error):
        line, field = _line(tree, problem.location), problem.field or "the file"
        yield shown(f"{path}:{line}: {field}: {problem.words}")


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
