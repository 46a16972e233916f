"""Runs a worker as a node on the bus, from its first heartbeat until it leaves."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from media.providers.health import HealthBoard
from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.bus.call_records import BusCallRecordStore, RecordServices
from media.server.bus.checkpoints import CheckpointWriter
from media.server.bus.commands import CommandConsumer
from media.server.bus.health import BusHealth
from media.server.bus.provider_health import ProviderHealthSync
from media.server.bus.publisher import EventPublisher
from media.server.bus.recovery import SpoolRecovery
from media.server.bus.requests import MAX_REQUESTS, BusRemoteTools, RequestClient
from media.server.bus.rights import PACE, RightChecks, RightsPace
from media.server.bus.spool import EventFile, NodeFolder
from media.server.bus.supervision import TicketSupervision
from media.server.bus.tasks import start_bus_task, stop_task, wait_and_clear
from media.server.bus.tickets import TicketPlans
from media.server.bus.time_limits import TimeLimits
from media.server.bus.uploads import RecordingUploads
from media.server.metrics import Metrics
from shared.bus.checkpoints import Checkpoints
from shared.bus.client import BusClient, BusUnavailable
from shared.bus.commands import CommandStream
from shared.bus.enrollment import NodeIdentity
from shared.bus.events import EventStream
from shared.bus.granted_time import GrantedTimes
from shared.bus.health import ProviderHealthStates
from shared.bus.live import LiveCalls
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.requests import RequestStream
from shared.bus.tickets import Tickets
from shared.secrets import Sealer
from shared.storage import Storage
from shared.supervised_task import SupervisedTask

log = structlog.get_logger()

# The maximum number of claims and final writes that use Redis at once. The client has 64 connections.
AT_ONCE: Final = 24
LEAVE_S: Final = 2.0
# When a process ends, events and recordings have this long to reach Redis and storage. The rest stays on disk.
FLUSH_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """The settings of a node.

    Attributes:
        node_id: An ID that is unique to this process.
        url: The base URL of the node's sockets as carriers reach them.
        capacity: The maximum number of calls.
        state: The folder of the node's files.
        bus_timeout_s: The timeout of the Redis client.
        max_requests: The maximum number of requests to control that wait for a reply.
        supervision: Whether listeners' sockets always reach this process. False if processes share a port.
        rights: How often the rights of people's sockets are checked.
    """

    node_id: str
    url: str
    capacity: int
    state: Path
    beat_s: float = 1.0
    bus_timeout_s: float = 2.0
    spool_max_bytes: int = 268_435_456
    max_requests: int = MAX_REQUESTS
    supervision: bool = True
    rights: RightsPace = PACE


@dataclass(frozen=True, slots=True)
class NodeResources:
    """The resources of a node. The creator closes them.

    Attributes:
        unsigned: Decrypts messages from control of the previous release. If it is None, only messages that are sealed
            for this node are accepted.
    """

    redis: BusClient
    identity: NodeIdentity = field(repr=False)
    unsigned: Sealer | None = field(repr=False)
    storage: Storage | None
    disk: Executor
    metrics: Metrics
    provider_health: HealthBoard


class NodeServices:
    """All services of one node. Must be created on the running loop. The constructor raises OSError if the state folder
    cannot be used."""

    def __init__(self, options: NodeOptions, resources: NodeResources) -> None:
        redis, identity, unsigned = resources.redis, resources.identity, resources.unsigned
        self._options, self._nodes = options, NodeRegistry(redis, identity=identity)
        self._calls: Callable[[], int] = lambda: 0
        self._draining = False
        self._beat_now = asyncio.Event()
        self._beat_task: SupervisedTask | None = None
        self._metrics = metrics = resources.metrics
        self.health = BusHealth(metrics)
        gate, spool = asyncio.Semaphore(AT_ONCE), options.state / "spool"
        self._folder = NodeFolder.create(spool, options.node_id)
        stream = EventStream(redis)
        file = EventFile(self._folder.events, options.spool_max_bytes)
        disk, recordings = resources.disk, options.state / "recordings"
        self._publisher = EventPublisher(stream, file, disk, metrics)
        self._checkpoints = CheckpointWriter(Checkpoints(redis, unsigned), gate, metrics)
        self._heartbeats = CallHeartbeats(LiveCalls(redis), metrics)
        self._uploads = RecordingUploads(resources.storage, recordings, self._publisher, disk, metrics)
        self._recovery = SpoolRecovery(spool, stream, self._publisher, self._uploads, disk, metrics, self._folder)
        wait_s = min(1.0, options.bus_timeout_s / 2)
        commands = CommandStream(redis, identity=identity, takes_unsigned=unsigned is not None)
        self._commands = CommandConsumer(commands, options.node_id, self._heartbeats, metrics, wait_s)
        self.requests = RequestClient(
            RequestStream(redis, unsigned, identity=identity),
            options.node_id,
            metrics,
            wait_s,
            options.max_requests,
            stream_credentials=self._heartbeats.stream_credential,
        )
        self.remote_tools = BusRemoteTools(self.requests)
        self._rights = RightChecks(self.requests, options.rights)
        self._provider_health = ProviderHealthSync(
            resources.provider_health, ProviderHealthStates(redis, options.node_id), metrics
        )
        self._time_limits = TimeLimits(GrantedTimes(redis), self._heartbeats, metrics)
        self.records = self._make_records(resources)
        tickets = Tickets(redis, unsigned, identity)
        self.plans = TicketPlans(tickets, gate)
        self.supervision = TicketSupervision(tickets, options.node_id, self._heartbeats, gate, self._rights)
        self._services = (
            self._publisher,
            self._checkpoints,
            self._heartbeats,
            self._time_limits,
            self._commands,
            self.requests,
            self._recovery,
            self._provider_health,
        )

    def _make_records(self, resources: NodeResources) -> BusCallRecordStore:
        return BusCallRecordStore(
            RecordServices(
                node_id=self._options.node_id,
                identity=resources.identity,
                disk=resources.disk,
                folder=self._folder,
                publisher=self._publisher,
                checkpoints=self._checkpoints,
                heartbeats=self._heartbeats,
                uploads=self._uploads,
                rights=self._rights,
            )
        )

    def start(self, calls: Callable[[], int]) -> None:
        """Start all tasks after the sockets are open.

        Args:
            calls: Returns the number of calls.
        """
        self._calls = calls
        for service in self._services:
            service.start()
        self._beat_task = start_bus_task("beats", self._beat, self._metrics)
        log.info("node.started", node=self._options.node_id)

    def dead_tasks(self) -> list[str]:
        """Return the names of the tasks that died and are not running again yet."""
        tasks = (*(service.task for service in self._services), self._beat_task)
        return [task.name for task in tasks if task is not None and task.is_dead]

    def drain(self) -> None:
        """Report at once that no further call may be routed here."""
        self._draining = True
        self._beat_now.set()

    async def close(self) -> None:
        """Close the node after its last call: send events and store recordings within time limits, and leave the
        registry."""
        await self._recovery.close()
        await self._commands.close()
        await self._time_limits.close()
        await self.requests.close()
        await self._provider_health.close()
        await self._heartbeats.close(LEAVE_S)
        await self._checkpoints.close(LEAVE_S)
        await self._uploads.close(FLUSH_S)
        if not await self._publisher.close(FLUSH_S):
            log.warning("node.events_unsent", node=self._options.node_id)
        await self._leave()
        self._folder.release()

    async def _beat(self) -> None:
        options = self._options
        calls, supervision = self._calls(), options.supervision
        state = NodeState(
            options.node_id,
            options.url,
            calls,
            options.capacity,
            self._draining,
            supervision=supervision,
            checks_rights=True,
        )
        try:
            await self._nodes.heartbeat(state)
        except BusUnavailable as error:
            self.health.report_down(str(error))
            raise
        self.health.report_up()
        await wait_and_clear(self._beat_now, options.beat_s)

    async def _leave(self) -> None:
        await stop_task(self._beat_task)
        with suppress(BusUnavailable, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._nodes.remove(self._options.node_id)
