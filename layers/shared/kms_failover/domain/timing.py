"""The pace of the probe and the skew of clocks: what other durations are worked out from."""

SECONDS_A_ROUND = 10  # the probe's, docs/probe.md
SKEW_SECONDS = 60  # between the clocks of two hosts
