"""Which media nodes there are, and which one takes the next call. A node is one event loop of a media server."""

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.bus.client import PREFIX, told

BEAT_S: Final = 1.0
STALE_S: Final = 3.5
_NODES: Final = f"{PREFIX}{{nodes}}:states"
_SEEN: Final = f"{PREFIX}{{nodes}}:seen"
_PLACED: Final = f"{PREFIX}{{nodes}}:placed"
# A beat tells the true load: what was placed before it counts no more. Times are the server's, so clocks don't matter.
_BEAT: Final = """
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], t[1] .. '.' .. string.format('%06d', t[2]))
redis.call('HDEL', KEYS[3], ARGV[1])
"""
_FRESH: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local seen = redis.call('HGETALL', KEYS[2])
local out = {}
for i = 1, #seen, 2 do
  local age = now - tonumber(seen[i + 1])
  if age > 60 * tonumber(ARGV[1]) then
    for k = 1, 3 do redis.call('HDEL', KEYS[k], seen[i]) end
  elseif age <= tonumber(ARGV[1]) then
    out[#out + 1] = redis.call('HGET', KEYS[1], seen[i])
    out[#out + 1] = redis.call('HGET', KEYS[3], seen[i]) or '0'
  end
end
return out
"""


class NodeState(Struct, frozen=True):
    """url: base of the node's sockets as carriers reach it, like wss://media-1.example.com. calls, capacity: of this
    event loop. draining: takes no new calls."""

    node_id: str
    url: str
    calls: int
    capacity: int
    draining: bool = False


class Nodes:
    """The registry. All methods raise BusAway."""

    def __init__(self, redis: Redis, *, allowed: Collection[str] = (), stale_s: float = STALE_S) -> None:
        """allowed: the only addresses that calls are led to; empty trusts every node."""
        self._redis, self._allowed, self._stale_s = redis, frozenset(allowed), stale_s
        self._beat = redis.register_script(_BEAT)
        self._fresh = redis.register_script(_FRESH)

    async def beat(self, state: NodeState) -> None:
        """Told every BEAT_S by the node itself."""
        async with told():
            await self._beat(keys=[_NODES, _SEEN, _PLACED], args=[state.node_id, msgspec.json.encode(state)])

    async def leave(self, node_id: str) -> None:
        """The node is gone for good."""
        async with told(), self._redis.pipeline(transaction=True) as pipe:
            for key in (_NODES, _SEEN, _PLACED):
                pipe.hdel(key, node_id)
            await pipe.execute()

    async def all(self) -> list[NodeState]:
        """Those that are alive."""
        return [state for state, _ in await self._alive()]

    async def place(self, exclude: Collection[str] = ()) -> NodeState | None:
        """The node for the next call: the least loaded that has room and is not excluded by its id; None without one.

        Calls placed since the node's last beat count as its load, so that a burst is spread.
        """
        open_ones = [
            ((state.calls + placed) / max(state.capacity, 1), state)
            for state, placed in await self._alive()
            if state.node_id not in exclude and not state.draining and state.calls + placed < state.capacity
        ]
        if not open_ones:
            return None
        _, best = min(open_ones, key=lambda one: (one[0], one[1].node_id))
        async with told():
            await self._redis.hincrby(_PLACED, best.node_id, 1)
        return best

    async def _alive(self) -> list[tuple[NodeState, int]]:
        async with told():
            found = await self._fresh(keys=[_NODES, _SEEN, _PLACED], args=[self._stale_s])
        states = [msgspec.json.decode(text, type=NodeState) for text in found[::2]]
        alive = zip(states, map(int, found[1::2]), strict=True)
        return [(state, placed) for state, placed in alive if not self._allowed or state.url in self._allowed]
