"""Serves an application until a stop signal, then finishes the running requests."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from control.http.connections import ConnectionLimit
from control.http.middleware import problem_response
from shared.errors import Malformed, Problem
from shared.http_protocol import PlainRequestHandler, make_protocol_factory
from shared.ids import new_id

log = structlog.get_logger()

BACKLOG = 1_024
# Seconds to wait for the rest of a refused body.
LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How the server listens.

    Attributes:
        port: 0 selects a free port, which is logged.
        shared_port: Whether other processes listen on the same port (SO_REUSEPORT).
        keepalive_s: How long an idle connection stays open.
        head_s: Time limit for the head of a request.
        drain_s: Time limit for running requests after the stop.
        connections_per_address: Maximum number of concurrent connections from a client address.
        trusted_proxies: Networks, such as "10.0.0.0/8", without that limit.
    """

    host: str
    port: int
    shared_port: bool = False
    keepalive_s: float = 75.0
    head_s: float = 10.0
    drain_s: float = 20.0
    connections_per_address: int = 500
    trusted_proxies: Sequence[str] = ()


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    return stop


class ApiRequestHandler(PlainRequestHandler):
    """Answers unparsable requests like other API errors, and closes connections whose request head is late.

    aiohttp would keep a connection with an incomplete head open as long as an idle connection. Connections beyond the
    limit are refused.
    """

    __slots__ = ("_address", "_head_s", "_head_timer", "_limit")

    def __init__(self, *arguments: Any, limit: ConnectionLimit, head_s: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limit = limit
        self._address: str | None = None
        self._head_s = head_s
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and refuse it if it exceeds the limit of its address."""
        self._address = self._limit.accept(transport)
        if self._address is not None:
            super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass the data on, and start or stop the time limit for the request's head."""
        super().data_received(data)
        if not self._waits_for_head():
            self._stop_timer()
        elif self._head_timer is None:
            self._head_timer = asyncio.get_running_loop().call_later(self._head_s, self._end_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the time limit and release the connection's place."""
        self._stop_timer()
        if self._address:
            self._limit.release(self._address)
        super().connection_lost(exc)

    def _waits_for_head(self) -> bool:
        if self._request_count == 0:
            # On uvloop the first bytes may arrive before aiohttp's task runs, which sets the waiter.
            return True
        return self._waiter is not None and not self._waiter.done()

    def _end_head(self) -> None:
        self._head_timer = None
        if self._waits_for_head():
            self.force_close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def make_error(self, status: int) -> web.Response:
        """Return the middleware's error response, with a new request id that no log line has."""
        text = "This expectation is unknown." if status == 417 else "This is not a request by HTTP/1.1."
        internal = Problem("Something went wrong on our side.")
        problem = Malformed(text, code="malformed_http") if status < 500 else internal
        response = problem_response(problem, new_id())
        response.set_status(status)
        return response


@asynccontextmanager
async def listening(app: web.Application, listen: ListenOptions) -> AsyncIterator[int]:
    """Serve the application until the block ends, then finish the running requests within `drain_s`. Yield the port.

    Raises OSError if the port is taken.
    """
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=listen.drain_s)
    await runner.setup()
    limit = ConnectionLimit(listen.connections_per_address, listen.trusted_proxies)
    try:
        server = await asyncio.get_running_loop().create_server(
            make_protocol_factory(
                runner,
                partial(ApiRequestHandler, limit=limit, head_s=listen.head_s),
                keepalive_s=listen.keepalive_s,
                linger_s=LINGER_S,
            ),
            listen.host,
            listen.port,
            reuse_port=listen.shared_port or None,
            backlog=BACKLOG,
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def serve(app: web.Application, listen: ListenOptions, stop: asyncio.Event) -> None:
    """Serve until `stop` is set and the running requests are answered, or `drain_s` has passed.

    Raises OSError if the port is taken.
    """
    async with listening(app, listen) as port:
        log.info("server.started", host=listen.host, port=port)
        await stop.wait()
        log.info("server.drain_started")
    log.info("server.stopped")


def tune_garbage_collector() -> None:
    """Exclude the objects created at start-up from garbage collection, and collect less often than by default.

    Start-up objects live as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)
