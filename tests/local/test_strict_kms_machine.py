"""Random lives of keys: the strict KMS and a small model must agree on every answer and every state."""

import os
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from local.strict_kms import ReusedPairs, SettableClock, mock_strict_kms
from local.strict_kms.owner import wrap

from .direct import RefusedError, call
from .kms_model import OK, Model, ModelKey

EAST, WEST = REGIONS = ("us-east-1", "us-west-2")
MATERIALS = {name: bytes([number]) * 32 for number, name in enumerate("ABC")}
MOST_KEYS = 4
SEQUENCES = int(os.environ.get("KEY_LIVES", "600"))  # a minute; `make nightly` asks for many more
STEPS = 25
OAEP = "RSAES_OAEP_SHA_256"
PAIRS = ReusedPairs()

places = st.integers(min_value=0, max_value=1_000)  # taken modulo the keys and Regions that there are
materials = st.sampled_from(sorted(MATERIALS))
import_types = st.sampled_from([None, "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"])
validities = st.none() | st.integers(min_value=1, max_value=72).map(lambda hours: timedelta(hours=hours))


class LivesOfKeys(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = SettableClock()
        self._strict = mock_strict_kms(clock=self.clock, key_pairs=PAIRS)
        self._strict.__enter__()
        self.model = Model(self.clock.now)
        self.ids: list[str] = []
        self.material_ids: list[dict[str, str]] = []  # by key: the model's name to the id that KMS gave
        self.ciphertexts: list[tuple[int, bytes, bytes]] = []

    def teardown(self) -> None:
        self._strict.__exit__(None, None, None)

    # --- words --------------------------------------------------------------------------------------------------

    def place(self, wanted: int) -> tuple[int, ModelKey, str]:
        """One of the keys that there are, in one of its Regions."""
        there = [(number, key, region) for number, key in enumerate(self.model.keys) for region in key.sides]
        return there[wanted % len(there)]

    @property
    def has_places(self) -> bool:
        return any(key.sides for key in self.model.keys)

    def agree(self, expected: str, region: str, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """Makes the call; its outcome must be the one expected. The answer, where there is one."""
        answer, outcome = None, OK
        try:
            answer = call(region, operation, **arguments)
        except RefusedError as refused:
            outcome = refused.code
        assert outcome == expected, f"{operation}: {outcome}; the model says {expected}"
        return answer

    # --- what may happen ----------------------------------------------------------------------------------------

    @initialize(with_replica=st.booleans(), with_pending=st.booleans(), validity=validities)
    def begin_with_related_keys(self, *, with_replica: bool, with_pending: bool, validity: timedelta | None) -> None:
        """So that sequences get deep: a multi-Region key with material, its replica with the same, one to rotate to."""
        self.create(EAST, "EXTERNAL", multi=True)
        self._import(0, EAST, "A", None, None)
        if with_replica:
            self.agree(
                self.model.replicate(self.model.keys[0], EAST, WEST),
                EAST,
                "ReplicateKey",
                KeyId=self.ids[0],
                ReplicaRegion=WEST,
            )
            self._import(0, WEST, "A", None, None)
        if with_pending:
            self._import(0, EAST, "B", "NEW_KEY_MATERIAL", None)
            if with_replica:
                self._import(0, WEST, "B", "EXISTING_KEY_MATERIAL", validity)

    @precondition(lambda self: len(self.ids) < MOST_KEYS)
    @rule(
        region=st.sampled_from(REGIONS),
        origin=st.sampled_from(["EXTERNAL", "EXTERNAL", "AWS_KMS"]),
        multi=st.booleans(),
    )
    def create(self, region: str, origin: str, *, multi: bool) -> None:
        self.model.create(region, origin, is_multi_region=multi)

        answer = self.agree(OK, region, "CreateKey", Origin=origin, MultiRegion=multi)

        assert answer is not None
        metadata = answer["KeyMetadata"]
        self.ids.append(metadata["KeyId"])
        self.material_ids.append({})

    @precondition(lambda self: self.has_places)
    @rule(at=places, name=materials, import_type=import_types, validity=validities)
    def import_anything(self, at: int, name: str, import_type: str | None, validity: timedelta | None) -> None:
        number, _, region = self.place(at)
        self._import(number, region, name, import_type, validity)

    @precondition(lambda self: self.lacking)
    @rule(at=places, validity=validities)
    def import_what_is_lacking(self, at: int, validity: timedelta | None) -> None:
        number, region, name = self.lacking[at % len(self.lacking)]
        self._import(number, region, name, "EXISTING_KEY_MATERIAL", validity)

    @property
    def lacking(self) -> list[tuple[int, str, str]]:
        """Known materials that are not where they should be."""
        return [
            (number, region, name)
            for number, key in enumerate(self.model.keys)
            if key.is_external
            for region, side in key.sides.items()
            for name in [*key.permanent, *([key.pending] if key.pending else [])]
            if name not in side.has
        ]

    def _import(self, number: int, region: str, name: str, import_type: str | None, validity: timedelta | None) -> None:
        key = self.model.keys[number]
        valid_to = None if validity is None else self.clock.now + validity
        if (parameters := self._parameters(key, region, number)) is None:
            return
        options: dict[str, Any] = {"ValidTo": valid_to} if valid_to else {}
        options |= {"ImportType": import_type} if import_type else {}

        answer = self.agree(
            self.model.import_material(key, region, name, valid_to, import_type),
            region,
            "ImportKeyMaterial",
            KeyId=self.ids[number],
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrap(parameters["PublicKey"], OAEP, MATERIALS[name]),
            ExpirationModel="KEY_MATERIAL_EXPIRES" if valid_to else "KEY_MATERIAL_DOES_NOT_EXPIRE",
            **options,
        )

        if answer is not None:
            assert self.material_ids[number].setdefault(name, answer["KeyMaterialId"]) == answer["KeyMaterialId"]

    def _parameters(self, key: ModelKey, region: str, number: int) -> dict[str, Any] | None:
        expected = OK
        if not key.is_external:
            expected = "UnsupportedOperationException"
        elif key.sides[region].is_doomed:
            expected = "KMSInvalidStateException"
        return self.agree(
            expected,
            region,
            "GetParametersForImport",
            KeyId=self.ids[number],
            WrappingAlgorithm=OAEP,
            WrappingKeySpec="RSA_2048",
        )

    @precondition(lambda self: self.has_places)
    @rule(at=places, name=st.none() | materials)
    def delete_material(self, at: int, name: str | None) -> None:
        number, key, region = self.place(at)
        material_id = self.material_ids[number].get(name, "0" * 64) if name else None
        named = {"KeyMaterialId": material_id} if material_id else {}

        self.agree(
            self.model.delete_material(key, region, name),
            region,
            "DeleteImportedKeyMaterial",
            KeyId=self.ids[number],
            **named,
        )

    @precondition(lambda self: self.rotatable)
    @rule(at=places)
    def rotate_what_is_ready(self, at: int) -> None:
        number = self.rotatable[at % len(self.rotatable)]
        key = self.model.keys[number]
        self.agree(self.model.rotate(key, key.primary), key.primary, "RotateKeyOnDemand", KeyId=self.ids[number])

    @property
    def rotatable(self) -> list[int]:
        """Keys with a pending material that each of their Regions has."""
        return [
            number
            for number, key in enumerate(self.model.keys)
            if key.pending and key.primary in key.sides and all(key.pending in side.has for side in key.sides.values())
        ]

    @precondition(lambda self: self.has_places)
    @rule(at=places)
    def rotate(self, at: int) -> None:
        number, key, region = self.place(at)
        self.agree(self.model.rotate(key, region), region, "RotateKeyOnDemand", KeyId=self.ids[number])

    @precondition(lambda self: self.has_places)
    @rule(at=places)
    def replicate(self, at: int) -> None:
        number, key, region = self.place(at)
        other = WEST if region == EAST else EAST
        expected = self.model.replicate(key, region, other)
        self.agree(expected, region, "ReplicateKey", KeyId=self.ids[number], ReplicaRegion=other)

    @precondition(lambda self: self.has_places)
    @rule(at=places)
    def move_primary(self, at: int) -> None:
        number, key, region = self.place(at)
        other = WEST if region == EAST else EAST
        expected = self.model.move_primary(key, region, other)
        self.agree(expected, region, "UpdatePrimaryRegion", KeyId=self.ids[number], PrimaryRegion=other)

    @precondition(lambda self: self.has_places)
    @rule(at=places, off=st.booleans())
    def switch(self, at: int, *, off: bool) -> None:
        number, key, region = self.place(at)
        operation = "DisableKey" if off else "EnableKey"
        self.agree(self.model.switch(key, region, off=off), region, operation, KeyId=self.ids[number])

    @precondition(lambda self: self.has_places)
    @rule(at=places, days=st.integers(min_value=7, max_value=9))
    def schedule_deletion(self, at: int, days: int) -> None:
        number, key, region = self.place(at)
        expected = self.model.schedule_deletion(key, region, days)
        self.agree(expected, region, "ScheduleKeyDeletion", KeyId=self.ids[number], PendingWindowInDays=days)

    @precondition(lambda self: self.has_places)
    @rule(at=places)
    def cancel_deletion(self, at: int) -> None:
        number, key, region = self.place(at)
        self.agree(self.model.cancel_deletion(key, region), region, "CancelKeyDeletion", KeyId=self.ids[number])

    @rule(hours=st.integers(min_value=1, max_value=100))
    def pass_time(self, hours: int) -> None:
        self.clock.advance(timedelta(hours=hours))
        self.model.pass_time(timedelta(hours=hours))

    @precondition(lambda self: self.has_places)
    @rule(at=places, plaintext=st.binary(min_size=1, max_size=8))
    def encrypt(self, at: int, plaintext: bytes) -> None:
        number, key, region = self.place(at)

        answer = self.agree(self.model.use(key, region), region, "Encrypt", KeyId=self.ids[number], Plaintext=plaintext)

        if answer is not None:
            self.ciphertexts.append((number, answer["CiphertextBlob"], plaintext))

    @precondition(lambda self: self.ciphertexts)
    @rule(which=st.integers(min_value=0), region=st.sampled_from(REGIONS), named=st.none() | st.integers(min_value=0))
    def decrypt(self, which: int, region: str, named: int | None) -> None:
        number, blob, plaintext = self.ciphertexts[which % len(self.ciphertexts)]
        arguments: dict[str, Any] = {"CiphertextBlob": blob}
        expected = self._expected_opening(number, region)
        if named is not None:
            named %= len(self.ids)
            arguments["KeyId"] = self.ids[named]
            if region not in self.model.keys[named].sides:
                expected = "NotFoundException"
            elif named != number:
                expected = "IncorrectKeyException"

        answer = self.agree(expected, region, "Decrypt", **arguments)

        if answer is not None:
            assert answer["Plaintext"] == plaintext

    def _expected_opening(self, number: int, region: str) -> str:
        key = self.model.keys[number]
        return self.model.use(key, region) if region in key.sides else "AccessDeniedException"

    # --- what must always agree ---------------------------------------------------------------------------------

    @invariant()
    def states_agree(self) -> None:
        for number, key in enumerate(self.model.keys):
            current = set()
            for region in REGIONS:
                if region in key.sides:
                    current.add(self._described(number, key, region).get("CurrentKeyMaterialId"))
                else:
                    self.agree("NotFoundException", region, "DescribeKey", KeyId=self.ids[number])
            assert len(current) <= 1  # related keys never differ in it
            if key.is_external and current:
                assert current == {self.material_ids[number].get(key.current or "")}

    def _described(self, number: int, key: ModelKey, region: str) -> dict[str, Any]:
        described: dict[str, Any] = call(region, "DescribeKey", KeyId=self.ids[number])["KeyMetadata"]
        assert described["KeyState"] == key.state(region)
        assert described["Enabled"] == (described["KeyState"] == "Enabled")
        if key.is_external:
            expiries = [key.sides[region].has.get(name) for name in key.permanent]
            earliest = min((one.timestamp() for one in expiries if one is not None), default=None)
            assert described.get("ValidTo") == earliest
        return described

    @precondition(lambda self: self.has_places)
    @rule(at=places)
    def look_at_materials(self, at: int) -> None:
        number, key, region = self.place(at)
        listed = call(region, "ListKeyRotations", KeyId=self.ids[number], IncludeKeyMaterial="ALL_KEY_MATERIAL")
        states = {entry["KeyMaterialId"]: entry["KeyMaterialState"] for entry in listed["Rotations"]}
        if not key.is_external:
            assert len(states) == len(key.permanent)
            return
        names = self.material_ids[number]
        assert states == {names[name]: state for name, state in key.material_states().items()}
        imported = {entry["KeyMaterialId"] for entry in listed["Rotations"] if entry["ImportState"] == "IMPORTED"}
        assert imported == {names[name] for name in key.sides[region].has}


TestLivesOfKeys = LivesOfKeys.TestCase
TestLivesOfKeys.settings = settings(max_examples=SEQUENCES, stateful_step_count=STEPS)
