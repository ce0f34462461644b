"""The data_keys function: its handler over the real bundler and the strict KMS of two regions."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any

from functions.data_keys.handler import lambda_handler
from kms_failover.client.data_key_api import MAX_BATCH, DataKeyApi
from proofs.fuzz import public_keys
from proofs.fuzz.mutation import Mutator, copied
from proofs.fuzz.surprise import expect, expect_sendable
from proofs.fuzz.target import Take, Target, context, instead
from tests.client.kms_world import kms_world
from tests.domain.strategies import EAST, WEST
from tests.key_watch import forms_of

SECRET = b"a caller's own secret bytes here"
BUNDLES = ("<a bundle>", "<a plain blob>")  # stand in a sample for what the world's KMS has made
SPOILT = ({"Operation": "ScheduleKeyDeletion"}, None, 5, {"Operation": ["Decrypt"]})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@cache
def _requests() -> list[Any]:
    generate = {"Operation": "GenerateDataKey", "KeyId": "orders", "KeySpec": "AES_256"}
    opened = {"Operation": "Decrypt", "CiphertextBlob": BUNDLES[0], "EncryptionContext": {"order": "42"}}
    sealed = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "PublicKey": _text(public_keys.usable()[0])}
    return [
        generate | {"EncryptionContext": {"order": "42"}},
        {**generate, "Operation": "GenerateDataKeyWithoutPlaintext"},
        {"Operation": "Encrypt", "KeyId": "orders", "Plaintext": _text(SECRET)},
        opened,
        {"Operation": "Decrypt", "CiphertextBlob": BUNDLES[1], "KeyId": "orders"},
        {"Operation": "ReEncrypt", "CiphertextBlob": BUNDLES[0], "DestinationKeyId": "orders"}
        | {"SourceEncryptionContext": {"order": "42"}, "DestinationEncryptionContext": {"order": "43"}},
        {"Operation": "Rewrap", "CiphertextBlob": BUNDLES[0], "EncryptionContext": {"order": "42"}},
        generate | {"Recipient": sealed},
        opened | {"Recipient": {**sealed, "PublicKey": _text(public_keys.even(public_keys.numbers(2048)))}},
    ]


def _event(random: Random) -> Any:
    requests = Mutator(random, _requests())
    draw = random.random()
    if draw < 0.5:
        return requests.event()
    if draw < 0.75:
        many = [requests.event() for _ in range(random.randint(1, 5))]
        batch: Any = {"Requests": [*many, copied(random.choice(SPOILT))]}
        return Mutator(random, [batch]).changed(batch) if random.random() < 0.1 else batch
    text = requests.json_text(requests.event())
    encoded = random.random() < 0.3
    body = base64.b64encode(text.encode(errors="surrogatepass")).decode() if encoded else text
    url: Any = {
        "version": "2.0",
        "requestContext": {"http": {"method": "POST"}},
        "body": body,
        "isBase64Encoded": encoded,
    }
    return Mutator(random, [url]).changed(url) if random.random() < 0.2 else url


@contextmanager
def _data_keys() -> Iterator[Take]:
    with instead() as patch, kms_world(patch, EAST, WEST, here=WEST) as world:
        made = world.failover.generate_data_key(KeyId="orders", KeySpec="AES_256", EncryptionContext={"order": "42"})
        plain = world.kms[WEST].client.encrypt(KeyId=world.arn(WEST), Plaintext=SECRET)["CiphertextBlob"]
        blobs = dict(zip(BUNDLES, map(_text, (made["CiphertextBlob"], plain)), strict=True))
        api = DataKeyApi(world.failover)

        def take(event: Any) -> str:
            with instead(data_keys=api):
                answer = lambda_handler(_filled(event, blobs), context(WEST, "data-keys"))
            expect_sendable(answer)
            expect(not world.faults, f"no request is a region's fault: {world.faults}")
            return judged(event, answer)

        yield take


def _filled(event: Any, blobs: dict[str, str]) -> Any:
    """With the world's own ciphertexts where the sample says so."""
    if isinstance(event, str):
        for name, blob in blobs.items():
            event = event.replace(name, blob)
        return event
    if isinstance(event, dict):
        return {name: _filled(value, blobs) for name, value in event.items()}
    return [_filled(value, blobs) for value in event] if isinstance(event, list) else event


def _names_its_secret_elsewhere(said: object) -> bool:
    """As a key set, say: what a caller calls by that name may be repeated to him."""
    rest = [("", said)]  # no recursion: brackets in brackets in brackets
    while rest:
        name, value = rest.pop()
        if isinstance(value, dict):
            rest += [("", key) for key in value]
            rest += [(name if name == "Plaintext" else key, inner) for key, inner in value.items()]
        elif isinstance(value, list):
            rest += [(name, inner) for inner in value]
        elif isinstance(value, str) and name != "Plaintext" and _text(SECRET) in value:
            return True
    return False


def judged(event: Any, answer: dict[str, Any]) -> str:
    """What became of it; Surprise where the answer may not be so."""
    if "statusCode" in answer:
        event, answer = _said(event), json.loads(answer["body"])
    if "Responses" not in answer:
        return _judged_one(event, answer)
    requests = event.get("Requests") if isinstance(event, dict) else None
    expect(isinstance(requests, list), "only a batch has many answers")
    requests = requests or []
    expect(len(answer["Responses"]) == len(requests) <= MAX_BATCH, "each request of a batch has its answer")
    for request, response in zip(requests, answer["Responses"], strict=True):
        _judged_one(request, response)
    return "a batch"


def _said(event: Any) -> Any:
    """What a URL's caller said, as the function reads it; None where that is no JSON."""
    text = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except (ValueError, TypeError, RecursionError):
        return None


def _judged_one(request: Any, answer: dict[str, Any]) -> str:
    if "Error" not in answer:
        return "answered"
    error = answer["Error"]
    expect(error["Code"] and isinstance(error["Message"], str), "an error has a code and a message")
    expect(error["Code"] != "InternalError", "nothing goes wrong that nobody has foreseen")
    expect(
        _names_its_secret_elsewhere(request) or not any(form in error["Message"] for form in forms_of(SECRET)),
        "no plaintext is in an error's message",
    )
    return str(error["Code"])


DATA_KEYS = Target("data_keys", _event, _data_keys)
