"""Probe rounds as a verdict counts them: those that follow each other too closely are one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kms_failover.domain.routing.observation import Observation, Outcome

LEAST_BETWEEN_ROUNDS = timedelta(seconds=4)  # the probe's own least pause; what lies closer is one round


class Round(NamedTuple):
    at: datetime
    fault: bool
    code: str
    outcome: Outcome


def rounds_of(newest_first: Sequence[Observation]) -> list[Round]:
    rounds: list[Round] = []
    for seen in newest_first:
        _add_round(rounds, seen)
    return rounds


def _add_round(rounds: list[Round], seen: Observation) -> None:
    """What lies closer together than the least pause is one round, and a good answer in it counts.

    So a doubled probe does not halve the time to a verdict.
    """
    failed = seen.outcome is not Outcome.OK
    if rounds and rounds[-1].at - seen.at < LEAST_BETWEEN_ROUNDS:
        if not failed:
            rounds[-1] = rounds[-1]._replace(fault=False, outcome=seen.outcome)
    else:
        rounds.append(Round(seen.at, failed, seen.code, seen.outcome))
