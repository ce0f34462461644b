"""One encryption with a two-region multi-keyring of the AWS Encryption SDK, default settings, one region silent.

Prints the seconds until it failed, and how. Runs in the peers' environment.
"""

import sys
import time

from benchmarks.peers.envelopes import multi_keyring


def main() -> None:
    call = multi_keyring(*sys.argv[1:])
    started = time.perf_counter()
    try:
        call()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the finding
        print(time.perf_counter() - started, type(error).__name__)
        return
    raise SystemExit("the peer succeeded: then the region was not silent")


if __name__ == "__main__":
    main()
