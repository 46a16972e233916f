"""Runs one worker: loop, server, signals."""

import asyncio
import gc
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import uvloop
from aiohttp import ClientSession

from media.providers.factory import Factory
from media.server.app import App
from media.server.bus.node import Means, Node, NodeOptions
from media.server.front import House, opened
from media.server.keeper import FolderKeeper, Keeper
from media.server.limits import Limits
from media.server.metrics import Metrics
from media.server.plans import OnePlan, PlanSource
from media.server.signature import Signatures
from media.server.sinks import Folder
from media.server.worker import Resources, Worker
from media.turn.model import SILERO, SMART_TURN, pipecat_file
from media.turn.vad import VadEngine
from shared.bus.client import bus_client
from shared.plan import CallPlan
from shared.secrets import Sealer
from shared.storage import Storage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BusOptions:
    """How a worker meets control. secret_keys: control's, they open plans. storage_url: empty keeps recordings on this
    machine. name: of the node; empty takes the machine's. beat_s: between two signs of life. timeout_s: Redis may take
    so long."""

    redis_url: str = field(repr=False)
    secret_keys: tuple[bytes, ...] = field(repr=False)
    storage_url: str = ""
    name: str = ""
    beat_s: float = 1.0
    timeout_s: float = 2.0
    spool_max_bytes: int = 268_435_456


@dataclass(frozen=True, slots=True)
class Options:
    """How one worker is run: with a plan for every stream, or on the bus.

    public_url: base of the sockets as carriers reach them; empty takes the address listened on. shared_port: other
    workers listen on the same port (SO_REUSEPORT).
    """

    host: str
    port: int
    state: Path
    limits: Limits
    plan: CallPlan | None = None
    bus: BusOptions | None = None
    public_url: str = ""
    signing_tokens: tuple[str, ...] = field(default=(), repr=False)
    require_signature: bool = False
    engine_socket: str = ""
    shared_port: bool = False

    @property
    def url(self) -> str:
        """Base of the sockets as carriers reach them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"ws://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Ways:
    """Where plans come from and where everything told goes to; `node` in bus mode."""

    plans: PlanSource
    keeper: Keeper
    node: Node | None = None


def run_worker(options: Options) -> None:
    """Serves until SIGTERM or SIGINT, drains, returns. Raises OSError when the port is taken or the state folder cannot
    be used, ValueError for a storage URL that is none."""
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
        async with (
            ClientSession() as session,
            _factory(session, options) as providers,
            _ways(options, folder, disk, metrics) as ways,
        ):
            worker = Worker(
                Resources(
                    limits=options.limits,
                    plans=ways.plans,
                    providers=providers,
                    engine=VadEngine(SILERO),
                    keeper=ways.keeper,
                    disk=disk,
                    pool=pool,
                    metrics=metrics,
                    judge=_judge(options.plan),
                )
            )
            node = ways.node
            app = App(worker, options.limits, metrics, folder, lambda: node is not None and node.health.away)
            signatures = Signatures(options.url, options.signing_tokens, options.require_signature)
            routes = app.build(stand_alone=node is None)
            house = House(worker, options.limits, metrics, routes, signatures, led=node is not None)
            await _listen(house, options, node, stop)


@asynccontextmanager
async def _ways(options: Options, folder: Folder, disk: Executor, metrics: Metrics) -> AsyncIterator[Ways]:
    bus = options.bus
    if options.plan is not None or bus is None:
        assert options.plan is not None, "a plan, or the bus"
        yield Ways(OnePlan(options.plan), FolderKeeper(folder, disk))
        return
    storage = Storage(bus.storage_url) if bus.storage_url else None
    redis = bus_client(bus.redis_url, bus.timeout_s)
    try:
        means = Means(redis, Sealer(bus.secret_keys), storage, disk, metrics)
        node = Node(_node_options(options, bus), means)
        try:
            yield Ways(node.plans, node.keeper, node)
        finally:
            await node.close()
    finally:
        await redis.aclose()


def _node_options(options: Options, bus: BusOptions) -> NodeOptions:
    return NodeOptions(
        # A process that comes back is another node: the calls of the one before it are lost.
        node_id=f"{bus.name or socket.gethostname()}-{secrets.token_hex(4)}",
        url=options.url,
        capacity=options.limits.max_calls,
        state=options.state,
        beat_s=bus.beat_s,
        bus_timeout_s=bus.timeout_s,
        spool_max_bytes=bus.spool_max_bytes,
    )


@asynccontextmanager
async def _factory(session: ClientSession, options: Options) -> AsyncIterator[Factory]:
    """Raises PlanError for a plan whose providers cannot be made."""
    factory = Factory(session, engine_socket=options.engine_socket)
    if options.plan is not None:
        factory.check(options.plan)
    try:
        yield factory
    finally:
        await factory.close()


def _judge(plan: CallPlan | None) -> Callable[[bytes], float] | None:
    """smart-turn's, whose 139 MB only a plan that wants it pays for: on the bus that is known when it comes."""
    if plan is None:
        return _LateJudge()
    return _smart_turn() if plan.turn.smart_turn else None


class _LateJudge:
    """Loads the model when it is first asked, on the thread that asks."""

    def __init__(self) -> None:
        self._judge: Callable[[bytes], float] | None = None

    def __call__(self, pcm: bytes) -> float:
        if self._judge is None:
            self._judge = _smart_turn()
        return self._judge(pcm)


def _smart_turn() -> Callable[[bytes], float]:
    from media.turn.smart import SmartTurn

    return SmartTurn(pipecat_file(SMART_TURN)).finished


def _calm_collector() -> None:
    """What was loaded at the start stays for good: the collector need not look at it again and again, and looks at the
    rest less often than it would by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 100)


async def _listen(house: House, options: Options, node: Node | None, stop: asyncio.Event) -> None:
    worker = house.worker
    async with opened(house, options.host, options.port, shared_port=options.shared_port):
        worker.start()
        if node is not None:
            node.start(lambda: worker.calls)
        _calm_collector()
        log.info("media.ready", host=options.host, port=options.port)
        await stop.wait()
        log.info("media.draining")
        if node is not None:
            node.drain()
        await worker.drain()
    log.info("media.stopped")
