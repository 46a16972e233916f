"""Serves an application until a stop signal, then finishes the running requests."""

import asyncio
import gc
import logging
import signal
from dataclasses import dataclass

import structlog
from aiohttp import web

log = structlog.get_logger()

BACKLOG = 1_024
# After an error response the rest of the body is read and dropped for so long, so that the client sees the response.
LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """port: 0 takes a free one, which is logged. shared_port: other processes listen on it, too (SO_REUSEPORT).
    keepalive_s: also the bound for the head of a request. drain_s: bound for running requests after the stop."""

    host: str
    port: int
    shared_port: bool = False
    keepalive_s: float = 75.0
    drain_s: float = 20.0


def stop_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    return stop


class _ProtocolErrorLog(logging.Handler):
    """aiohttp's reports of malformed HTTP. Logs the error's type only, because the text quotes the request."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning("http.parse_failed", error=type(error).__name__ if error else record.funcName)


def _protocol_error_logger() -> logging.Logger:
    logger = logging.getLogger("control.http.wire")
    logger.propagate = False
    logger.handlers[:] = [_ProtocolErrorLog(logging.WARNING)]
    return logger


def make_runner(app: web.Application, listen: ListenOptions) -> web.AppRunner:
    """aiohttp's runner without its own access log and signal handlers."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=_protocol_error_logger(),
        handle_signals=False,
        shutdown_timeout=listen.drain_s,
        keepalive_timeout=listen.keepalive_s,
        lingering_time=LINGER_S,
    )


async def serve(app: web.Application, listen: ListenOptions, stop: asyncio.Event) -> None:
    """Returns when `stop` is set and the running requests are answered, or `drain_s` is over. Raises OSError when the
    port is taken."""
    runner = make_runner(app, listen)
    await runner.setup()
    try:
        site = web.TCPSite(runner, listen.host, listen.port, reuse_port=listen.shared_port or None, backlog=BACKLOG)
        await site.start()
        log.info("server.started", host=listen.host, port=runner.addresses[0][1])
        await stop.wait()
        log.info("server.drain_started")
    finally:
        await runner.cleanup()
    log.info("server.stopped")


def tune_garbage_collector() -> None:
    """Excludes the objects made at the start from collections, because they live as long as the process, and collects
    the others less often than by default."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)
