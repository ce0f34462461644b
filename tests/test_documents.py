"""The code in the documents runs, block after block as a reader pastes it, and prints what stands below it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving

pytestmark = pytest.mark.enable_socket

REPOSITORY = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$(?:\n\n^```text\n(?P<printed>.*?)^```$)?", re.DOTALL | re.MULTILINE)


def blocks(document: str) -> list[tuple[str, str | None]]:
    """Each block of Python, and the text that is shown below it, if there is one."""
    text = (REPOSITORY / document).read_text("utf-8")
    return [(found["code"], found["printed"]) for found in BLOCK.finditer(text)]


@pytest.fixture
def local_kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As the documents say that it is started, on a free port."""
    (port,) = free_ports(1)
    with serving([sys.executable, "-m", "local.strict_kms", "--port", str(port)], port, folder=REPOSITORY):
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://{LOOPBACK}:{port}")
        yield


def run(document: str, capsys: pytest.CaptureFixture[str]) -> list[tuple[str | None, str]]:
    """What each block should print, and what it does print."""
    names: dict[str, Any] = {}
    printed: list[tuple[str | None, str]] = []
    for code, shown in blocks(document):
        exec(compile(code, document, "exec"), names)  # noqa: S102  # ours
        printed.append((shown, capsys.readouterr().out))
    return printed


def test_import_tokens_behave_as_their_page_shows(local_kms: None, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run("docs/import-tokens.md", capsys)

    assert [shown or "" for shown, _ in printed] == [out for _, out in printed]


def test_each_block_about_import_tokens_but_the_first_shows_what_it_prints() -> None:
    first, *others = blocks("docs/import-tokens.md")

    assert first[1] is None
    assert all(shown for _, shown in others)


def test_the_local_kms_in_a_test_behaves_as_its_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    ((_, out),) = run("docs/local-kms.md", capsys)

    assert "KMS Imported Key Material Expiration" in out
