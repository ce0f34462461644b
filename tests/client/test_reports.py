"""Data-plane reports: one a region and five seconds, whatever the key set, and never an error of their own."""

import logging
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from kms_failover.adapters.state_table.observations import REPORT_SECONDS
from kms_failover.client.reports import FaultReporter
from kms_failover.domain.routing.observation import Observation, Outcome, Source
from tests.client.kms_world import FOREVER, timed_out
from tests.domain.memory_state import MemoryState
from tests.domain.strategies import EAST, IRELAND, NOON, WEST


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.state = MemoryState(WEST)
        state: Any = self.state
        self.report = FaultReporter(WEST, state, lambda: NOON + timedelta(seconds=self.now))

    def settle(self) -> None:
        self.report._thread.submit(lambda: None).result(FOREVER)

    @property
    def written(self) -> list[Observation]:
        self.settle()
        return list(self.state.observations(NOON.replace(year=2000)))


def test_a_fault_is_reported_once_for_all_key_sets_with_a_key_there() -> None:
    world = World()

    world.report(EAST, "ReadTimeoutError")

    assert [(o.key_set, o.region, o.code) for o in world.written] == [("", EAST, "ReadTimeoutError")]
    assert {(o.source, o.outcome, o.observer) for o in world.written} == {
        (Source.DATA_PLANE, Outcome.REGION_FAULT, WEST)
    }


def test_more_faults_within_five_seconds_are_not_reported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    writes: list[Observation] = []
    add = world.state.add_observation

    def counted(one: Observation) -> None:
        writes.append(one)
        add(one)

    monkeypatch.setattr(world.state, "add_observation", counted)

    for now in (0.0, 1.0, REPORT_SECONDS - 0.1, REPORT_SECONDS):
        world.now = now
        world.report(EAST, "ReadTimeoutError")
    world.settle()

    assert len(writes) == 2


def test_each_region_has_its_own_five_seconds() -> None:
    world = World()

    world.report(EAST, "a")
    world.report(IRELAND, "b")

    assert {o.region for o in world.written} == {EAST, IRELAND}


def test_the_caller_does_not_wait_for_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    world, written = World(), Event()
    monkeypatch.setattr(world.state, "add_observation", lambda _observation: written.wait(FOREVER))

    world.report(EAST, "ReadTimeoutError")
    returned_before = not written.is_set()
    written.set()
    world.settle()

    assert returned_before


def test_after_its_end_a_report_is_dropped_in_silence() -> None:
    world = World()
    world.report.close()

    world.report(EAST, "ReadTimeoutError")

    assert world.state.observations(NOON.replace(year=2000)) == ()


def test_a_report_that_cannot_be_written_is_logged_and_nobody_else_hears_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()

    def fail(_observation: Observation) -> None:
        raise timed_out()

    monkeypatch.setattr(world.state, "add_observation", fail)
    caplog.set_level(logging.WARNING)

    world.report(EAST, "ReadTimeoutError")
    world.settle()

    assert "a region fault of us-east-1 could not be reported" in caplog.text
