"""The command: python -m local.strict_kms --port 4599 [--events-url URL] [--quotas aws] [--latency 20] ..."""

import argparse
import logging
import os
import signal
import sys
from datetime import timedelta
from threading import Event as Signal
from urllib.parse import urlsplit

from boto3.session import Session

from .delivery import EventPoster
from .event_log import EventLog, EventSink
from .installation import Installation, Latency
from .quotas import QUOTAS, Limiter, Rates, aws_rate, overridden, unlimited
from .server import StrictKmsServer

LONGEST_LATENCY_MS = 600_000
ACCOUNT_DIGITS = 12


def main(argv: list[str] | None = None) -> None:
    chosen = options(argv)
    logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if chosen.account_id:
        os.environ["MOTO_ACCOUNT_ID"] = chosen.account_id
    stopping = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    poster = EventPoster(chosen.events_url) if chosen.events_url else None
    try:
        server = StrictKmsServer(_installation(chosen, poster or EventLog()), chosen.host, chosen.port)
    except OSError as error:
        sys.exit(f"strict KMS cannot listen on {chosen.host}:{chosen.port}: {error.strerror}")
    server.start()
    print(f"strict KMS listens on {server.url}", flush=True)
    stopping.wait()
    server.stop()
    if poster is not None:
        poster.close()


def _installation(chosen: argparse.Namespace, sink: EventSink) -> Installation:
    return Installation(
        sink=sink,
        limiter=Limiter(_rates(chosen)),
        latency=_latency(chosen),
        propagation=timedelta(seconds=chosen.propagation),
        replicas_show_material_id=chosen.replica_material_id == "shown",
    )


def _rates(chosen: argparse.Namespace) -> Rates:
    return overridden({"aws": aws_rate, "none": unlimited}[chosen.quotas], dict(chosen.quota))


def _latency(chosen: argparse.Namespace) -> Latency:
    by_region = {region: milliseconds / 1000 for region, milliseconds in chosen.latency}
    return lambda region: by_region.get(region, by_region.get(None, 0.0))


def quota(text: str) -> tuple[tuple[str | None, str], float]:
    """`symmetric=100` for every Region, `us-west-2:symmetric=50` for one."""
    region, name, rate = _split(text)
    if name not in QUOTAS:
        raise argparse.ArgumentTypeError(f"there is no quota {name}; there are {', '.join(sorted(QUOTAS))}")
    return (_known(region), name), _number(rate, at_least=0.001)


def latency(text: str) -> tuple[str | None, float]:
    """`20` for every Region, `us-west-2:80` for one; milliseconds."""
    region, _, milliseconds = text.rpartition(":")
    return _known(region or None), _number(milliseconds, at_most=LONGEST_LATENCY_MS)


def port(text: str) -> int:
    return int(_number(text, at_most=65_535))


def seconds(text: str) -> float:
    return _number(text, at_most=86_400)


def url(text: str) -> str:
    if urlsplit(text).scheme not in ("http", "https"):
        raise argparse.ArgumentTypeError(f"{text} is not a URL with http:// or https://")
    return text


def account(text: str) -> str:
    if len(text) != ACCOUNT_DIGITS or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not an account of {ACCOUNT_DIGITS} digits")
    return text


def _known(region: str | None) -> str | None:
    if region is not None and region not in Session().get_available_regions("kms"):
        raise argparse.ArgumentTypeError(f"there is no Region {region}")
    return region


def _split(text: str) -> tuple[str | None, str, str]:
    place, separator, rate = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text} is not [REGION:]QUOTA=REQUESTS_A_SECOND")
    region, _, name = place.rpartition(":")
    return region or None, name, rate


def _number(text: str, *, at_least: float = 0, at_most: float = 1e9) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
    if not at_least <= number <= at_most:
        raise argparse.ArgumentTypeError(f"{text} is not between {at_least} and {at_most}")
    return number


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.strict_kms", description="A strict KMS for all Regions.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=port, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--events-url", type=url, help="where KMS events are posted, one JSON object per POST")
    parser.add_argument("--account-id", type=account, help="twelve digits; without it, moto's rules apply")
    parser.add_argument(
        "--quotas", choices=("aws", "none"), default="none", help="AWS's default request quotas, or none"
    )
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
        "--propagation", type=seconds, default=0.0, metavar="SECONDS", help="how long replicas are Creating, 0 for not"
    )
    parser.add_argument(
        "--replica-material-id",
        choices=("shown", "hidden"),
        default="shown",
        help="what DescribeKey says of an EXTERNAL replica before its first import; nobody has seen what AWS says",
    )
    parser.add_argument("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
