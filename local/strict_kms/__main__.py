"""The command: python -m local.strict_kms --host 127.0.0.1 --port 4599 [--events-url URL]."""

import argparse
import logging
import os
import signal
from threading import Event as Signal

from .delivery import EventPoster
from .installation import EventLog, Installation
from .server import StrictKmsServer


def main(argv: list[str] | None = None) -> None:
    options = _options(argv)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if options.account_id:
        os.environ["MOTO_ACCOUNT_ID"] = options.account_id
    stopping = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    poster = EventPoster(options.events_url) if options.events_url else None
    installation = Installation(sink=poster or EventLog(), throttle_import_parameters=options.throttle)
    server = StrictKmsServer(installation, options.host, options.port)
    server.start()
    print(f"strict KMS listens on {server.url}", flush=True)
    stopping.wait()
    server.stop()
    if poster is not None:
        poster.close()


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.strict_kms", description="A strict KMS for all Regions.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one and prints it")
    parser.add_argument("--events-url", help="where KMS events are posted, one JSON object per POST")
    parser.add_argument("--account-id", help="twelve digits; without it, moto's rules apply")
    parser.add_argument("--throttle", action="store_true", help="one GetParametersForImport a second, as AWS")
    parser.add_argument("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
