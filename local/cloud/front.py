"""microburst in front of one service.

`python -m local.cloud.front --port 4500 --upstream http://127.0.0.1:4599`

Nine things differ from microburst's own command, each found by trying 0.10.0:
- it sleeps for `timeout_ms` and goes on sleeping after the rule is gone and after the client has left;
- it rewrites `Host`, which is signed, and which Function URLs are told apart by;
- it drops `Content-Length` from answers, without which S3 clients cannot tell that a body is whole;
- it opens at most 100 connections to its upstream, aiohttp's default, so the 101st long call waits for the others;
- it takes the dots out of a path, `/bucket/../x`, which is the name of another object, and decodes what needs no
  encoding, such as the colons of a function's ARN, although the path is signed;
- it answers 404 to a path with a newline in it, which is an object's name like any other;
- it gives a body without a Content-Type one, which S3 keeps with the object;
- its first request loads the models of all AWS services, to know their host names, and blocks all others for 3 to 6 s;
- it refuses bodies above 1 MiB, aiohttp's default, with an answer of its own, before the service can say what it takes.
"""

import argparse
import asyncio
import logging
from typing import Any

import aiohttp
import yarl
from aiohttp import web
from microburst import forward
from microburst.app import make_app
from microburst.core.pipeline import Microburst
from microburst.detection import host
from microburst.effects import timeout
from microburst.forward import Upstream
from microburst.rules import RuleEngine

from .dead_connections import add_dead_connections
from .ports import LOOPBACK

BACKLOG = 1024  # connections waiting to be accepted; hundreds come at once when a silence is lifted
CONNECT_SECONDS = 30.0  # microburst's own
CALL_SECONDS = 900.0  # a synchronous Lambda call may last as long

logger = logging.getLogger(__name__)


class Rules(RuleEngine):  # type: ignore[misc]  # its base is untyped
    """microburst's rules, and a way to wait until one of them is gone."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def set_rules(self, data: list[dict[str, Any]]) -> Any:
        return self._after_change(super().set_rules(data))

    def delete_matching(self, spec: list[dict[str, Any]]) -> Any:
        return self._after_change(super().delete_matching(spec))

    async def until_gone(self, rule: Any) -> None:
        while any(rule is one for one in self.rules):
            await self._changed.wait()

    def _after_change(self, result: Any) -> Any:
        self._changed.set()
        self._changed = asyncio.Event()
        return result


class LiteralPaths:
    """A session that takes a URL as it is written: an object may be named `a/../b`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def request(self, method: str, url: str, **options: Any) -> Any:
        return self._session.request(method, yarl.URL(url, encoded=True), **options)

    async def close(self) -> None:
        await self._session.close()


class FaithfulUpstream(Upstream):  # type: ignore[misc]  # its base is untyped
    """Passes `Host` and the path on as signed, over as many connections as there are calls."""

    async def start(self) -> None:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS, connect=CONNECT_SECONDS),
            auto_decompress=False,
            skip_auto_headers=("Content-Type", "Accept", "Accept-Encoding", "User-Agent"),
        )
        self.session = LiteralPaths(session)

    def _outbound_headers(self, request: web.Request) -> dict[str, str]:
        headers: dict[str, str] = super()._outbound_headers(request)
        return headers | {"host": request.headers["Host"]}


def make_front(upstream: str) -> web.Application:
    microburst = Microburst(upstream)
    microburst.engine = rules = Rules()
    microburst.upstream = FaithfulUpstream(upstream, stats=microburst.stats)

    async def hold(_context: Any, decision: Any) -> None:
        """Instead of microburst's sleep. Ends with the rule or the time, and then as a cut connection."""
        if decision.timeout_ms:
            try:
                await asyncio.wait_for(rules.until_gone(decision.rule), decision.timeout_ms / 1000)
            except TimeoutError:
                logger.info("a held request was given up")
            raise asyncio.CancelledError  # aiohttp then closes the connection without an answer

    # its own response faults expect the header to be there
    forward.HOP_BY_HOP -= {"content-length"}
    host._endpoint_prefix_map = dict  # noqa: SLF001 - no AWS host name ever comes to a loopback address
    timeout.apply = hold  # microburst looks its effects up at each call; it has no other place to register one
    front: web.Application = make_app(microburst)
    front.router.add_route("*", "/{path:(?s:.*)}", microburst.handle_proxy)
    add_dead_connections(front)
    front._client_max_size = 0  # noqa: SLF001 - no limit; microburst hands no option through
    return front


async def serve(port: int, upstream: str) -> None:
    # handler_cancellation: a client that leaves takes its held request with it
    runner = web.AppRunner(make_front(upstream), handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port, backlog=BACKLOG).start()
    await asyncio.Event().wait()  # until SIGTERM, whose default suits a process without state


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.cloud.front")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(serve(options.port, options.upstream))


if __name__ == "__main__":
    main()
