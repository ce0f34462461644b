"""The key sets that were last read, in a small file: a process that starts while the state table is away has them."""

import logging
import os
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from kms_failover.domain.event_fields import problem_in
from kms_failover.domain.key_set import KeySet

MAX_BYTES = 4_000_000  # a thousand key sets with eight members and their buckets
WRITTEN_AGAIN_AFTER = timedelta(hours=1)  # so that its age says something
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH

logger = logging.getLogger(__name__)


class KeySetMemory:
    """Trusted for no more than an item of the table is. What is broken or another user's is ignored, and logged."""

    def __init__(self, folder: Path | None, deployment: str, region: str) -> None:
        """None remembers nothing."""
        self._file = None if folder is None else folder / f"kms-failover-{deployment}-{region}.json"
        self._of = {"deployment": deployment, "region": region}
        self._written: tuple[KeySet, ...] = ()
        self._written_at = datetime.min.replace(tzinfo=UTC)
        self._account: str | None = None

    def keep(self, key_sets: tuple[KeySet, ...]) -> None:
        """Written when they have changed, and now and then; never half."""
        now = datetime.now(UTC)
        due = key_sets != self._written or now - self._written_at >= WRITTEN_AGAIN_AFTER
        if self._file is None or not key_sets or not due:
            return
        self._account = self._account or self.recall_account()
        self._written, self._written_at = key_sets, now
        self._write(self._file)

    def keep_account(self, account: str) -> None:
        """The account that STS called this process's own, beside the key sets."""
        if account != self._account:
            self._account = account
            if self._file is not None and self._written:
                self._write(self._file)

    def recall(self) -> tuple[KeySet, ...]:
        """Those of the last process that read the table; looked at once. None at all where it cannot be believed."""
        return self._recalled

    def recall_account(self) -> str | None:
        """What `keep_account` was told last, also by an earlier process."""
        content = self._content
        return self._account or (None if content is None else content.account)

    @cached_property
    def _recalled(self) -> tuple[KeySet, ...]:
        content = self._content
        if content is None:
            return ()
        age = datetime.now(UTC) - content.read_at
        logger.warning("remembered key sets serve, read %d s ago, from %s", age.total_seconds(), self._file)
        return tuple(one for one in map(self._readable, content.key_sets) if one is not None)

    @cached_property
    def _content(self) -> "_Content | None":
        """What an earlier process has left."""
        if self._file is None:
            return None
        try:
            content = _Content.model_validate_json(_own_bytes(self._file), extra="ignore")
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            why = problem_in(error) if isinstance(error, ValidationError) else error
            logger.error("the remembered key sets in %s are ignored: %s", self._file, why)  # noqa: TRY400  # no defect
            return None
        if {"deployment": content.deployment, "region": content.region} != self._of:
            logger.error("the remembered key sets in %s are ignored: they are another deployment's", self._file)
            return None
        return content

    def _write(self, file: Path) -> None:
        key_sets = tuple(one.model_dump(mode="json") for one in self._written)
        content = _Content(**self._of, read_at=self._written_at, key_sets=key_sets, account=self._account)
        try:
            _replace(file, content.model_dump_json().encode())
        except OSError as error:
            logger.warning("the key sets cannot be remembered in %s: %s", file, error)

    def _readable(self, stored: Any) -> KeySet | None:
        try:
            return KeySet.model_validate(stored, extra="ignore")
        except ValidationError as error:
            why = problem_in(error)
            logger.error("a remembered key set in %s is ignored: %s", self._file, why)  # noqa: TRY400  # no defect
            return None


class _Content(BaseModel):
    deployment: str
    region: str
    read_at: AwareDatetime
    key_sets: tuple[Any, ...]
    account: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None


def _replace(file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent)  # its owner's alone
    try:
        with os.fdopen(descriptor, "wb") as half_written:
            half_written.write(content)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _own_bytes(file: Path) -> bytes:
    """OSError for another user's file, one that others may write, one that is a link, and one that is too long."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & WRITABLE_BY_OTHERS:
            raise OSError("it is no file that this user alone can write")
        if status.st_size > MAX_BYTES:
            raise OSError(f"it has {status.st_size} bytes, more than {MAX_BYTES}")
        return opened.read(MAX_BYTES)
