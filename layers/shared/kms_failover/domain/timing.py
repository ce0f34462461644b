"""The pace of the probe and the skew of clocks: what other durations are worked out from."""

from datetime import timedelta

SECONDS_A_ROUND = 10  # the probe's, docs/probe.md
SKEW_SECONDS = 60  # between the clocks of two hosts
CLOCK_SKEW = timedelta(seconds=SKEW_SECONDS)  # what claims to come from later counts when its time has come
