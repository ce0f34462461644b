"""Domain nouns, for hypothesis."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from kms_failover.domain.data_keys.bundle import Bundle, Kind, Wrap, bundle_commitment
from kms_failover.domain.key_set import Failback, KeySet, MemberKey, Rules
from kms_failover.domain.routing.doubts import Doubt
from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.intent import Intent, Mode
from kms_failover.domain.routing.judgement import Judgement
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from kms_failover.domain.routing.route import Route

EAST, WEST, IRELAND = "us-east-1", "us-west-2", "eu-west-1"
REGIONS = (EAST, WEST, IRELAND)
ACCOUNT = "111122223333"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules.model_validate({})

key_names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
key_ids = st.from_regex(r"(mrk-)?[a-f0-9]{8,32}", fullmatch=True)
regions = st.sampled_from(REGIONS)
contexts = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)
data_keys = st.binary(min_size=16, max_size=64)


def arn(region: str, key_id: str = "") -> str:
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{key_id or f'of-{region}'}"


def member(region: str, key_id: str = "") -> MemberKey:
    return MemberKey(region=region, arn=arn(region, key_id))


def key_set(*names: str, failback: Failback = Failback.HELD, rules: Rules = RULES, name: str = "orders") -> KeySet:
    members = tuple(member(region) for region in names or (EAST, WEST))
    return KeySet(name=name, members=members, failback=failback, rules=rules)


def related_key_set() -> KeySet:
    """Two related multi-Region keys: each opens what the other wraps (facts 2.1)."""
    return KeySet(name="orders", members=(member(EAST, "mrk-1234"), member(WEST, "mrk-1234")))


arns = st.builds(arn, regions, key_ids)
wraps = st.builds(Wrap, arns, st.binary(min_size=1, max_size=300))


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Bundle, bytes, Mapping[str, str]]:
    """A bundle with the key and the context that it was made for."""
    key, context, name, kind = draw(data_keys), draw(contexts), draw(key_names), draw(st.sampled_from(Kind))
    unique = draw(st.lists(wraps, min_size=1, max_size=8, unique_by=lambda wrap: wrap.key_arn))
    return Bundle(name, kind, bundle_commitment(key, name, kind, context), tuple(unique)), key, context


key_sets = st.builds(
    key_set,
    st.just(EAST),
    st.just(WEST),
    st.just(IRELAND),
    failback=st.sampled_from(Failback),
    rules=st.builds(
        Rules,
        faults_to_impair=st.integers(1, 5),
        of_rounds=st.none() | st.integers(5, 8),
        faults_to_impair_when_corroborated=st.integers(1, 5),
        key_faults_to_leave=st.integers(1, 3),
        minimum_answers=st.integers(1, 3),
        debt_allowed_to_return=st.integers(0, 2),
        corroboration_seconds=st.integers(1, 120),
        healthy_after_seconds=st.integers(1, 1200),
        unknown_after_seconds=st.integers(10, 300),
        changes_per_hour=st.integers(1, 6),
    ),
)
moments = st.integers(-3600, 0).map(lambda seconds: NOON + timedelta(seconds=seconds))


def observation(
    seconds: float,
    outcome: Outcome,
    source: Source = Source.PROBE,
    *,
    region: str = EAST,
    code: str = "Code",
    subject: str = "",
    key_set: str = "",
) -> Observation:
    """`seconds` after noon; negative before it. Of the whole region, or of a key set's own key there."""
    return Observation(
        key_set=key_set,
        observer=WEST,
        region=region,
        source=source,
        outcome=outcome,
        at=NOON + timedelta(seconds=seconds),
        id=f"{source}{seconds}{key_set}",
        subject=subject,
        code=code,
    )


observations = st.lists(
    st.builds(
        observation,
        st.integers(-360, 120),
        st.sampled_from(Outcome),
        st.sampled_from(Source),
        subject=st.sampled_from(("", "event")),
        key_set=st.sampled_from(("", "orders")),
    ),
    max_size=24,
    unique_by=lambda o: o.id,
)
healths = st.builds(
    RegionHealth,
    region=st.just(EAST),
    verdict=st.sampled_from(Verdict),
    key_usable=st.booleans(),
    since=moments,
    key_answers=st.none() | st.booleans(),
    key_checked_at=st.none() | moments,
    last_fault_at=st.none() | moments,
    last_key_fault_at=st.none() | moments,
    losses=st.integers(0, 6),
    lost_at=st.none() | moments,
    returned_at=st.none() | moments,
    doubts=st.builds(
        lambda wrong, at: (Doubt(source=Source.DATA_PLANE, wrong=wrong, weighed_at=at),), st.integers(0, 6), moments
    )
    | st.just(()),
)


def judgement(route: Route, *verdicts: RegionHealth, version: int = 0) -> Judgement:
    return Judgement(
        key_set=route.key_set, observer=route.observer, version=version, route=route, verdicts=tuple(verdicts)
    )


def health(region: str, verdict: Verdict = Verdict.HEALTHY, *, key_usable: bool = True) -> RegionHealth:
    return RegionHealth(
        region=region,
        verdict=verdict,
        key_usable=key_usable,
        key_answers=key_usable,
        key_checked_at=NOON,
        since=NOON,
        reason="seen",
    )


healths_of_regions = st.fixed_dictionaries(
    {
        region: st.builds(health, st.just(region), st.sampled_from(Verdict), key_usable=st.booleans())
        for region in REGIONS
    }
)
automatic_intents = st.builds(
    Intent, mode=st.just(Mode.AUTOMATIC), failback=st.booleans(), epoch=st.integers(0, 9), written_in=regions
)
intents = st.builds(
    Intent,
    mode=st.sampled_from(Mode),
    region=st.none() | regions | st.just("af-south-1"),
    failback=st.booleans(),
    insist=st.booleans(),
    epoch=st.integers(0, 9),
    written_in=regions,
    at=st.none() | moments,
    author=st.just("ana"),
    reason=st.just("said so"),
)
routes = st.builds(
    Route,
    key_set=st.just("orders"),
    observer=st.just(WEST),
    regions=st.permutations(REGIONS).map(tuple),
    epoch=st.integers(0, 9),
    intent_epoch=st.integers(0, 9),
    decided_at=moments,
    moved_at=moments,
    reason=st.just("before"),
    changes=st.lists(moments, max_size=8).map(tuple),
)
