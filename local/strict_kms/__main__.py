"""The command: python -m local.strict_kms --port 4599 [--events-url URL] [--aws-quotas] [--latency 20] ..."""

import argparse
import logging
import os
import signal
import sys
from datetime import timedelta
from threading import Event as Signal

from .delivery import EventPoster
from .event_log import EventLog
from .installation import Installation, Latency
from .quotas import QUOTAS, Limiter, Rates, aws_rate, overridden, unlimited
from .server import StrictKmsServer

LONGEST_LATENCY_MS = 600_000


def main(argv: list[str] | None = None) -> None:
    options = _options(argv)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if options.account_id:
        os.environ["MOTO_ACCOUNT_ID"] = options.account_id
    stopping = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    poster = EventPoster(options.events_url) if options.events_url else None
    installation = Installation(
        sink=poster or EventLog(),
        limiter=Limiter(_rates(options)),
        latency=_latency(options),
        propagation=timedelta(seconds=options.propagation),
    )
    try:
        server = StrictKmsServer(installation, options.host, options.port)
    except OSError as error:
        sys.exit(f"strict KMS cannot listen on {options.host}:{options.port}: {error.strerror}")
    server.start()
    print(f"strict KMS listens on {server.url}", flush=True)
    stopping.wait()
    server.stop()
    if poster is not None:
        poster.close()


def _rates(options: argparse.Namespace) -> Rates:
    return overridden(aws_rate if options.aws_quotas else unlimited, dict(options.quota))


def _latency(options: argparse.Namespace) -> Latency:
    seconds = {region: milliseconds / 1000 for region, milliseconds in options.latency}
    return lambda region: seconds.get(region, seconds.get(None, 0.0))


def quota(text: str) -> tuple[tuple[str | None, str], float]:
    """`symmetric=100` for every Region, `us-west-2:symmetric=50` for one."""
    region, name, rate = _split(text)
    if name not in QUOTAS:
        raise argparse.ArgumentTypeError(f"there is no quota {name}; there are {', '.join(sorted(QUOTAS))}")
    return (region, name), _number(rate, at_least=0.001)


def latency(text: str) -> tuple[str | None, float]:
    """`20` for every Region, `us-west-2:80` for one; milliseconds."""
    region, _, milliseconds = text.rpartition(":")
    return region or None, _number(milliseconds, at_least=0, at_most=LONGEST_LATENCY_MS)


def _split(text: str) -> tuple[str | None, str, str]:
    place, separator, rate = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text} is not [REGION:]QUOTA=REQUESTS_A_SECOND")
    region, _, name = place.rpartition(":")
    return region or None, name, rate


def _number(text: str, *, at_least: float, at_most: float = 1e9) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
    if not at_least <= number <= at_most:
        raise argparse.ArgumentTypeError(f"{text} is not between {at_least} and {at_most}")
    return number


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.strict_kms", description="A strict KMS for all Regions.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--events-url", help="where KMS events are posted, one JSON object per POST")
    parser.add_argument("--account-id", help="twelve digits; without it, moto's rules apply")
    parser.add_argument("--aws-quotas", action="store_true", help="AWS's default request quotas; without it, none")
    parser.add_argument(
        "--quota",
        type=quota,
        action="append",
        default=[],
        metavar="[REGION:]QUOTA=RATE",
        help="one request quota, in requests a second: 'symmetric', or an operation's name; may be repeated",
    )
    parser.add_argument(
        "--latency",
        type=latency,
        action="append",
        default=[],
        metavar="[REGION:]MS",
        help="how many milliseconds each call takes at least; may be repeated",
    )
    parser.add_argument(
        "--propagation", type=float, default=0.0, metavar="SECONDS", help="how long replicas are Creating, 0 for not"
    )
    parser.add_argument("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
