"""What reads a stranger's bytes or texts, each alone."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from kms_failover.adapters.key_sets_file import read_key_sets
from kms_failover.client.recipient import Recipient
from kms_failover.domain.data_keys.bundle import Bundle
from kms_failover.domain.objects.s3_envelope import Envelope
from kms_failover.errors import BundleError, ConfigurationError, ObjectFormatError, RecipientError
from proofs.fuzz import public_keys
from proofs.fuzz.mutation import BRACKETS, UNCHANGED, Mutator
from proofs.fuzz.surprise import expect
from proofs.fuzz.target import Take, Target
from tests.domain.objects.rewrap_world import HERE, THERE, THIRD, blob_under, bundle_under, v2, v3

KEY_SETS = {
    "key_sets": [
        {
            "name": "orders",
            "members": [
                {"region": region, "arn": f"arn:aws:kms:{region}:111122223333:key/of-{region}"}
                for region in (THERE, HERE)
            ],
            "buckets": [{"name": f"orders-{region}", "region": region} for region in (THERE, HERE)],
            "failback": "held",
            "rules": {"faults_to_impair": 3, "healthy_after_seconds": 600},
        },
        {
            "name": "imported",
            "members": [{"region": HERE, "arn": f"arn:aws:kms:{HERE}:111122223333:key/a", "origin": "EXTERNAL"}],
            "material": {"secret": "material-of-imported"},
        },
    ]
}


def _bundle_bytes(random: Random) -> bytes:
    sample = bundle_under(*random.choice([(HERE,), (HERE, THERE), (THERE, HERE, THIRD)]))
    return sample if random.random() < UNCHANGED else Mutator(random, [{}]).bytes(sample)


@contextmanager
def _bundles() -> Iterator[Take]:
    def take(data: bytes) -> str:
        expect(bytes(Bundle.parse(data)) == data, "a bundle that is read is the bytes that were read")
        return "a bundle"

    yield take


def _metadata(random: Random) -> Any:
    make = random.choice([v2, v3])
    wrapped = random.choice([blob_under(THERE), bundle_under(HERE, THERE)])
    mutator = Mutator(random, [make(wrapped)])
    changed = mutator.changed(make(wrapped))
    metadata = changed if isinstance(changed, dict) else {}
    texts = {name: value if isinstance(value, str) else str(value)[:3000] for name, value in metadata.items()}
    name = random.choice(["x-amz-t", "x-amz-matdesc"])
    if name in texts and random.random() < 0.3:
        texts[name] = mutator.json_text(mutator.event())
    return {_header(name): _header(value) for name, value in texts.items()}


def _header(text: str) -> str:
    """HTTP carries no half of a surrogate pair."""
    return text.encode(errors="replace").decode()


@contextmanager
def _envelopes() -> Iterator[Take]:
    def take(metadata: dict[str, str]) -> str:
        envelope = Envelope.read(metadata)
        for text in (text for pair in envelope.context.items() for text in pair):
            expect(
                isinstance(text, str) and text.encode(errors="replace").decode() == text, "a context KMS can be sent"
            )
        changed = envelope.with_wrapped_key(b"x" * 184).applied_to(metadata)
        expect(Envelope.read(changed).wrapped_key == b"x" * 184, "an envelope that is written is read again")
        return "an envelope"

    yield take


def _public_key(random: Random) -> bytes:
    """Changed in its bytes, or in its numbers: an even modulus is a key in form alone."""
    if random.random() < 0.2:
        of = public_keys.numbers(2048)
        try:
            changed = rsa.RSAPublicNumbers(random.choice([of.e, of.e - 1, 1, 3]), of.n - random.randint(0, 3))
            return public_keys.der(changed.public_key())
        except ValueError:  # not even in form
            return b""
    sample = random.choice([*public_keys.usable() * 4, public_keys.elliptic()])
    return sample if random.random() < UNCHANGED else Mutator(random, [{}]).bytes(sample)


@contextmanager
def _recipients() -> Iterator[Take]:
    def take(der: bytes) -> str:
        sealed = Recipient(der).encrypt(b"k" * 32)
        expect(b"k" * 32 not in sealed, "a plaintext leaves encrypted alone")
        return "a recipient"

    yield take


def _key_sets_text(random: Random) -> str:
    mutator = Mutator(random, [KEY_SETS])
    if random.random() < 0.005:
        return random.choice("[{") * (BRACKETS // 100)
    text = yaml.safe_dump(_without_depth(mutator.event()), allow_unicode=True)
    return mutator.text(text) if random.random() < 0.3 else text


def _without_depth(event: Any) -> Any:
    """PyYAML's writer goes as deep as its reader."""
    try:
        yaml.safe_dump(event, allow_unicode=True)
    except RecursionError:
        return None
    return event


@contextmanager
def _key_set_files() -> Iterator[Take]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key-sets.yaml"

        def take(text: str) -> str:
            path.write_bytes(text.encode(errors="surrogatepass"))
            read_key_sets(path).model_dump_json().encode()
            return "key sets"

        yield take


PARSERS = (
    Target("bundle", _bundle_bytes, _bundles, (BundleError,)),
    Target("s3-envelope", _metadata, _envelopes, (ObjectFormatError,)),
    Target("recipient", _public_key, _recipients, (RecipientError,)),
    Target("key-sets.yaml", _key_sets_text, _key_set_files, (ConfigurationError,), share=0.05),
)
