"""FailoverKms: a drop-in for the boto3 KMS client that survives the loss of a region."""

import functools
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from botocore.exceptions import ClientError, ParamValidationError

from kms_failover.adapters.connection import connect
from kms_failover.adapters.engine import Engine, Made
from kms_failover.adapters.routes import RouteReader
from kms_failover.domain.bundle import MIN_COMMITTED_KEY_BYTES, NONCE_BYTES, Bundle, Kind, commit, is_bundle
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.route import Route
from kms_failover.errors import (
    BundleError,
    KmsFailoverError,
    RegionUnavailableError,
    StateUnavailableError,
    UnknownKeySetError,
)

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

MAX_MESSAGE_BYTES = 4096 - NONCE_BYTES  # KMS Encrypt takes 4096 (facts 2.3); a message's nonce is wrapped with it

DEFAULT_ALGORITHM = ("EncryptionAlgorithm", "SYMMETRIC_DEFAULT")

_RE_ENCRYPT = {
    "CiphertextBlob",
    "SourceKeyId",
    "SourceEncryptionContext",
    "DestinationKeyId",
    "DestinationEncryptionContext",
}

_CODES: tuple[tuple[type[KmsFailoverError], str], ...] = (
    (UnknownKeySetError, "NotFoundException"),
    (StateUnavailableError, "DependencyTimeoutException"),
    (BundleError, "InvalidCiphertextException"),
    (RegionUnavailableError, "DependencyTimeoutException"),
)


def _raises_like_boto3[**P, R](method: Callable[P, R]) -> Callable[P, R]:
    """Our own errors become the ClientError that code written for boto3 already handles."""

    @functools.wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except KmsFailoverError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), "KMSInternalException")
            operation = "".join(word.title() for word in method.__name__.split("_"))
            raise cast("FailoverKms", args[0]).refusal(code, str(error), operation) from error

    return wrapper


class FailoverKms:
    """`KeyId` may be a key set's name, `alias/<name>` or a member key's ARN; a `CiphertextBlob` is a bundle.

    Same parameters, responses and exceptions as the boto3 KMS client; each response has one more entry, `KmsFailover`:
    KeySet, Regions (that can open it), MissingRegions, AnsweredBy, Rerouted, Degraded, RouteEpoch.
    Grant tokens are refused: each belongs to one key in one region.
    """

    def __init__(self, engine: Engine, routes: RouteReader, client: "KMSClient") -> None:
        self._engine = engine
        self._routes = routes
        self.meta = client.meta  # libraries that take a KMS client add themselves to its user agent
        self.exceptions: Any = client.exceptions  # the same classes in all regions

    @classmethod
    def connect(
        cls, region: str, deployment: str, key_sets: tuple[KeySet, ...] = (), *, regions: tuple[str, ...] = ()
    ) -> Self:
        """For code that runs in `region` and uses the service deployed there under the name `deployment`.

        `key_sets` serve while the state table cannot be read; `regions` that they name are connected at the start.
        """
        connection = connect(region, deployment, key_sets, regions=regions)
        return cls(connection.engine, connection.routes, connection.client)

    @_raises_like_boto3
    def generate_data_key(self, **request: Any) -> dict[str, Any]:
        key_set, route, context = self._prepare(request, {"KeySpec", "NumberOfBytes"})
        size = request.get("NumberOfBytes")
        if isinstance(size, int) and size < MIN_COMMITTED_KEY_BYTES:
            raise ParamValidationError(report=f"NumberOfBytes must be at least {MIN_COMMITTED_KEY_BYTES} for a bundle")
        wanted = {name: value for name, value in request.items() if value and name in {"KeySpec", "NumberOfBytes"}}
        made = self._engine.make(key_set, route, wanted, context)
        return {"Plaintext": made.plaintext} | _answer(made, key_set, route)

    @_raises_like_boto3
    def generate_data_key_without_plaintext(self, **request: Any) -> dict[str, Any]:
        """The plaintext exists in this process for a moment: a wrap in another region cannot be made without it."""
        answer = self.generate_data_key(**request)
        del answer["Plaintext"]
        return answer

    @_raises_like_boto3
    def encrypt(self, **request: Any) -> dict[str, Any]:
        key_set, route, context = self._prepare(request, {"Plaintext"})
        message = _bytes(request, "Plaintext")
        if not 1 <= len(message) <= MAX_MESSAGE_BYTES:
            raise ParamValidationError(report=f"Plaintext must have 1 to {MAX_MESSAGE_BYTES} bytes for a bundle")
        payload = secrets.token_bytes(NONCE_BYTES) + message
        commitment = commit(payload, key_set.name, Kind.MESSAGE, context)
        made = self._engine.seal(key_set, route, payload, commitment, context)
        return _answer(made, key_set, route) | {"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    @_raises_like_boto3
    def decrypt(self, **request: Any) -> dict[str, Any]:
        """A bundle, or a plain KMS blob under one of the key set's member keys."""
        blob = _bytes(request, "CiphertextBlob")
        if not is_bundle(blob):
            return self._decrypt_blob(blob, request)
        bundle = Bundle.parse(blob)
        key_set, route, context = self._prepare({"KeyId": bundle.key_set} | request, {"CiphertextBlob"})
        self._expect_key_set(bundle, key_set, "Decrypt")
        opened = self._engine.open(bundle, key_set, route, context)
        start = NONCE_BYTES if bundle.kind is Kind.MESSAGE else 0
        nearest = self._engine.region if self._engine.region in _regions(bundle, key_set) else route.regions[0]
        return {
            "Plaintext": opened.plaintext[start:],
            "KeyId": opened.member.arn,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "KmsFailover": _facts(bundle, key_set, route, opened.member.region, expected=nearest),
        }

    @_raises_like_boto3
    def re_encrypt(self, **request: Any) -> dict[str, Any]:
        """Under another key set, or another encryption context; within one key set `rewrap` is what you want."""
        _refuse_others(request, _RE_ENCRYPT)
        source = {
            "CiphertextBlob": request.get("CiphertextBlob"),
            "EncryptionContext": request.get("SourceEncryptionContext") or {},
        }
        if request.get("SourceKeyId"):
            source["KeyId"] = request["SourceKeyId"]
        opened = self.decrypt(**source)
        sealed = self.encrypt(
            KeyId=request.get("DestinationKeyId"),
            Plaintext=opened["Plaintext"],
            EncryptionContext=request.get("DestinationEncryptionContext") or {},
        )
        return {
            "CiphertextBlob": sealed["CiphertextBlob"],
            "SourceKeyId": opened["KeyId"],
            "KeyId": sealed["KeyId"],
            "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "KmsFailover": sealed["KmsFailover"],
        }

    @_raises_like_boto3
    def rewrap(self, **request: Any) -> dict[str, Any]:
        """Add the wraps that a bundle lacks. Repeating it changes nothing. Not a KMS operation."""
        bundle = Bundle.parse(_bytes(request, "CiphertextBlob"))
        key_set, route, context = self._prepare({"KeyId": bundle.key_set} | request, {"CiphertextBlob"})
        self._expect_key_set(bundle, key_set, "Rewrap")
        complete, _missing = self._engine.complete(bundle, key_set, route, context)
        return {
            "CiphertextBlob": bytes(complete),
            "KmsFailover": _facts(complete, key_set, route, self._engine.region, expected=self._engine.region),
        }

    def refusal(self, code: str, message: str, operation: str) -> ClientError:
        """What boto3 raises for this code: a subclass of ClientError where KMS models it."""
        kind: type[ClientError] = self.exceptions.from_code(code)
        return kind({"Error": {"Code": code, "Message": message}}, operation)

    def close(self) -> None:
        """End this client's threads. Calls under way finish by themselves, within their time-outs."""
        self._engine.close()
        self._routes.close()

    def _prepare(self, request: Mapping[str, Any], own: set[str]) -> tuple[KeySet, Route, dict[str, str]]:
        _refuse_others(request, own | {"KeyId", "EncryptionContext"})
        if not isinstance(request.get("KeyId"), str):
            raise ParamValidationError(report="KeyId must be a key set's name, alias/<name> or a member key's ARN")
        key_set, route = self._routes.find(request["KeyId"])
        return key_set, route, _context(request)

    def _expect_key_set(self, bundle: Bundle, key_set: KeySet, operation: str) -> None:
        if bundle.key_set != key_set.name:
            message = f"the bundle belongs to key set {bundle.key_set!r}, not to {key_set.name!r}"
            raise self.refusal("IncorrectKeyException", message, operation)

    def _decrypt_blob(self, blob: bytes, request: dict[str, Any]) -> dict[str, Any]:
        key_set, route, context = self._prepare(request, {"CiphertextBlob"})
        opened = self._engine.open_blob(blob, key_set, context)
        return {
            "Plaintext": opened.plaintext,
            "KeyId": opened.member.arn,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "KmsFailover": {
                "KeySet": key_set.name,
                "Regions": [opened.member.region],
                "MissingRegions": [region for region in key_set.regions if region != opened.member.region],
                "AnsweredBy": opened.member.region,
                "Rerouted": False,
                "Degraded": len(key_set.members) > 1,
                "RouteEpoch": route.epoch,
            },
        }


def _bytes(request: Mapping[str, Any], name: str) -> bytes:
    value = request.get(name)
    if isinstance(value, str | bytearray | memoryview):
        value = value.encode() if isinstance(value, str) else bytes(value)
    if not isinstance(value, bytes):
        raise ParamValidationError(report=f"{name} must be bytes")
    return value


def _refuse_others(request: Mapping[str, Any], allowed: set[str]) -> None:
    """What says no more than a default is let pass: `DryRun=False`, no grant tokens, the one algorithm there is."""
    said = {name for name, value in request.items() if value and (name, value) != DEFAULT_ALGORITHM}
    if unknown := said - allowed:
        raise ParamValidationError(report=f"not supported for a key set: {', '.join(sorted(unknown))}")


def _context(request: Mapping[str, Any]) -> dict[str, str]:
    context = request.get("EncryptionContext") or {}
    if not isinstance(context, Mapping) or not all(isinstance(text, str) for pair in context.items() for text in pair):
        raise ParamValidationError(report="EncryptionContext must be a dict of str to str")
    return dict(context)


def _regions(bundle: Bundle, key_set: KeySet) -> list[str]:
    holders = [m for wrap in bundle.wraps if (m := key_set.member_by_arn(wrap.key_arn)) is not None]
    return [m.region for m in key_set.members if any(m.opens_ciphertexts_of(holder) for holder in holders)]


def _facts(bundle: Bundle, key_set: KeySet, route: Route, answered_by: str, *, expected: str) -> dict[str, Any]:
    can_open = _regions(bundle, key_set)
    missing = [region for region in key_set.regions if region not in can_open]
    return {
        "KeySet": key_set.name,
        "Regions": can_open,
        "MissingRegions": missing,
        "AnsweredBy": answered_by,
        "Rerouted": answered_by != expected,
        "Degraded": bool(missing),
        "RouteEpoch": route.epoch,
    }


def _answer(made: Made, key_set: KeySet, route: Route) -> dict[str, Any]:
    return {
        "CiphertextBlob": bytes(made.bundle),
        "KeyId": made.member.arn,
        "KmsFailover": _facts(made.bundle, key_set, route, made.member.region, expected=key_set.regions[0]),
    }
