"""A media node on the bus for tests: composed by media.server.worker_process in this process, with a real Valkey; and
the part of control on the bus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse

from media.command import VENDORS
from media.providers.factory import ProviderFactory
from media.providers.health import HealthBoard
from media.server.bus.node import NodeOptions, NodeResources, NodeServices
from media.server.bus.rights import PACE, RightsPace
from media.server.limits import WorkerLimits
from media.server.metrics import Metrics
from media.server.provider_health import ProviderHealthReporter
from media.server.signature import SignatureCheck
from media.server.sinks import StateFolder
from media.server.worker import Worker, WorkerResources
from media.server.worker_process import make_listener, running_listener
from media.turn.onnx_models import SILERO
from media.turn.vad import VadEngine
from shared.bus.checkpoints import Checkpoint, Checkpoints, StreamOutcome
from shared.bus.client import BusClient, bus_client
from shared.bus.commands import CallCommand, Command, CommandStream
from shared.bus.events import STREAM as EVENTS
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import NodeRegistry
from shared.bus.tickets import Carrier, SupervisionGrant, Ticket, Tickets
from shared.events import Event, EventEnvelope, decode_event
from shared.plan import CallPlan
from shared.secrets import Sealer
from shared.storage import Storage
from tests.media.server.phone import CALL, STREAM, UNSIGNED, WAIT_LIMIT_S, Phone
from tests.platform.trust import make_identity, trusting

T = TypeVar("T")
KEYS = [bytes(32)]
SEALER = Sealer(KEYS)
URL = "ws://media.test"
NODE = "node-1"
LIMITS = WorkerLimits(
    max_calls=50, start_timeout_s=30.0, receive_timeout_s=30.0, send_timeout_s=10.0, drain_timeout_s=30.0
)


@dataclass
class BusNode:
    """A running node. redis: the test's own connection."""

    worker: Worker
    node: NodeServices
    metrics: Metrics
    redis: BusClient
    session: ClientSession
    url: str
    state: Path
    keys: Sequence[bytes]

    async def ticket(self, plan: CallPlan, carrier: Carrier = "twilio", call: str = CALL) -> str:
        """Issues a ticket as control does; returns its token."""
        return await Tickets(self.redis, SEALER).issue(Ticket(carrier, call, plan))

    async def supervision_token(self, call_id: str, rights: tuple[str, ...] = ("listen",), node_id: str = NODE) -> str:
        """Issues the token of a session as control does."""
        return await self.token_of(SupervisionGrant("session-1", call_id, rights), node_id)

    async def token_of(self, grant: SupervisionGrant, node_id: str = NODE) -> str:
        """The same for any grant."""
        authority = trusting(KEYS)
        registry = NodeRegistry(self.redis, authority)
        state = await wait_until(lambda: registry.find(NODE))
        assert state is not None
        link = authority.enrollment.find_peer(state.card).link
        return await Tickets(self.redis, SEALER).issue_supervision(grant, node_id, link)

    async def with_stream_credential(self, plan: CallPlan) -> CallPlan:
        """The plan with what control vouches for the call with."""
        authority = trusting(self.keys)
        state = await wait_until(lambda: NodeRegistry(self.redis, authority).find(NODE))
        assert state is not None
        stream_credential = authority.stream_credentials.issue(
            plan.call_id, plan.leg, authority.enrollment.find_peer(state.card).key
        )
        return msgspec.structs.replace(plan, stream_credential=stream_credential.text)

    async def listen(self, token: str) -> ClientWebSocketResponse:
        """Opens a listener's socket with that token."""
        return await self.session.ws_connect(f"{self.url}/media/supervise/{token}")

    async def dial(self, plan: CallPlan, stream: str = STREAM, *, returns_marks: bool = False) -> Phone:
        """Opens a stream of a call with that plan."""
        token = await self.ticket(plan)
        url = self.url + "/media/twilio"
        return await Phone.dial(self.session, url, stream, token=token, returns_marks=returns_marks)

    async def dial_with_token(self, token: str, path: str = "/media/twilio", call: str = CALL) -> Phone:
        """Opens a stream with that token."""
        return await Phone.dial(self.session, self.url + path, call=call, token=token)

    async def envelopes(self) -> list[EventEnvelope]:
        """All events in Redis, in the order of the stream."""
        return await envelopes(self.redis)

    async def events(self) -> list[Event]:
        """The events without their envelopes."""
        return [envelope.event for envelope in await self.envelopes()]

    async def wait_for_event(self, kind: type[T]) -> T:
        """Waits for the first event of a kind."""

        async def poll() -> T | None:
            return next((event for event in await self.events() if isinstance(event, kind)), None)

        found = await wait_until(poll)
        assert found is not None
        return found

    async def checkpoint(self, call_id: str) -> Checkpoint | None:
        """The checkpoint that control resumes from."""
        return await Checkpoints(self.redis, SEALER).get(call_id)

    async def outcome(self, call_id: str) -> StreamOutcome | None:
        """The outcome of the stream, as control reads it when the carrier asks."""
        return await Checkpoints(self.redis, SEALER).get_outcome(call_id)

    async def live_call(self, call_id: str) -> LiveCall | None:
        """The call's heartbeat."""
        return (await LiveCalls(self.redis, trusting(self.keys)).get([call_id]))[0]

    async def send_command(self, call_id: str, command: Command, command_id: str = "command-1") -> str | None:
        """Sends a command as control does; returns the answer."""
        commands = CommandStream(self.redis)
        await commands.send(NODE, CallCommand(command_id, call_id, command))
        return await commands.wait_for_answer(command_id, WAIT_LIMIT_S)

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def envelopes(redis: BusClient) -> list[EventEnvelope]:
    """All events in Redis, in the order of the stream."""
    found: Any = await redis.xrange(EVENTS)
    return [decode_event(fields[b"e"]) for _, fields in found]


async def wait_until(poll: Callable[[], Awaitable[T]]) -> T:
    """Calls `poll` until it returns a true value; fails after WAIT_LIMIT_S."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        while not (found := await poll()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # other tasks and processes give no signal
    return found


@asynccontextmanager
async def running_bus_node(
    redis_url: str,
    state: Path,
    *,
    limits: WorkerLimits = LIMITS,
    storage: Storage | None = None,
    node_id: str = NODE,
    signatures: SignatureCheck = UNSIGNED,
    timeout_s: float = 1.0,
    spool_max_bytes: int = 10_000_000,
    keys: Sequence[bytes] = KEYS,
    rights: RightsPace = PACE,
) -> AsyncIterator[BusNode]:
    """A node until the block ends; then it ends its calls, drains, and sends what it can. keys: of control."""
    folder, metrics = StateFolder(state), Metrics()
    folder.prepare()
    board = HealthBoard(asyncio.get_running_loop().time)
    board.subscribe(ProviderHealthReporter(metrics))
    secret = SEALER.derive("provider health")[0]
    options = NodeOptions(node_id, URL, limits.max_calls, state, 0.1, timeout_s, spool_max_bytes, rights=rights)
    with ThreadPoolExecutor(1) as disk, ThreadPoolExecutor(1) as pool:
        async with (
            aclosing(bus_client(redis_url, timeout_s)) as redis,
            aclosing(bus_client(redis_url, 5.0)) as test_redis,
            ClientSession() as session,
        ):
            node = NodeServices(
                options, NodeResources(redis, make_identity(keys, URL), SEALER, storage, disk, metrics, board)
            )
            resources = WorkerResources(
                limits=limits,
                plans=node.plans,
                providers=ProviderFactory(VENDORS, session, health=board, health_secret=secret),
                vad=VadEngine(SILERO),
                records=node.records,
                disk=disk,
                pool=pool,
                metrics=metrics,
                remote_tools=node.remote_tools,
            )
            listener = make_listener(resources, folder, signatures, node)
            async with running_listener(listener, node, "127.0.0.1", 0) as port:
                url = f"http://127.0.0.1:{port}"
                yield BusNode(listener.worker, node, metrics, test_redis, session, url, state, keys)
                listener.worker.end_calls("media_lost", "test over")
            async with asyncio.timeout(WAIT_LIMIT_S):
                await node.close()
