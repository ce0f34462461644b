"""ministack with its gaps closed: `python -m local.cloud.gateway --port 4566 --kms http://127.0.0.1:4599 --s3 …`.

Served by hypercorn, as ministack's own command does it, and set up from the same environment variables.
"""

import argparse
import asyncio
import json

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.app import app as ministack

from .account_limits import REGISTER, parse_limits
from .alarm_evaluation import MINUTE_SECONDS, AlarmClock
from .gaps import alarm_clock
from .gaps.closing import close_gaps
from .ports import LOOPBACK

KEEP_ALIVE_SECONDS = 75  # ministack's own; botocore reuses connections for 60
BACKLOG = 1024


async def serve(port: int, kms_url: str, s3_url: str, clock: AlarmClock) -> None:
    config = Config()
    config.bind = [f"{LOOPBACK}:{port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.backlog = BACKLOG
    forever = asyncio.Event()
    application = close_gaps(ministack, kms_url=kms_url, s3_url=s3_url)
    async with asyncio.TaskGroup() as group:
        group.create_task(alarm_clock.run_alarm_clock(clock))
        # with a trigger of our own hypercorn leaves SIGTERM alone, and its default suits a process without state
        await hypercorn_serve(application, config, shutdown_trigger=forever.wait)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.cloud.gateway")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kms", required=True, help="the base URL of the strict KMS")
    parser.add_argument("--s3", required=True, help="the base URL of the strict S3")
    parser.add_argument("--limits", type=json.loads, default={}, help="an account's limits, as JSON")
    parser.add_argument("--alarm-minute", type=float, default=MINUTE_SECONDS, help="a minute of alarms, in seconds")
    options = parser.parse_args()
    REGISTER.replace(parse_limits(options.limits))
    asyncio.run(serve(options.port, options.kms, options.s3, AlarmClock(options.alarm_minute)))


if __name__ == "__main__":
    main()
