"""Registry of the media nodes, and the choice of one for the next call. A node is one event loop of a media server."""

from collections.abc import Collection
from typing import Final

import msgspec
from msgspec import Struct

from shared.bus.client import PREFIX, BusClient, map_redis_error

BEAT_S: Final = 1.0
STALE_S: Final = 3.5
_STATES: Final = f"{PREFIX}{{nodes}}:states"
_SEEN: Final = f"{PREFIX}{{nodes}}:seen"
_ASSIGNED: Final = f"{PREFIX}{{nodes}}:placed"
# A heartbeat reports the true load, so calls assigned before it are no longer added to it. All times are Redis's own,
# so that the clocks of the machines don't matter.
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
    event loop. draining: accepts no new calls."""

    node_id: str
    url: str
    calls: int
    capacity: int
    draining: bool = False


class NodeRegistry:
    """All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient, *, allowed: Collection[str] = (), stale_s: float = STALE_S) -> None:
        """allowed: the only URLs that calls are routed to; empty allows every node. stale_s: age of the last heartbeat
        after which a node counts as dead."""
        self._redis, self._allowed, self._stale_s = redis, frozenset(allowed), stale_s
        self._beat = redis.register_script(_BEAT)
        self._fresh = redis.register_script(_FRESH)

    async def heartbeat(self, state: NodeState) -> None:
        """Called by the node itself, every BEAT_S."""
        async with map_redis_error():
            await self._beat(keys=[_STATES, _SEEN, _ASSIGNED], args=[state.node_id, msgspec.json.encode(state)])

    async def remove(self, node_id: str) -> None:
        """Removes a node that has shut down."""
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            for key in (_STATES, _SEEN, _ASSIGNED):
                pipe.hdel(key, node_id)
            await pipe.execute()

    async def list_alive(self) -> list[NodeState]:
        """Nodes with a recent heartbeat."""
        return [state for state, _ in await self._alive()]

    async def choose(self, exclude: Collection[str] = ()) -> NodeState | None:
        """The least loaded node that has capacity for a call and whose id is not excluded; None if there is none.

        Calls assigned since the node's last heartbeat count as its load, so that a burst is spread.
        """
        candidates = [
            ((state.calls + assigned) / max(state.capacity, 1), state)
            for state, assigned in await self._alive()
            if state.node_id not in exclude and not state.draining and state.calls + assigned < state.capacity
        ]
        if not candidates:
            return None
        _, best = min(candidates, key=lambda candidate: (candidate[0], candidate[1].node_id))
        async with map_redis_error():
            await self._redis.hincrby(_ASSIGNED, best.node_id, 1)
        return best

    async def _alive(self) -> list[tuple[NodeState, int]]:
        async with map_redis_error():
            found = await self._fresh(keys=[_STATES, _SEEN, _ASSIGNED], args=[self._stale_s])
        states = [msgspec.json.decode(text, type=NodeState) for text in found[::2]]
        alive = zip(states, map(int, found[1::2]), strict=True)
        return [(state, assigned) for state, assigned in alive if not self._allowed or state.url in self._allowed]
