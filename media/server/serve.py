"""Runs one worker: loop, server, signals."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop
from aiohttp import ClientSession, web

from media.providers.factory import Factory
from media.server.app import App
from media.server.limits import Limits
from media.server.metrics import Metrics
from media.server.plans import OnePlan
from media.server.sinks import Folder
from media.server.worker import Resources, Worker
from media.turn.smart import SmartTurn
from media.turn.vad import VadEngine, silero_path
from shared.plan import CallPlan

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """How one worker is run. `shared_port`: other workers listen on the same port (SO_REUSEPORT)."""

    host: str
    port: int
    plan: CallPlan
    state: Path
    limits: Limits
    engine_socket: str = ""
    shared_port: bool = False


def run_worker(options: Options) -> None:
    """Serves until SIGTERM or SIGINT, drains, returns. Raises OSError when the port is taken."""
    uvloop.run(_serve(options))


async def _serve(options: Options) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    folder = Folder(options.state)
    folder.prepare()
    metrics = Metrics()
    # One thread each: files are written in order, and smart-turn never takes more than one core.
    with ThreadPoolExecutor(1, "disk") as disk, ThreadPoolExecutor(1, "smart-turn") as pool:
        async with ClientSession() as session:
            worker = Worker(
                Resources(
                    limits=options.limits,
                    plans=OnePlan(options.plan),
                    providers=Factory(session, engine_socket=options.engine_socket),
                    engine=VadEngine(silero_path()),
                    folder=folder,
                    disk=disk,
                    pool=pool,
                    metrics=metrics,
                    judge=SmartTurn().finished if options.plan.turn.smart_turn else None,
                )
            )
            app = App(worker, options.limits, metrics, folder).build(stand_alone=True)
            await _listen(app, worker, options, stop)


async def _listen(app: web.Application, worker: Worker, options: Options, stop: asyncio.Event) -> None:
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, reuse_port=options.shared_port or None, backlog=1_024)
    await site.start()
    worker.start()
    log.info("media.ready", host=options.host, port=options.port)
    await stop.wait()
    log.info("media.draining")
    await worker.drain()
    await runner.cleanup()
    log.info("media.stopped")
