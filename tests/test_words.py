"""One word for one thing, in code and documents alike."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SUFFIXES = {".json", ".md", ".py", ".svg", ".toml", ".yaml"}
THE_OLD_WORD = re.compile("C" + "MK")
# what AWS writes: names of events, and one of its messages
AWS_LITERALS = re.compile(r"KMS C" + r"MK (Rotation|Deletion)|does not identify a C" + r"MK that can perform")


def texts() -> Iterator[Path]:
    """The repository's own: not what is built or installed into it."""
    for root in REPOSITORY.iterdir():
        if not root.name.startswith(".") and root.name != "build":
            yield from (path for path in (root, *root.rglob("*")) if path.suffix in SUFFIXES)


def test_a_kms_key_is_called_so_except_where_aws_has_the_old_word() -> None:
    found = [str(path) for path in texts() if THE_OLD_WORD.search(AWS_LITERALS.sub("", path.read_text("utf-8")))]

    assert found == []


def test_a_class_or_public_function_of_the_product_has_a_name_of_its_own() -> None:
    modules = [path for root in ("layers/shared", "command", "functions") for path in (REPOSITORY / root).rglob("*.py")]
    names = [name for path in modules for name in public_names(path) if name != "lambda_handler"]

    twice = sorted(name for name, times in Counter(names).items() if times > 1)

    assert len(names) > len(modules)  # else nothing was found
    assert twice == []


def public_names(module: Path) -> Iterator[str]:
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name
