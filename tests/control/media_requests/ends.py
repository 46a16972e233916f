"""Both ends of requests: a node's client as media composes it, and an API process's reader as control does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Pool
from control.media_requests.handlers import HandlerFinder, MediaRequestHandler, TenantTransactions
from control.media_requests.metrics import MediaRequestMetrics
from control.media_requests.reader import ReaderPace, RequestReader
from control.media_requests.runs import IdempotentRuns, RunPace
from control.media_requests.service import MediaRequests, RequestShares
from media.server.bus.requests import MAX_REQUESTS, RequestClient
from media.server.metrics import Metrics
from media.tools.remote import CallIdentity
from shared.bus.client import bus_client
from shared.bus.requests import RequestStream
from shared.secrets import Sealer
from tests.control.calls.call_platform import SEALER, CallPlatform

NODE: Final = "node-1"
NOW: Final = datetime(2026, 11, 26, 13, 5, tzinfo=UTC)
# Fast, but with room for a loaded machine.
PACE: Final = ReaderPace(wait=0.2, keep=0.1, idle=0.8, pause=0.05)
RUN_PACE: Final = RunPace(lease=1.0, poll=0.01)
LONG_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node's client. metrics: of the node."""

    client: RequestClient
    metrics: Metrics

    async def ask(self, call: AdmittedCall, name: str, arguments: bytes = b"{}", **options: Any) -> bytes:
        """Asks as this call."""
        options = {"deadline_s": LONG_S} | options
        return await self.client.ask(reference(call), name, arguments, **options)

    def count(self, outcome: str) -> float:
        """How many requests ended so."""
        return self.metrics.registry.get_sample_value("vocalized_media_requests_total", {"outcome": outcome}) or 0.0


@dataclass(frozen=True, slots=True)
class ApiProcess:
    """An API process's reader. registry: of its metrics."""

    reader: RequestReader
    registry: CollectorRegistry

    def count(self, metric: str, **labels: str) -> float:
        """A counter's value."""
        return self.registry.get_sample_value(f"vocalized_control_media_{metric}_total", labels) or 0.0


def reference(call: AdmittedCall) -> CallIdentity:
    """The call as its plan names it."""
    return CallIdentity(call.plan.call_id, call.plan.workspace_id, call.plan.agent_id)


@asynccontextmanager
async def running_node(
    valkey_url: str,
    *,
    sealer: Sealer = SEALER,
    timeout_s: float = 5.0,
    max_requests: int = MAX_REQUESTS,
    name: str = NODE,
) -> AsyncIterator[Node]:
    """A node's client until the block ends."""
    metrics = Metrics()
    redis = bus_client(valkey_url, timeout_s)
    client = RequestClient(RequestStream(redis, sealer), name, metrics, min(1.0, timeout_s / 2), max_requests)
    client.start()
    try:
        yield Node(client, metrics)
    finally:
        await client.close()
        await redis.aclose()


def make_api_process(
    platform: CallPlatform,
    handlers: Mapping[str, MediaRequestHandler],
    *,
    concurrency: int = 32,
    redis: Redis | None = None,
    pool: Pool | None = None,
    sealer: Sealer = SEALER,
    drain_s: float = LONG_S,
    transactions: int = 4,
    shares: RequestShares | None = None,
    finder: HandlerFinder | None = None,
) -> ApiProcess:
    """An API process's reader, not started. redis, pool: default the platform's. transactions: of handlers at once."""
    registry = CollectorRegistry()
    metrics = MediaRequestMetrics(registry)
    database = TenantTransactions(pool or platform.pool, transactions)
    service = MediaRequests(handlers, database, IdempotentRuns(SEALER, RUN_PACE), metrics, lambda: NOW, shares, finder)
    stream = RequestStream(redis or platform.redis, sealer)
    reader = RequestReader(stream, service.answer, metrics, concurrency=concurrency, pace=replace(PACE, drain=drain_s))
    return ApiProcess(reader, registry)


@asynccontextmanager
async def running_api_process(
    platform: CallPlatform, handlers: Mapping[str, MediaRequestHandler], **options: Any
) -> AsyncIterator[ApiProcess]:
    """An API process's reader until the block ends. options: of make_api_process."""
    process = make_api_process(platform, handlers, **options)
    async with process.reader.running():
        yield process


async def wait_until_true(condition: Any) -> None:
    """Polls what another process changes; fails after LONG_S."""
    async with asyncio.timeout(LONG_S):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
