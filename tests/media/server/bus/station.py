"""A media worker on the bus, in this process, with a real Valkey; and what control would do there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession
from redis.asyncio import Redis

from media.providers.factory import Factory
from media.server.app import App
from media.server.bus.node import Means, Node, NodeOptions
from media.server.front import House, opened
from media.server.limits import Limits
from media.server.metrics import Metrics
from media.server.signature import Signatures
from media.server.sinks import Folder
from media.server.worker import Resources, Worker
from media.turn.model import SILERO
from media.turn.vad import VadEngine
from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.client import bus_client
from shared.bus.commands import Command, Commands, Order
from shared.bus.events import STREAM as EVENTS
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.tickets import Carrier, Ticket, Tickets
from shared.events import Envelope, Event, decode_event
from shared.plan import CallPlan
from shared.secrets import Sealer
from shared.storage import Storage
from tests.media.server.phone import CALL, PATIENCE_S, STREAM, UNSIGNED, Phone

T = TypeVar("T")
SEALER = Sealer([bytes(32)])
NODE = "node-1"
LIMITS = Limits(max_calls=50, start_timeout_s=30.0, receive_timeout_s=30.0, send_timeout_s=10.0, drain_timeout_s=30.0)


@dataclass
class Station:
    """A running node. redis: the tests' own connection."""

    worker: Worker
    node: Node
    metrics: Metrics
    redis: Redis
    session: ClientSession
    url: str
    state: Path

    async def ticket(self, plan: CallPlan, carrier: Carrier = "twilio", call: str = CALL) -> str:
        """A token, as control gives it to the carrier."""
        return await Tickets(self.redis, SEALER).issue(Ticket(carrier, call, plan))

    async def dial(self, plan: CallPlan, stream: str = STREAM, *, returns_marks: bool = False) -> Phone:
        """A caller on the line of a call with that plan."""
        token = await self.ticket(plan)
        url = self.url + "/media/twilio"
        return await Phone.dial(self.session, url, stream, token=token, returns_marks=returns_marks)

    async def knock(self, token: str, path: str = "/media/twilio", call: str = CALL) -> Phone:
        """A caller with that token."""
        return await Phone.dial(self.session, self.url + path, call=call, token=token)

    async def envelopes(self) -> list[Envelope]:
        """All events in Redis, in the order in which they came."""
        return await envelopes(self.redis)

    async def events(self) -> list[Event]:
        """Those of one call only."""
        return [envelope.event for envelope in await self.envelopes()]

    async def until_event(self, kind: type[T]) -> T:
        """Waits for the first event of a kind."""

        async def look() -> T | None:
            return next((event for event in await self.events() if isinstance(event, kind)), None)

        found = await until(look)
        assert found is not None
        return found

    async def checkpoint(self, call_id: str) -> Checkpoint | None:
        """What control finds to resume from."""
        return await Checkpoints(self.redis, SEALER).get(call_id)

    async def over(self, call_id: str) -> Over | None:
        """What control finds when the carrier asks."""
        return await Checkpoints(self.redis, SEALER).ended(call_id)

    async def live(self, call_id: str) -> LiveCall | None:
        """The sign of life."""
        return (await LiveCalls(self.redis).get([call_id]))[0]

    async def order(self, call_id: str, command: Command, order_id: str = "order-1") -> str | None:
        """A command of control's, and its answer."""
        commands = Commands(self.redis)
        await commands.post(NODE, Order(order_id, call_id, command))
        return await commands.outcome(order_id, PATIENCE_S)

    def count(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


async def envelopes(redis: Redis) -> list[Envelope]:
    """All events in Redis, in the order in which they came."""
    found: Any = await redis.xrange(EVENTS)
    return [decode_event(fields[b"e"]) for _, fields in found]


async def until(look: Callable[[], Awaitable[T]]) -> T:
    """Looks until something is found, within the tests' patience."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await look()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # others tell nobody, and need not
    return found


@asynccontextmanager
async def running_station(
    redis_url: str,
    state: Path,
    *,
    limits: Limits = LIMITS,
    storage: Storage | None = None,
    node_id: str = NODE,
    signatures: Signatures = UNSIGNED,
    timeout_s: float = 1.0,
    spool_max_bytes: int = 10_000_000,
) -> AsyncIterator[Station]:
    """A node until left; it drains, and flushes what it can."""
    folder, metrics = Folder(state), Metrics()
    folder.prepare()
    redis, own = bus_client(redis_url, timeout_s), bus_client(redis_url, 5.0)
    with ThreadPoolExecutor(1) as disk, ThreadPoolExecutor(1) as pool:
        async with ClientSession() as session:
            options = NodeOptions(node_id, "ws://media.test", limits.max_calls, state, 0.1, timeout_s, spool_max_bytes)
            node = Node(options, Means(redis, SEALER, storage, disk, metrics))
            engine, providers = VadEngine(SILERO), Factory(session)
            worker = Worker(Resources(limits, node.plans, providers, engine, node.keeper, disk, pool, metrics))
            app = App(worker, limits, metrics, folder, lambda: node.health.away).build(stand_alone=False)
            async with opened(House(worker, limits, metrics, app, signatures, led=True), "127.0.0.1", 0) as port:
                worker.start()
                node.start(lambda: worker.calls)
                yield Station(worker, node, metrics, own, session, f"http://127.0.0.1:{port}", state)
                node.drain()
                worker.shut("media_lost", "test over")
                async with asyncio.timeout(PATIENCE_S):
                    await worker.drain()
            async with asyncio.timeout(PATIENCE_S):
                await node.close()
    await redis.aclose()
    await own.aclose()
