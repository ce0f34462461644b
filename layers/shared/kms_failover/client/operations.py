"""What FailoverKms does: the KMS API's parameters to bundles, and bundles to the KMS API's answers."""

import functools
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.exceptions import ParamValidationError

from kms_failover.client.bundler import Bundler, NewBundle
from kms_failover.client.parameters import (
    DECRYPT,
    ENCRYPT,
    FOR_ALL,
    GENERATE,
    MAX_MESSAGE_BYTES,
    RE_ENCRYPT,
    SIZE,
    blob_in,
    context_in,
    message_bytes_in,
    refuse_others,
    size_in,
)
from kms_failover.client.reservoir import Reservoir
from kms_failover.domain.data_keys.bundle import NONCE_BYTES, Bundle, Kind, bundle_commitment, is_bundle
from kms_failover.domain.data_keys.cache import DataKeyCache
from kms_failover.domain.key_set import KeySet
from kms_failover.domain.routing.route import Route
from kms_failover.errors import BundleError, IncorrectKeySetError

if TYPE_CHECKING:
    from kms_failover.client.connection import Connection
    from kms_failover.client.routes import RouteReader
    from kms_failover.domain.data_keys.settings import Settings

ARN = "arn:"

Response: TypeAlias = dict[str, Any]
Operation: TypeAlias = Callable[["Operations", Mapping[str, Any]], Response]


def _answers_as_named(operation: Operation) -> Operation:
    """KMS answers with the ARN of the key that was named, so libraries compare the two (facts 6.2)."""

    @functools.wraps(operation)
    def wrapper(self: "Operations", request: Mapping[str, Any]) -> Response:
        return _as_named(operation(self, request), request.get("KeyId"))

    return wrapper


class Operations:
    def __init__(self, connection: "Connection") -> None:
        settings: Settings = connection.settings
        self._bundler: Bundler = connection.bundler
        self._routes: RouteReader = connection.routes
        self._cache = DataKeyCache[Response](settings.cache, time.time) if settings.cache else None
        self._reservoir = Reservoir(settings.reservoir, time.time) if settings.reservoir else None

    @_answers_as_named
    def generate_data_key(self, request: Mapping[str, Any]) -> Response:
        key_set, route, context = self._prepare(request, GENERATE)
        size, message_bytes = size_in(request), message_bytes_in(request)
        if self._cache is None and self._reservoir is None:
            return self._new_data_key(key_set, route, context, size)
        identity = (*_keys_of(key_set), *size.items(), frozenset(context.items()))
        if self._cache is None:
            return self._unused_data_key(identity, key_set, route, context, size)
        cached = self._cache.take((identity, route.epoch), message_bytes)
        if cached is not None:
            return _copy(cached)
        answer = self._unused_data_key(identity, key_set, route, context, size)
        degraded = answer["KmsFailover"]["Degraded"]
        self._cache.keep((identity, route.epoch), _copy(answer), message_bytes, degraded=degraded)
        return answer

    @_answers_as_named
    def generate_data_key_without_plaintext(self, request: Mapping[str, Any]) -> Response:
        """Never from the cache or the reservoir: whoever asks for no plaintext wants a key that nobody has."""
        key_set, route, context = self._prepare(request, FOR_ALL | SIZE)
        answer = self._new_data_key(key_set, route, context, size_in(request))
        del answer["Plaintext"]
        return answer

    @_answers_as_named
    def encrypt(self, request: Mapping[str, Any]) -> Response:
        key_set, route, context = self._prepare(request, ENCRYPT)
        message = blob_in(request, "Plaintext")
        if not 1 <= len(message) <= MAX_MESSAGE_BYTES:
            raise ParamValidationError(report=f"Plaintext must have 1 to {MAX_MESSAGE_BYTES} bytes for a bundle")
        payload = secrets.token_bytes(NONCE_BYTES) + message
        commitment = bundle_commitment(payload, key_set.name, Kind.MESSAGE, context)
        made = self._bundler.seal(key_set, route, payload, commitment, context)
        return _answer(made, key_set, route) | {"EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    @_answers_as_named
    def decrypt(self, request: Mapping[str, Any]) -> Response:
        """A bundle, or a plain KMS blob under one of the key set's member keys."""
        refuse_others(request, DECRYPT)
        blob = blob_in(request, "CiphertextBlob")
        if not is_bundle(blob):
            if request.get("KeyId") is None:
                raise BundleError("this is no bundle; to open a plain KMS blob, name its key set in KeyId")
            (key_set, route), context = self._find(request, "KeyId"), context_in(request)
            opened = self._bundler.open_blob(blob, key_set, context)
            facts = _facts(key_set, route, (opened.member.region,), opened.member.region, expected=opened.member.region)
            return _opened_answer(opened.response, opened.plaintext, opened.member.arn, facts)
        bundle = Bundle.parse(blob)
        key_set, route, context = self._prepare_for(bundle, request)
        if self._cache is None:
            return self._open(bundle, key_set, route, context)
        identity = (hashlib.sha256(blob).digest(), *_keys_of(key_set), frozenset(context.items()))
        cached = self._cache.take(identity)
        if cached is not None:
            return _copy(cached)
        answer = self._open(bundle, key_set, route, context)
        self._cache.keep(identity, _copy(answer))
        return answer

    def re_encrypt(self, request: Mapping[str, Any]) -> Response:
        """Under another key set, or another encryption context; within one key set `rewrap` is what you want."""
        refuse_others(request, RE_ENCRYPT)
        self._find(request, "DestinationKeyId")  # what is wrong with it is said before a key is opened
        destination_context = context_in(request, "DestinationEncryptionContext")
        opened = self.decrypt(
            {
                "CiphertextBlob": request.get("CiphertextBlob"),
                "KeyId": request.get("SourceKeyId"),
                "EncryptionContext": context_in(request, "SourceEncryptionContext"),
            }
        )
        sealed = self.encrypt(
            {
                "KeyId": request["DestinationKeyId"],
                "Plaintext": opened["Plaintext"],
                "EncryptionContext": destination_context,
            }
        )
        answer = {
            "CiphertextBlob": sealed["CiphertextBlob"],
            "SourceKeyId": opened["KeyId"],
            "KeyId": sealed["KeyId"],
            "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "ResponseMetadata": sealed["ResponseMetadata"],
            "KmsFailover": sealed["KmsFailover"],
        }
        ids = {"Source": opened, "Destination": sealed}
        names = {f"{end}KeyMaterialId": part["KeyMaterialId"] for end, part in ids.items() if "KeyMaterialId" in part}
        return answer | names

    def rewrap(self, request: Mapping[str, Any]) -> Response:
        """`AnsweredBy` is the region that opened the bundle; None where nothing was lacking, so nobody was asked."""
        refuse_others(request, DECRYPT)
        bundle = Bundle.parse(blob_in(request, "CiphertextBlob"))
        key_set, route, context = self._prepare_for(bundle, request)
        completed = self._bundler.complete(bundle, key_set, route, context)
        regions = _regions(completed.bundle, key_set)
        by = None if completed.member is None else completed.member.region
        facts = _facts(key_set, route, regions, by, expected=by and self._nearest(_regions(bundle, key_set), route))
        return {"CiphertextBlob": bytes(completed.bundle), "KmsFailover": facts}

    def close(self) -> None:
        if self._reservoir is not None:
            self._reservoir.close()
        if self._cache is not None:
            self._cache.clear()

    def _unused_data_key(
        self,
        identity: tuple[Any, ...],
        key_set: KeySet,
        route: Route,
        context: dict[str, str],
        size: dict[str, Any],
    ) -> Response:
        def make() -> Response:
            return self._new_data_key(key_set, route, context, size)

        made_ahead = self._reservoir.take(identity, route.epoch, make) if self._reservoir is not None else None
        return made_ahead or make()

    def _new_data_key(self, key_set: KeySet, route: Route, context: dict[str, str], size: dict[str, Any]) -> Response:
        return _answer(self._bundler.make(key_set, route, size, context), key_set, route)

    def _open(self, bundle: Bundle, key_set: KeySet, route: Route, context: dict[str, str]) -> Response:
        opened = self._bundler.open(bundle, key_set, route, context)
        start = NONCE_BYTES if bundle.kind is Kind.MESSAGE else 0
        regions = _regions(bundle, key_set)
        facts = _facts(key_set, route, regions, opened.member.region, expected=self._nearest(regions, route))
        return _opened_answer(opened.response, opened.plaintext[start:], opened.member.arn, facts)

    def _nearest(self, regions: tuple[str, ...], route: Route) -> str:
        return self._bundler.region if self._bundler.region in regions else route.regions[0]

    def _prepare(self, request: Mapping[str, Any], own: frozenset[str]) -> tuple[KeySet, Route, dict[str, str]]:
        refuse_others(request, own)
        return *self._find(request, "KeyId"), context_in(request)

    def _prepare_for(self, bundle: Bundle, request: Mapping[str, Any]) -> tuple[KeySet, Route, dict[str, str]]:
        """A bundle names its key set; a `KeyId` beside it must be one of that key set's names."""
        key_set, route = self._routes.find(bundle.key_set)
        if request.get("KeyId") is not None:
            named, _ = self._find(request, "KeyId")
            if request["KeyId"] not in key_set.names:
                raise IncorrectKeySetError(f"the bundle belongs to key set {bundle.key_set!r}, not to {named.name!r}")
        return key_set, route, context_in(request)

    def _find(self, request: Mapping[str, Any], name: str) -> tuple[KeySet, Route]:
        key_id = request.get(name)
        if not isinstance(key_id, str):
            raise ParamValidationError(report=f"{name} must be a key set's name, alias/<name> or a member key's ARN")
        return self._routes.find(key_id)


def _keys_of(key_set: KeySet) -> list[str]:
    """What ties a kept key to its key set: a key set whose KMS key has been replaced is another one."""
    return [key_set.name, *[member.arn for member in key_set.members]]


def _regions(bundle: Bundle, key_set: KeySet) -> tuple[str, ...]:
    blobs = bundle.blobs_by_member(key_set)
    return tuple(member.region for member in key_set.members if member.arn in blobs)


def _facts(
    key_set: KeySet, route: Route, can_open: tuple[str, ...], answered_by: str | None, *, expected: str | None
) -> Response:
    missing = [region for region in key_set.wanted_regions if region not in can_open]
    return {
        "KeySet": key_set.name,
        "Regions": list(can_open),
        "MissingRegions": missing,
        "AnsweredBy": answered_by,
        "Rerouted": answered_by != expected,
        "Degraded": bool(missing),
        "RouteEpoch": route.epoch,
    }


def _answer(made: NewBundle, key_set: KeySet, route: Route) -> Response:
    """KMS's own answer, with the bundle in place of its blob."""
    can_open = tuple(region for region in key_set.regions if region not in made.missing)
    facts = _facts(key_set, route, can_open, made.member.region, expected=key_set.regions[0])
    own = {"CiphertextBlob": bytes(made.bundle), "KeyId": made.member.arn, "KmsFailover": facts}
    return dict(made.response) | own


def _opened_answer(response: Mapping[str, Any], plaintext: bytes, key_arn: str, facts: Response) -> Response:
    own = {"Plaintext": plaintext, "KeyId": key_arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KmsFailover": facts}
    return dict(response) | own


def _as_named(answer: Response, named: object) -> Response:
    """Under the ARN that the caller named, if it was one: `AnsweredBy` says who did it, and its material is its own."""
    if not isinstance(named, str) or not named.startswith(ARN) or named == answer["KeyId"]:
        return answer
    return {name: value for name, value in answer.items() if name != "KeyMaterialId"} | {"KeyId": named}


def _copy(answer: Response) -> Response:
    """A caller may change what it is given."""
    facts = answer["KmsFailover"]
    regions = {"Regions": list(facts["Regions"]), "MissingRegions": list(facts["MissingRegions"])}
    return answer | {"KmsFailover": facts | regions, "ResponseMetadata": dict(answer.get("ResponseMetadata", {}))}
