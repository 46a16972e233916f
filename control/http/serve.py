"""Runs an application on a port until it is told to stop, and lets running requests finish."""

import asyncio
import gc
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


async def serve(app: web.Application, listen: Listen, stop: asyncio.Event) -> None:
    """Returns when `stop` is set and the requests then running are answered, or `drain_s` is over. Raises OSError when
    the port is taken."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=listen.drain_s,
        keepalive_timeout=listen.keepalive_s,
        lingering_time=LINGER_S,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, listen.host, listen.port, reuse_port=listen.shared_port or None, backlog=BACKLOG)
        await site.start()
        calm_collector()
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
