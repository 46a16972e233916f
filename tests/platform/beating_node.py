"""A media node that is only an entry on the bus, for tests of control's assignments."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shared.bus.client import bus_client
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.tickets import Tickets
from tests.platform.services import KEY
from tests.platform.trust import make_identity

BEAT_S = 0.5


@asynccontextmanager
async def beating_node(valkey_url: str, url: str, *, checks_rights: bool = True) -> AsyncIterator[Tickets]:
    """The node has room for calls until the block ends. Yields what redeems its tickets. checks_rights: false of the
    version before."""
    redis, identity = bus_client(valkey_url, 30.0), make_identity([KEY], url)
    nodes, stopped = NodeRegistry(redis, identity=identity), asyncio.Event()
    state = NodeState("beating", url, 0, 1_000, checks_rights=checks_rights)

    async def beat() -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), BEAT_S)
            await nodes.heartbeat(state)

    await nodes.heartbeat(state)
    beating = asyncio.create_task(beat())
    try:
        yield Tickets(redis, None, identity)
    finally:
        stopped.set()
        await beating
        await nodes.remove(state.node_id)
        await redis.aclose()
