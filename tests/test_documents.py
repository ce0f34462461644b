"""The code in the documents runs, block after block as a reader pastes it, and prints what stands below it."""

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kms_failover import FailoverKms
from kms_failover.domain.data_keys.bundle import Bundle
from local.cloud.ports import LOOPBACK, free_ports
from local.cloud.serving import serving

pytestmark = pytest.mark.enable_socket

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    path for folder in (".", "docs", "docs/decisions", "runbooks") for path in (REPOSITORY / folder).glob("*.md")
]
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


@pytest.fixture
def levels() -> Iterator[None]:
    """The other libraries' log levels are as before once the document's code has run."""
    loggers = [logging.getLogger(name) for name in ("boto3", "botocore", "urllib3")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def run(
    document: str, capsys: pytest.CaptureFixture[str], names: dict[str, Any] | None = None
) -> list[tuple[str | None, str]]:
    """What each block should print, and what it does print."""
    names = {} if names is None else names
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


def test_the_data_planes_code_loses_a_region_and_goes_on(
    local_kms: None, levels: None, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}

    (_, shown), *_ = run("docs/data-plane.md", capsys, names)

    facts = names["made"]["KmsFailover"]
    assert (facts["AnsweredBy"], facts["MissingRegions"]) == ("us-west-2", ["us-east-1"])
    assert str(facts) in shown
    assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)


def test_the_data_planes_code_says_whom_to_call_for_a_bundle_that_was_tampered_with(
    local_kms: None, levels: None, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    run("docs/data-plane.md", capsys, names)
    blob = bytearray(names["made"]["CiphertextBlob"])
    commitment = Bundle.parse(bytes(blob)).commitment
    blob[blob.index(commitment)] ^= 1

    with (
        FailoverKms.connect("us-east-1", None, (names["orders"],), settings=names["settings"]) as kms,
        pytest.raises(ClientError, match="InvalidCiphertextException"),
    ):
        names["opened"](kms, bytes(blob))

    assert capsys.readouterr().out.startswith("page a human")


def test_no_document_has_code_that_runs_nowhere() -> None:
    with_code = {str(path.relative_to(REPOSITORY)) for path in DOCUMENTS if "```python" in path.read_text("utf-8")}

    # the README's runs in tests/clients, beside the library that it names
    assert with_code == {"README.md", "docs/data-plane.md", "docs/import-tokens.md", "docs/local-kms.md"}
