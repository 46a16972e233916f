"""Runs one worker: loop, server, signals."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop
from aiohttp import ClientSession

from media.providers.factory import Factory
from media.server.app import App
from media.server.front import House, opened
from media.server.limits import Limits
from media.server.metrics import Metrics
from media.server.plans import OnePlan
from media.server.sinks import Folder
from media.server.worker import Resources, Worker
from media.turn.model import SILERO, SMART_TURN, pipecat_file
from media.turn.vad import VadEngine
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
        async with ClientSession() as session, _factory(session, options) as providers:
            worker = Worker(
                Resources(
                    limits=options.limits,
                    plans=OnePlan(options.plan),
                    providers=providers,
                    engine=VadEngine(pipecat_file(SILERO)),
                    folder=folder,
                    disk=disk,
                    pool=pool,
                    metrics=metrics,
                    judge=_smart_turn() if options.plan.turn.smart_turn else None,
                )
            )
            app = App(worker, options.limits, metrics, folder).build(stand_alone=True)
            await _listen(House(worker, options.limits, metrics, app), options, stop)


@asynccontextmanager
async def _factory(session: ClientSession, options: Options) -> AsyncIterator[Factory]:
    """Raises PlanError for a plan whose providers cannot be made."""
    factory = Factory(session, engine_socket=options.engine_socket)
    factory.check(options.plan)
    try:
        yield factory
    finally:
        await factory.close()


def _smart_turn() -> Callable[[bytes], float]:
    from media.turn.smart import SmartTurn  # 139 MB that only a plan with smart_turn pays for

    return SmartTurn(pipecat_file(SMART_TURN)).finished


def _calm_collector() -> None:
    """What was loaded at the start stays for good: the collector need not look at it again and again, and looks at the
    rest less often than it would by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)


async def _listen(house: House, options: Options, stop: asyncio.Event) -> None:
    async with opened(house, options.host, options.port, shared_port=options.shared_port):
        house.worker.start()
        _calm_collector()
        log.info("media.ready", host=options.host, port=options.port)
        await stop.wait()
        log.info("media.draining")
        await house.worker.drain()
    log.info("media.stopped")
