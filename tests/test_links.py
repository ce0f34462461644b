"""What documents and code point at is there: files, headings, modules, decisions, targets of make."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "layers/shared/kms_failover"
# our own: not what is built or installed beside them
FOLDERS = sorted(
    path.name for path in REPOSITORY.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "build"
)
# benchmarks/notes.md becomes a part of docs/benchmarks.md, so that its links are of that folder
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("runbooks/*.md")])
CODE = sorted(path for folder in FOLDERS for path in REPOSITORY.glob(f"{folder}/**/*.py"))
OTHERS = REPOSITORY / "local/moto_patch/patch.py"  # the modules that it names are moto's
YOURS = {"layers/shared/kms_failover/accounts.txt", "functions/data_keys/key-sets.yaml"}  # whoever deploys writes them

LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)|^\[[^\]]+\]: (?!https?:)(\S+)$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([\w.*-]+(?:/[\w.*-]+)*)/?`")
FILE_SUFFIXES = (".css", ".md", ".py", ".toml", ".txt", ".yaml")
PAGE_IN_CODE = re.compile(r"\bdocs/[\w/-]+(?:\.\w+)?")
MODULE_IN_CODE = re.compile(r"(?<![\w/.])[a-z_]+(?:/\w+)+\.py\b")
DECISION = re.compile(r"\b[Dd]ecision (\d{1,4})\b")
MAKE = re.compile(r"(?:`|^    )make ([a-z][a-z-]*)", re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = HEADING.findall(BLOCK.sub("", document.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", each).lower()).replace(" ", "-") for each in headings}


def broken_links(document: Path) -> Iterator[str]:
    for inline, listed in LINK.findall(document.read_text("utf-8")):
        file, _, heading = (inline or listed).partition("#")
        target = (document.parent / file).resolve() if file else document
        if not target.exists() or (heading and heading not in anchors(target)):
            yield inline or listed


def looks_like_a_path(span: str) -> bool:
    first, slash, _ = span.partition("/")
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | {"kms_failover", *FOLDERS}
    return span.endswith(".py") or (bool(slash) and (first in rooms or span.endswith(FILE_SUFFIXES)))


def is_there(path: str) -> bool:
    """From the repository, from the package, or from the folder that holds it; a bare module anywhere."""
    found = any(any(root.glob(path)) for root in (REPOSITORY, PACKAGE, PACKAGE.parent))
    return found or path in YOURS or ("/" not in path and any(one.name == path for one in CODE))


def decisions() -> set[int]:
    return {int(path.name[:4]) for path in REPOSITORY.glob("docs/decisions/[0-9]*.md")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_path_that_a_document_names_exists(document: Path) -> None:
    spans = SPAN.findall(BLOCK.sub("", document.read_text("utf-8")))

    assert [span for span in spans if looks_like_a_path(span) and not is_there(span)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_command_of_make_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert set(MAKE.findall(document.read_text("utf-8"))) <= targets


def test_each_page_and_module_that_code_names_exists() -> None:
    texts = {path: path.read_text("utf-8") for path in CODE if path not in {OTHERS, Path(__file__)}}
    pages = {(name_of(path), page) for path, text in texts.items() for page in PAGE_IN_CODE.findall(text)}
    modules = {(name_of(path), module) for path, text in texts.items() for module in MODULE_IN_CODE.findall(text)}

    assert {(path, page) for path, page in pages if not any(REPOSITORY.glob(f"{page}*"))} == set()
    assert {(path, module) for path, module in modules if not is_there(module)} == set()


def test_each_decision_that_is_named_by_its_number_was_taken() -> None:
    named = {(name_of(path), int(n)) for path in (*DOCUMENTS, *CODE) for n in DECISION.findall(path.read_text("utf-8"))}

    assert {(path, number) for path, number in named if number not in decisions()} == set()
