"""The command: python -m local.strict_s3 --port 4598 --kms-url http://127.0.0.1:4599 [--events-url URL]."""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path


def main(argv: list[str] | None = None) -> None:
    chosen = options(argv)
    logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with tempfile.TemporaryDirectory(prefix="strict-s3-", dir=chosen.folder) as folder:
        signal.signal(signal.SIGTERM, lambda *_: _end(folder))
        # LocalStack reads its environment when it is imported, and makes folders where this says
        os.environ |= {"LOCALSTACK_VOLUME_DIR": folder, "DISABLE_EVENTS": "1", "SKIP_SSL_CERT_DOWNLOAD": "1"}
        from .server import serve  # noqa: PLC0415 - as above

        try:
            asyncio.run(
                serve(chosen.host, chosen.port, chosen.account_id, chosen.kms_url, chosen.events_url, Path(folder))
            )
        except OSError as error:
            sys.exit(f"strict S3 cannot listen on {chosen.host}:{chosen.port}: {error.strerror}")


def _end(folder: str) -> None:
    """At once: nothing in here is worth a slower end, and threads may still answer."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.strict_s3", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4598)
    parser.add_argument("--account-id", default="000000000000", help="that owns all buckets")
    parser.add_argument("--kms-url", required=True, help="the KMS that server-side encryption asks")
    parser.add_argument("--events-url", help="where S3's events are posted, each as EventBridge delivers it")
    parser.add_argument(
        "--folder", help="for what does not fit into memory; the system's place for such files if left out"
    )
    parser.add_argument("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
