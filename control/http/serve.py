"""Runs an application on a port until it is told to stop, and lets running requests finish."""

import asyncio
import gc
import logging
import signal
from dataclasses import dataclass

import structlog
from aiohttp import web

log = structlog.get_logger()

BACKLOG = 1_024
# After a refusal the rest of a body is read and dropped for so long, so that the client sees the answer.
LINGER_S = 2.0


@dataclass(frozen=True, slots=True)
class Listen:
    """Where, and how long. port: 0 takes a free one, which the log tells. shared_port: other workers listen on it too
    (SO_REUSEPORT). Times in seconds; a head that takes longer than keepalive_s is not waited for."""

    host: str
    port: int
    shared_port: bool = False
    keepalive_s: float = 75.0
    drain_s: float = 20.0


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    return stop


class _WireLog(logging.Handler):
    """What aiohttp tells of requests that are no HTTP and the like: its kind alone, for the text holds their bytes."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log.warning("http.wire", fault=type(error).__name__ if error else record.funcName)


def _wire_logger() -> logging.Logger:
    logger = logging.getLogger("control.http.wire")
    logger.propagate = False
    logger.handlers[:] = [_WireLog(logging.WARNING)]
    return logger


def make_runner(app: web.Application, listen: Listen) -> web.AppRunner:
    """aiohttp's, without its own access log and signals."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=_wire_logger(),
        handle_signals=False,
        shutdown_timeout=listen.drain_s,
        keepalive_timeout=listen.keepalive_s,
        lingering_time=LINGER_S,
    )


async def serve(app: web.Application, listen: Listen, stop: asyncio.Event) -> None:
    """Returns when `stop` is set and the requests then running are answered, or `drain_s` is over. Raises OSError when
    the port is taken."""
    runner = make_runner(app, listen)
    await runner.setup()
    try:
        site = web.TCPSite(runner, listen.host, listen.port, reuse_port=listen.shared_port or None, backlog=BACKLOG)
        await site.start()
        log.info("control.ready", host=listen.host, port=runner.addresses[0][1])
        await stop.wait()
        log.info("control.draining")
    finally:
        await runner.cleanup()
    log.info("control.stopped")


def calm_collector() -> None:
    """What was loaded at the start stays for good: the collector need not look at it again and again, and looks at the
    rest less often than it would by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)
