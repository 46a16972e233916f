"""A worker as a node: all its desks at the bus, from its first sign of life to its leave."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from redis.asyncio import Redis

from media.server.bus.checkpoints import Saver
from media.server.bus.courier import Courier
from media.server.bus.health import Health, forever, stopped, woken
from media.server.bus.leftovers import Leftovers
from media.server.bus.orders import Orders
from media.server.bus.record import BusKeeper, Desks
from media.server.bus.roster import Roster
from media.server.bus.spool import EventFile, NodeFolder
from media.server.bus.tickets import TicketPlans
from media.server.bus.uploads import Uploads
from media.server.metrics import Metrics
from shared.bus.checkpoints import Checkpoints
from shared.bus.client import BusAway
from shared.bus.commands import Commands
from shared.bus.events import EventStream
from shared.bus.live import LiveCalls
from shared.bus.nodes import Nodes, NodeState
from shared.bus.tickets import Tickets
from shared.secrets import Sealer
from shared.storage import Storage

log = structlog.get_logger()

# Claims and last words on their way to Redis at once; the client has 64 connections.
AT_ONCE: Final = 24
LEAVE_S: Final = 2.0
# What calls have left at the end of a process gets so long to reach Redis and storage; the rest stays on disk.
FLUSH_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """node_id: of this process alone. url: base of its sockets as carriers reach it. capacity: calls. state: folder.
    bus_timeout_s: the Redis client's."""

    node_id: str
    url: str
    capacity: int
    state: Path
    beat_s: float = 1.0
    bus_timeout_s: float = 2.0
    spool_max_bytes: int = 268_435_456


@dataclass(frozen=True, slots=True)
class Means:
    """What a node works with; whoever made them closes them."""

    redis: Redis
    sealer: Sealer = field(repr=False)
    storage: Storage | None
    disk: Executor
    metrics: Metrics


class Node:
    """Made on the running loop. Raises OSError when the state folder cannot be used."""

    def __init__(self, options: NodeOptions, means: Means) -> None:
        self._options, self._nodes = options, Nodes(means.redis)
        self._calls: Callable[[], int] = lambda: 0
        self._draining = False
        self._hurry = asyncio.Event()
        self._beats: asyncio.Task[None] | None = None
        self._metrics = metrics = means.metrics
        self.health = Health(metrics)
        gate, spool = asyncio.Semaphore(AT_ONCE), options.state / "spool"
        self._folder = NodeFolder.make(spool, options.node_id)
        stream = EventStream(means.redis)
        file = EventFile(self._folder.events, options.spool_max_bytes)
        self._courier = Courier(stream, file, means.disk, metrics)
        self._saver = Saver(Checkpoints(means.redis, means.sealer), gate, metrics)
        self._roster = Roster(LiveCalls(means.redis), metrics)
        self._uploads = Uploads(means.storage, options.state / "recordings", self._courier, means.disk, metrics)
        self._leftovers = Leftovers(spool, stream, self._courier, self._uploads, means.disk, metrics)
        wait_s = min(1.0, options.bus_timeout_s / 2)
        self._orders = Orders(Commands(means.redis), options.node_id, self._roster, metrics, wait_s)
        desks = Desks(options.node_id, self._folder, self._courier, self._saver, self._roster, self._uploads)
        self.keeper = BusKeeper(desks)
        self.plans = TicketPlans(Tickets(means.redis, means.sealer), gate)

    def start(self, calls: Callable[[], int]) -> None:
        """Begins, once sockets are listened for. calls: how many there are."""
        self._calls = calls
        for desk in (self._courier, self._saver, self._roster, self._orders, self._leftovers):
            desk.start()
        self._beats = asyncio.create_task(forever("beats", self._beat, self._metrics))
        log.info("node.up", node=self._options.node_id)

    def drain(self) -> None:
        """No further call is to be led here; told at once."""
        self._draining = True
        self._hurry.set()

    async def close(self) -> None:
        """After the last call: sends and stores what is left, within bounds, and leaves."""
        await self._leftovers.close()
        await self._orders.close()
        await self._roster.close(LEAVE_S)
        await self._saver.close(LEAVE_S)
        await self._uploads.close(FLUSH_S)
        if not await self._courier.close(FLUSH_S):
            log.warning("node.left_events", node=self._options.node_id)
        await self._leave()
        self._folder.release()

    async def _beat(self) -> None:
        options = self._options
        state = NodeState(options.node_id, options.url, self._calls(), options.capacity, self._draining)
        try:
            await self._nodes.beat(state)
        except BusAway as error:
            self.health.down(str(error))
            raise
        self.health.up()
        await woken(self._hurry, options.beat_s)

    async def _leave(self) -> None:
        await stopped(self._beats)
        with suppress(BusAway, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._nodes.leave(self._options.node_id)
