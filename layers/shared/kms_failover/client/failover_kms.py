"""FailoverKms: a drop-in for the boto3 KMS client that survives the loss of a region."""

import functools
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from kms_failover.client.connection import Connection
from kms_failover.client.failure import Failure
from kms_failover.domain.data_keys.fault import FaultClass
from kms_failover.domain.data_keys.settings import Settings
from kms_failover.errors import (
    BundleError,
    ConfigurationError,
    IncorrectKeySetError,
    KmsFailoverError,
    NotSentError,
    RegionUnavailableError,
    StateUnavailableError,
    UnknownKeySetError,
    UnreadableItemError,
)

if TYPE_CHECKING:
    import boto3

    from kms_failover.client.operations import Operations
    from kms_failover.domain.key_set import KeySet

REWRAPS_AT_ONCE = 8  # each holds two calls of a region's 32 threads at most
MOST_REWRAPS_AT_ONCE = 1_000
NO_REQUEST = "each request must be a dict of what rewrap takes"

# Operations whose `KeyId` may be an alias to KMS too; those that change a key, and others, want the key itself
_TAKE_A_NAME = frozenset(
    {
        "derive_shared_secret",
        "describe_key",
        "generate_data_key_pair",
        "generate_data_key_pair_without_plaintext",
        "generate_mac",
        "get_public_key",
        "sign",
        "verify",
        "verify_mac",
    }
)
_BARE_KEY_ID = re.compile(r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z")

_CODES: tuple[tuple[type[KmsFailoverError], str], ...] = (
    (UnknownKeySetError, "NotFoundException"),
    (StateUnavailableError, "DependencyTimeoutException"),
    (UnreadableItemError, "DependencyTimeoutException"),
    (IncorrectKeySetError, "IncorrectKeyException"),
    (BundleError, "InvalidCiphertextException"),
    (RegionUnavailableError, "DependencyTimeoutException"),
    (NotSentError, "DependencyTimeoutException"),
    (ConfigurationError, "ValidationException"),
)

_STATUS = {"DependencyTimeoutException": 503, "KMSInternalException": 500}  # facts 3.1; all others are 400


P = ParamSpec("P")
R = TypeVar("R")


def _raises_like_boto3(method: Callable[P, R]) -> Callable[P, R]:
    """Our own errors become the ClientError that code written for boto3 already handles."""

    @functools.wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except KmsFailoverError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), "KMSInternalException")
            operation = "".join(word.title() for word in method.__name__.split("_"))
            raise _client_error(cast("FailoverKms", args[0]), code, str(error), operation) from error

    return wrapper


class FailoverKms(BaseClient):
    """`KeyId` may be a key set's name, `alias/<name>` or a member key's ARN; a `CiphertextBlob` is a bundle.

    Same parameters, responses and exceptions as the boto3 KMS client; each response has one more entry, `KmsFailover`:
    KeySet, Regions (that can open it), MissingRegions, AnsweredBy, Rerouted, Degraded, RouteEpoch.
    Grant tokens are refused: each belongs to one key in one region. One client serves any number of threads.
    All else that a KMS client has is the local region's alone (docs/decisions/0020).
    """

    def __init__(self, connection: Connection) -> None:
        """Not BaseClient's own, which makes an endpoint: what its methods look for is the local client's."""
        self.meta = connection.client.meta  # libraries that take a KMS client add themselves to its user agent
        self._PY_TO_OP_NAME = self.meta.method_to_api_mapping
        self._connection = connection
        self._made: Operations | None = None
        self._closed = False
        self._forked = False
        self._lock = threading.Lock()
        _CLIENTS.add(self)

    @classmethod
    def connect(
        cls,
        region: str,
        deployment: str | None,
        key_sets: "tuple[KeySet, ...]" = (),
        *,
        regions: tuple[str, ...] = (),
        settings: Settings | None = None,
        session: "boto3.Session | None" = None,
    ) -> Self:
        """For code that runs in `region` and uses the service deployed there under the name `deployment`.

        `key_sets` serve while the state table cannot be read or has none of their name, and for good where `deployment`
        is None. Their regions and `regions` are connected at the start, others when they are first asked.

        Raises:
            ConfigurationError: something here cannot be used, as one region's endpoint for another.
        """
        if isinstance(regions, str):
            raise ConfigurationError(f"regions must be several, as ({regions!r},)")
        return cls(Connection(region, deployment, key_sets, regions=regions, settings=settings, session=session))

    @_raises_like_boto3
    def generate_data_key(self, **request: Any) -> dict[str, Any]:
        """As KMS's. `MessageBytes`, which KMS does not have, counts against the cache's `max_bytes`."""
        return self._operations.generate_data_key(request)

    @_raises_like_boto3
    def generate_data_key_without_plaintext(self, **request: Any) -> dict[str, Any]:
        """The plaintext exists in this process for a moment: a wrap in another region cannot be made without it."""
        return self._operations.generate_data_key_without_plaintext(request)

    @_raises_like_boto3
    def encrypt(self, **request: Any) -> dict[str, Any]:
        return self._operations.encrypt(request)

    @_raises_like_boto3
    def decrypt(self, **request: Any) -> dict[str, Any]:
        """A bundle, or a plain KMS blob under one of the key set's member keys."""
        return self._operations.decrypt(request)

    @_raises_like_boto3
    def re_encrypt(self, **request: Any) -> dict[str, Any]:
        """Under another key set, or another encryption context; within one key set `rewrap` is what you want."""
        return self._operations.re_encrypt(request)

    @_raises_like_boto3
    def rewrap(self, **request: Any) -> dict[str, Any]:
        """Add the wraps that a bundle lacks. Repeating it changes nothing. Not a KMS operation."""
        return self._operations.rewrap(request)

    def rewrap_many(
        self, requests: Iterable[Mapping[str, Any]], *, max_concurrency: int = REWRAPS_AT_ONCE
    ) -> list[dict[str, Any]]:
        """`rewrap` for each, in order: its answer, or `{"Error": {Code, Message, AnotherRegionMaySucceed}}`.

        One that fails does not keep the others from being done.
        """
        if type(max_concurrency) is not int or not 1 <= max_concurrency <= MOST_REWRAPS_AT_ONCE:
            raise ParamValidationError(
                report=f"max_concurrency must be a whole number from 1 to {MOST_REWRAPS_AT_ONCE}"
            )

        def one(request: Any) -> dict[str, Any]:
            try:
                if not isinstance(request, Mapping) or not all(isinstance(name, str) for name in request):
                    return {"Error": Failure("ParamValidationError", NO_REQUEST, FaultClass.CALLER).as_error}
                return self.rewrap(**request)
            except (ClientError, BotoCoreError) as error:
                return {"Error": Failure.of(error).as_error}

        context = copy_context()  # a context can be entered by one thread at a time: each gets a copy
        with ThreadPoolExecutor(max_concurrency, thread_name_prefix="kms-failover-rewrap") as threads:
            return list(threads.map(lambda request: context.copy().run(one, request), requests))

    @property
    def exceptions(self) -> Any:
        """The same classes in all regions."""
        return self._connection.client.exceptions

    def __getattr__(self, name: str) -> Any:
        """What is not failed over. Operations run as boto3 runs them: with its time-outs, its retries, its checks."""
        if name.startswith("__") or "_connection" not in self.__dict__:  # not made yet, as copy and pickle leave it
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name not in self.meta.method_to_api_mapping:
            return getattr(self._own_connection().client, name)
        return self._of_the_local_region(name)

    def __dir__(self) -> Iterable[str]:
        return {*super().__dir__(), *dir(self._connection.client)}

    def _of_the_local_region(self, operation: str) -> Callable[..., Any]:
        @functools.wraps(getattr(self._own_connection().plain, operation))
        def call(*args: Any, **request: Any) -> Any:
            connection = self._open()
            if operation in _TAKE_A_NAME:
                request |= _member_named(connection, request.get("KeyId"))
            return getattr(connection.plain, operation)(*args, **request)

        return call

    def close(self) -> None:
        """Take no more calls. Those under way finish by themselves, within their time-outs; a repeat does nothing."""
        self._closed = True
        if self._made is not None:
            self._made.close()
        if not self._forked:  # else it is the parent's still, whose locks may be held for ever
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Of a shallow copy, which shares all of this: in a forked child it has a parent to forget too."""
        self.__dict__.update(state)
        _CLIENTS.add(self)

    def _forget_parent(self) -> None:
        """In a forked child: threads and connections are the parent's alone, and so are keys that were made or kept."""
        self._made = None
        self._forked = True
        self._lock = threading.Lock()

    @property
    def _operations(self) -> "Operations":
        """Loaded with the first call: a cold start pays for what it uses."""
        connection = self._open()
        if self._made is None:
            from kms_failover.client.operations import Operations

            with self._lock:
                if self._made is None:
                    self._made = Operations(connection)
        return self._made

    def _open(self) -> Connection:
        """RuntimeError once it is closed."""
        if self._closed:
            raise RuntimeError("this FailoverKms is closed")
        return self._own_connection()

    def _own_connection(self) -> Connection:
        """A forked child's is its own: a lock of the parent's may have been held for ever."""
        if self._forked:
            with self._lock:
                if self._forked:
                    self._connection, self._forked = self._connection.renewed(), False
                    self.meta = self._connection.client.meta
        return self._connection


def _client_error(client: FailoverKms, code: str, message: str, operation: str) -> ClientError:
    """What boto3 raises for this code: a subclass of ClientError where KMS models it."""
    kind: type[ClientError] = client.exceptions.from_code(code)
    metadata: Any = {
        "HTTPStatusCode": _STATUS.get(code, 400),
        "HTTPHeaders": {},
        "RetryAttempts": 0,
        "RequestId": "",
    }
    return kind({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, operation)


def _member_named(connection: Connection, key_id: object) -> dict[str, str]:
    """The local member key's ARN, where `key_id` is the name of a key set; a bare key id and an ARN are KMS's own.

    Whoever names another region's key by its ARN must not be answered for this region's.
    """
    if not isinstance(key_id, str) or key_id.startswith("arn:") or _BARE_KEY_ID.match(key_id):
        return {}
    key_set = connection.routes.named(key_id)
    member = None if key_set is None else key_set.member_in(connection.region)
    return {} if member is None else {"KeyId": member.arn}


_CLIENTS: weakref.WeakSet[FailoverKms] = weakref.WeakSet()


def _forget_parents() -> None:
    for client in _CLIENTS:
        client._forget_parent()  # noqa: SLF001  # a fork's alone, and no part of the API


os.register_at_fork(after_in_child=_forget_parents)
