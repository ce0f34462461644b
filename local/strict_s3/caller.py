"""On whose behalf S3 acts: the caller of the request, or the role of a replication rule."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

CREDENTIAL = re.compile(r"Credential=(?P<access_key>[^/,\s]+)/")


@dataclass(frozen=True)
class Caller:
    """`principal` is an access key id, or the ARN of a role that S3 assumes.

    `encryption_context` is what a caller adds to the encryption context of an object that it writes.
    """

    principal: str
    encryption_context: Mapping[str, str] = field(default_factory=dict)


ANONYMOUS = Caller("anonymous")
GATEWAY = Caller("gateway")  # for which KMS is not asked

_caller: ContextVar[Caller] = ContextVar("on whose behalf S3 acts", default=ANONYMOUS)


def current_caller() -> Caller:
    return _caller.get()


def principal_of(authorization: str) -> str:
    found = CREDENTIAL.search(authorization)
    return found["access_key"] if found else ANONYMOUS.principal


@contextmanager
def acting_for(caller: Caller) -> Iterator[None]:
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
