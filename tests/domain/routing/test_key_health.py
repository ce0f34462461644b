"""Whether a key set's own key can be used: by its own checks, and never by its region's."""

from datetime import timedelta

from kms_failover.domain.routing.health import RegionHealth, Verdict
from kms_failover.domain.routing.observation import Outcome, Source
from kms_failover.domain.routing.verdict import judge
from tests.domain.routing.health_world import FAULT, KEY_FAULT, NEW, OK, THROTTLED, own, probes
from tests.domain.strategies import NOON, RULES, observation


def test_two_faults_of_the_key_in_a_row_make_it_unusable_and_say_nothing_about_the_region() -> None:
    once = judge(NEW, [*probes(OK), *own(OK, KEY_FAULT)], RULES, NOON)
    twice = judge(once, [*probes(OK), *own(OK, KEY_FAULT, KEY_FAULT)], RULES, NOON)

    assert once.key_usable
    assert not twice.key_usable
    assert not twice.routable
    assert twice.verdict is Verdict.HEALTHY
    assert twice.key_reason == "2 probes of it in a row failed with Code"
    assert twice.losses == 1


def test_a_key_that_is_silent_alone_is_given_up_after_a_minute_of_rounds_and_not_sooner() -> None:
    five = judge(NEW, [*probes(OK), *own(*[FAULT] * 5)], RULES, NOON)
    six = judge(NEW, [*probes(OK), *own(*[FAULT] * 6)], RULES, NOON)
    mixed = judge(NEW, own(KEY_FAULT, FAULT, KEY_FAULT), RULES, NOON)

    assert (five.key_usable, six.key_usable, mixed.key_usable) == (True, False, True)
    assert six.verdict is Verdict.HEALTHY
    assert six.last_fault_at is None
    assert six.key_reason == "6 probes of it in a row failed with Code"


def test_what_was_done_to_the_key_is_told_with_its_loss() -> None:
    disabled = observation(-15, KEY_FAULT, Source.KMS_EVENT, code="DisableKey", key_set="orders")

    after = judge(NEW, [disabled, *own(KEY_FAULT, KEY_FAULT)], RULES, NOON)

    assert after.key_reason.endswith(", after DisableKey")


def test_a_doubled_fault_of_the_key_is_one() -> None:
    doubled = [*own(KEY_FAULT), observation(-3, KEY_FAULT, key_set="orders")]

    assert judge(NEW, doubled, RULES, NOON).key_usable


def test_a_key_is_usable_again_after_a_quiet_minute_with_an_answer_and_not_through_silence_or_throttling() -> None:
    fault = NOON - timedelta(seconds=RULES.key_usable_after_seconds)
    lost = NEW.but(key_usable=False, key_answers=False, key_reason="lost", last_key_fault_at=fault)

    def usable(*outcomes: Outcome, before: RegionHealth = lost) -> bool:
        return judge(before, own(*outcomes), RULES, NOON).key_usable

    assert usable(KEY_FAULT, OK) is False
    assert usable(OK)
    assert not usable(THROTTLED, OK, FAULT)
    assert not usable()
    assert not usable(OK, before=lost.but(last_key_fault_at=fault + timedelta(seconds=1)))


def test_a_key_that_answered_once_is_usable_when_its_time_has_come_without_being_asked_again() -> None:
    fault = NOON - timedelta(hours=1)
    lost = NEW.but(key_usable=False, key_answers=True, last_key_fault_at=fault)

    assert judge(lost, [], RULES, NOON).key_usable


def test_a_key_that_is_lost_again_and_again_takes_longer_to_be_usable() -> None:
    fault = NOON - timedelta(seconds=RULES.key_usable_after_seconds)
    lost = NEW.but(key_usable=False, last_key_fault_at=fault, losses=2)

    assert not judge(lost, own(OK), RULES, NOON).key_usable


def test_a_keys_own_event_alone_does_not_make_it_unusable() -> None:
    event = observation(-1, KEY_FAULT, Source.KMS_EVENT, key_set="orders")

    assert judge(NEW, [*probes(OK), event, *own(OK)], RULES, NOON).key_usable


def test_an_own_keys_probe_says_nothing_about_the_region() -> None:
    after = judge(NEW, [*probes(OK), *own(FAULT, FAULT, FAULT, end=1)], RULES, NOON)

    assert after.verdict is Verdict.HEALTHY


def test_a_key_that_refuses_has_not_answered_and_one_that_is_throttled_has_said_nothing_else() -> None:
    answered = judge(NEW, [*probes(OK), *own(OK, end=-10)], RULES, NOON)

    refused = judge(answered, [*probes(OK), *own(Outcome.REFUSED)], RULES, NOON)
    throttled = judge(answered, [*probes(OK), *own(THROTTLED)], RULES, NOON)

    assert (refused.key_answers, refused.routable, refused.is_eligible_target) == (None, True, False)
    assert refused.in_words().endswith("; its key has not answered")
    assert throttled.is_eligible_target


def test_what_a_key_said_that_has_been_replaced_is_not_its_successors_word() -> None:
    new = judge(NEW, [*probes(OK), *own(OK)], RULES, NOON).with_key("arn of another")
    old = [one.but(subject="arn of the first") for one in own(OK, KEY_FAULT, KEY_FAULT)]

    after = judge(new, [*probes(OK), *old], RULES, NOON)

    assert (after.key_answers, after.key_usable, after.last_key_fault_at) == (None, True, None)
