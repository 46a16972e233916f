"""Runs one worker process with its event loop, server and signal handlers."""

import asyncio
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import uvloop
from aiohttp import ClientSession

from media.call.phrase_audio import PhraseAudioCache
from media.providers.factory import ProviderFactory
from media.providers.health import HealthBoard
from media.providers.health_record import HealthPolicy
from media.providers.turn_teacher.client import TeacherClient
from media.providers.vendor import Vendor
from media.providers.warm_http import make_session
from media.server.app import HttpEndpoints
from media.server.bus.node import NodeOptions, NodeResources, NodeServices
from media.server.bus.requests import MAX_REQUESTS
from media.server.call_records import CallRecordStore, FolderCallRecordStore
from media.server.collector import CycleCollector
from media.server.limits import WorkerLimits
from media.server.listener import ListenerBackend, listen
from media.server.metrics import Metrics
from media.server.plans import PlanSource, SinglePlan
from media.server.provider_health import ProviderHealthReporter
from media.server.signature import SignatureCheck
from media.server.sinks import StateFolder
from media.server.supervision import Supervisors
from media.server.teacher_reporter import TeacherReporter
from media.server.worker import Worker, WorkerResources
from media.turn.completeness import CompletenessModel, load_completeness_model
from media.turn.onnx_models import SILERO, SMART_TURN, find_pipecat_file
from media.turn.vad import VadEngine
from shared.bus.client import bus_client
from shared.bus.enrollment import NodeCredential, NodeIdentity, NodeKey
from shared.egress import EgressGuard
from shared.plan import CallPlan
from shared.secrets import Sealer
from shared.storage import Storage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WorkerBusOptions:
    """How a worker reaches control.

    Attributes:
        node_credential: The credential with which control accepts the worker.
        node_key: The private key of the machine's processes. If it is empty, the worker creates a new key.
        unsigned_keys: The secret keys of the previous release. If they are empty, control of that release is not
            accepted.
        storage_url: The URL of the storage for recordings. If it is empty, recordings stay on this machine.
        name: The prefix of the node ID. If it is empty, the machine's name is used.
        beat_s: The time between heartbeats in seconds.
        timeout_s: The timeout of Redis in seconds.
        max_requests: The maximum number of requests to control that wait for a reply.
    """

    redis_url: str = field(repr=False)
    node_credential: NodeCredential
    node_key: bytes = field(default=b"", repr=False)
    unsigned_keys: tuple[bytes, ...] = field(default=(), repr=False)
    storage_url: str = ""
    name: str = ""
    beat_s: float = 1.0
    timeout_s: float = 2.0
    spool_max_bytes: int = 268_435_456
    max_requests: int = MAX_REQUESTS


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How one worker runs: with a single plan for every stream, or on the bus.

    Attributes:
        vendors: The adapters that plans may name.
        public_url: The base URL of the sockets as carriers reach them. If it is empty, the listening address is used.
        shared_port: Other workers listen on the same port (SO_REUSEPORT).
        health: The policy that decides when a provider is ejected.
        egress_allow: Networks that customers' addresses may use besides the public internet.
        shared_keys: Twilio's shared keys: secrets by ID.
        completeness: A model that replaces the shipped one.
        teacher_socket: The socket of a language model that acts as second judge. If it is empty, calls run without a
            second judge.
    """

    host: str
    port: int
    state: Path
    limits: WorkerLimits
    vendors: tuple[Vendor, ...]
    plan: CallPlan | None = None
    bus: WorkerBusOptions | None = None
    public_url: str = ""
    signing_tokens: tuple[str, ...] = field(default=(), repr=False)
    require_signature: bool = False
    shared_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    engine_socket: str = ""
    shared_port: bool = False
    health: HealthPolicy = field(default_factory=HealthPolicy)
    egress_allow: tuple[str, ...] = ()
    completeness: CompletenessModel | None = None
    teacher_socket: str = ""

    @property
    def url(self) -> str:
        """The base URL of the sockets as carriers reach them."""
        return make_url(self.public_url, self.host, self.port)


def make_url(public_url: str, host: str, port: int) -> str:
    """Return the base URL of the sockets as carriers reach them: the public URL, or else the listening address."""
    return public_url or f"ws://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True, slots=True)
class StreamBackend:
    """The source of plans and the destination of events and recordings.

    Attributes:
        node: The node's services. None in stand-alone mode.
    """

    plans: PlanSource
    records: CallRecordStore
    node: NodeServices | None = None


def run_worker(options: WorkerOptions) -> None:
    """Serve until SIGTERM or SIGINT, drain, and return.

    Raises OSError if the port is in use or the state folder cannot be used, and ValueError for an invalid storage URL.
    """
    uvloop.run(_serve(options))


async def _serve(options: WorkerOptions) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    folder = StateFolder(options.state)
    folder.prepare()
    metrics = Metrics()
    board = _health_board(options, metrics)
    # One thread each, because files must be written in order, and smart-turn must not use more than one core.
    with ThreadPoolExecutor(1, "disk") as disk, ThreadPoolExecutor(1, "smart-turn") as pool:
        async with (
            make_session() as session,
            _factory(session, options, board) as providers,
            _stream_backend(options, folder, disk, metrics, board) as backend,
            _teacher(options.teacher_socket, metrics) as teacher,
        ):
            resources = WorkerResources(
                limits=options.limits,
                plans=backend.plans,
                providers=providers,
                vad=VadEngine(SILERO),
                records=backend.records,
                disk=disk,
                pool=pool,
                metrics=metrics,
                smart_turn=_judge(options.plan),
                completeness=options.completeness or load_completeness_model(),
                second_judge=teacher,
                remote_tools=backend.node.remote_tools if backend.node else None,
                phrases=PhraseAudioCache(),
            )
            signatures = SignatureCheck(
                options.url, options.signing_tokens, options.require_signature, options.shared_keys
            )
            listener = make_listener(resources, folder, signatures, backend.node)
            shared = options.shared_port
            collector = CycleCollector(lambda: not listener.worker.connections)
            # Measured until the end of the drain, because running calls still depend on the loop.
            with metrics.process.measured():
                async with running_listener(listener, backend.node, options.host, options.port, shared_port=shared):
                    collector.start()
                    log.info("media.ready", host=options.host, port=options.port)
                    await stop.wait()
                    log.info("media.draining")
            collector.stop()
            log.info("media.stopped")


def make_listener(
    resources: WorkerResources, folder: StateFolder, signatures: SignatureCheck, node: NodeServices | None
) -> ListenerBackend:
    """Create the worker with its HTTP routes and the checks of its sockets.

    Args:
        node: The node's services in bus mode, or None.
    """
    worker, limits, metrics = Worker(resources), resources.limits, resources.metrics
    app = HttpEndpoints(worker, limits, metrics, folder)
    if node is not None:
        app = HttpEndpoints(worker, limits, metrics, folder, lambda: node.health.unavailable, node.dead_tasks)
    routes = app.build(stand_alone=node is None)
    supervisors = Supervisors(node.supervision, limits, metrics) if node is not None else None
    return ListenerBackend(
        worker, limits, metrics, routes, signatures, requires_token=node is not None, supervisors=supervisors
    )


@asynccontextmanager
async def running_listener(
    listener: ListenerBackend, node: NodeServices | None, host: str, port: int, *, shared_port: bool = False
) -> AsyncIterator[int]:
    """Accept calls while the block runs, then drain. Yields the port. Raises OSError if the port is in use."""
    worker = listener.worker
    async with listen(listener, host, port, shared_port=shared_port) as bound:
        worker.start()
        if node is not None:
            node.start(lambda: worker.call_count)
        yield bound
        if node is not None:
            node.drain()
        await worker.drain()


@asynccontextmanager
async def _stream_backend(
    options: WorkerOptions, folder: StateFolder, disk: Executor, metrics: Metrics, board: HealthBoard
) -> AsyncIterator[StreamBackend]:
    bus = options.bus
    if options.plan is not None or bus is None:
        assert options.plan is not None, "a plan, or the bus"
        records = FolderCallRecordStore(folder, disk, metrics.events_lost.inc)
        yield StreamBackend(SinglePlan(options.plan), records)
        return
    storage = Storage(bus.storage_url) if bus.storage_url else None
    redis = bus_client(bus.redis_url, bus.timeout_s)
    try:
        resources = NodeResources(
            redis=redis,
            identity=NodeIdentity(NodeKey(bus.node_key or None), bus.node_credential),
            unsigned=Sealer(bus.unsigned_keys) if bus.unsigned_keys else None,
            storage=storage,
            disk=disk,
            metrics=metrics,
            provider_health=board,
        )
        node = NodeServices(_node_options(options, bus), resources)
        try:
            yield StreamBackend(node.plans, node.records, node)
        finally:
            await node.close()
    finally:
        await redis.aclose()


@asynccontextmanager
async def _teacher(socket_path: str, metrics: Metrics) -> AsyncIterator[TeacherClient | None]:
    """Connect to the teacher in the background, so that calls can begin without it."""
    if not socket_path:
        yield None
        return
    client = TeacherClient(Path(socket_path), TeacherReporter(metrics))
    client.start()
    try:
        yield client
    finally:
        await client.close()


def _node_options(options: WorkerOptions, bus: WorkerBusOptions) -> NodeOptions:
    return NodeOptions(
        # A restarted process is a new node, because the calls of the earlier process are lost.
        node_id=f"{bus.name or socket.gethostname()}-{secrets.token_hex(4)}",
        url=options.url,
        capacity=options.limits.max_calls,
        state=options.state,
        beat_s=bus.beat_s,
        bus_timeout_s=bus.timeout_s,
        spool_max_bytes=bus.spool_max_bytes,
        max_requests=bus.max_requests,
        supervision=not options.shared_port,
    )


@asynccontextmanager
async def _factory(
    session: ClientSession, options: WorkerOptions, board: HealthBoard
) -> AsyncIterator[ProviderFactory]:
    """Create the provider factory. Raises PlanError for a plan whose providers cannot be created."""
    factory = ProviderFactory(
        options.vendors,
        session,
        engine_socket=options.engine_socket,
        health=board,
        health_secret=_health_secret(options),
        guard=EgressGuard(options.egress_allow),
    )
    if options.plan is not None:
        factory.check(options.plan)
    try:
        yield factory
    finally:
        await factory.close()


def _health_board(options: WorkerOptions, metrics: Metrics) -> HealthBoard:
    """Return the health board of this process. In bus mode, the node shares it with other nodes."""
    board = HealthBoard(asyncio.get_running_loop().time, options.health)
    board.subscribe(ProviderHealthReporter(metrics))
    return board


def _health_secret(options: WorkerOptions) -> bytes:
    """Return the key for account fingerprints, which is the same for all nodes on the bus. Empty in stand-alone
    mode."""
    return options.bus.node_credential.fingerprints if options.bus else b""


def _judge(plan: CallPlan | None) -> Callable[[bytes], float] | None:
    """Return the smart-turn model, or None if the plan does not use it.

    The model takes 139 MB. On the bus, it is loaded on first use, because plans are unknown before calls arrive.
    """
    if plan is None:
        return _LazySmartTurn()
    return _smart_turn() if plan.turn.smart_turn else None


class _LazySmartTurn:
    """Loads the model on the first call, in the calling thread."""

    def __init__(self) -> None:
        self._judge: Callable[[bytes], float] | None = None

    def __call__(self, pcm: bytes) -> float:
        if self._judge is None:
            self._judge = _smart_turn()
        return self._judge(pcm)


def _smart_turn() -> Callable[[bytes], float]:
    from media.turn.smart_turn import SmartTurn

    return SmartTurn(find_pipecat_file(SMART_TURN)).finished
