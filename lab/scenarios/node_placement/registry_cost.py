"""What the registry of the nodes costs Redis, at any number of nodes: measured with a real Valkey."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from shared.bus.client import bus_client
from shared.bus.health import ProviderHealthStates, RecentRequests
from shared.bus.nodes import NodeRegistry, NodeState
from vocalized.services.valkey import running_valkey

# No node grows stale while it is measured.
_STALE_S: Final = 3_600.0
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class OperationCost:
    """server_us: CPU of Valkey for one operation. wait_ms: from the client, one after the other, median."""

    operation: str
    server_us: float
    wait_ms: float


async def measure_registry(state: Path, nodes: int, times: int = 500) -> list[OperationCost]:
    """Registers so many nodes in a Valkey of its own, and measures each operation."""
    async with running_valkey(state, durable=False) as valkey, aclosing(bus_client(valkey.url, 30.0)) as redis:
        assert isinstance(redis, Redis)
        registry = NodeRegistry(redis, stale_s=_STALE_S)
        states = [
            NodeState(f"node-{number:05}:1", f"wss://node-{number:05}", number % 40, 64) for number in range(nodes)
        ]
        for first in range(0, nodes, _AT_ONCE):
            await asyncio.gather(*map(registry.heartbeat, states[first : first + _AT_ONCE]))
        health = ProviderHealthStates(redis, "node-00000:1")
        recent = {f"llm:provider-{number}": RecentRequests(0, 0.1) for number in range(20)}
        return [
            await _measure(redis, "choose a node", registry.choose, times),
            await _measure(redis, "heartbeat of a node", lambda: registry.heartbeat(states[0]), times),
            await _measure(redis, "whether a node is alive", lambda: registry.is_alive("node-00001:1"), times),
            await _measure(redis, "exchange of providers' health", lambda: health.exchange([], recent), times),
            await _measure(redis, "list of all nodes", registry.list_alive, max(1, times // 50)),
        ]


async def _measure(redis: Redis, name: str, operation: Callable[[], Awaitable[object]], times: int) -> OperationCost:
    await operation()
    before, waits = await _cpu_s(redis), []
    for _ in range(times):
        began = time.perf_counter()
        await operation()
        waits.append(time.perf_counter() - began)
    used = await _cpu_s(redis) - before
    return OperationCost(name, 1e6 * used / times, 1e3 * sorted(waits)[times // 2])


async def _cpu_s(redis: Redis) -> float:
    info: Any = await redis.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])
