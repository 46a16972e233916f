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
_FIND: Final = """
local t = redis.call('TIME')
local seen = redis.call('HGET', KEYS[2], ARGV[1])
if not seen or tonumber(t[1]) + tonumber(t[2]) / 1e6 - tonumber(seen) > tonumber(ARGV[2]) then return false end
return redis.call('HGET', KEYS[1], ARGV[1])
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
  end
end
return out
"""


# The least loaded node of a few that are drawn by chance: to look at all would take Redis 21 ms with 10,000 nodes, and
# all calls of a second would go to a node that has just started. Up to ARGV[2] nodes all are looked at; else ARGV[3] of
# them, and as many again, ARGV[4] times at most, until one of them has room. Where these draws would look at as many as
# there are, all are looked at after the fourth, so that none with room is missed. ARGV[5]: number of excluded ids; they
# follow, then the allowed URLs.
_CHOOSE: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local stale, all, sample = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local excluded, allowed, names = {}, {}, 5 + tonumber(ARGV[5])
for i = 6, names do excluded[ARGV[i]] = true end
for i = names + 1, #ARGV do allowed[ARGV[i]] = true end
local restricted = #ARGV > names

local function least_loaded(ids)
  if #ids == 0 then return false end
  local seen = redis.call('HMGET', KEYS[2], unpack(ids))
  local states = redis.call('HMGET', KEYS[1], unpack(ids))
  local assigned = redis.call('HMGET', KEYS[3], unpack(ids))
  local best, least
  for i, id in ipairs(ids) do
    local age = now - tonumber(seen[i] or '0')
    if age > 60 * stale then
      for k = 1, 3 do redis.call('HDEL', KEYS[k], id) end
    elseif age <= stale and not excluded[id] then
      local state = cjson.decode(states[i])
      local calls = state.calls + tonumber(assigned[i] or '0')
      local part = calls / math.max(state.capacity, 1)
      local has_room = calls < state.capacity and not state.draining and (not restricted or allowed[state.url])
      if has_room and (not least or part < least or (part == least and id < ids[best])) then
        best, least = i, part
      end
    end
  end
  if not best then return false end
  redis.call('HINCRBY', KEYS[3], ids[best], 1)
  return states[best]
end

local number, most = redis.call('HLEN', KEYS[1]), tonumber(ARGV[4])
if number <= all then return least_loaded(redis.call('HKEYS', KEYS[1])) end
for draw = 1, most do
  if draw == 5 and number <= sample * most then return least_loaded(redis.call('HKEYS', KEYS[1])) end
  local found = least_loaded(redis.call('HRANDFIELD', KEYS[1], sample))
  if found then return found end
end
return false
"""
# All nodes of most installations are looked at, which takes Redis 0.15 ms.
LOOKED_AT_ALL: Final = 64
SAMPLE: Final = 16
# 512 nodes. Of more, with one in a hundred that has room, the draws miss all of these in 0.6 % of the calls.
_MOST_SAMPLES: Final = 32


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
        self._find = redis.register_script(_FIND)
        self._choose = redis.register_script(_CHOOSE)

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
        """Nodes with a recent heartbeat. It reads all nodes, which takes Redis 21 ms with 10,000."""
        async with map_redis_error():
            found = await self._fresh(keys=[_STATES, _SEEN, _ASSIGNED], args=[self._stale_s])
        states = [msgspec.json.decode(text, type=NodeState) for text in found]
        return [state for state in states if self._is_allowed(state)]

    async def is_alive(self, node_id: str) -> bool:
        """Whether the node has a recent heartbeat, and a URL that is allowed."""
        async with map_redis_error():
            found = await self._find(keys=[_STATES, _SEEN], args=[node_id, self._stale_s])
        return found is not None and self._is_allowed(msgspec.json.decode(found, type=NodeState))

    async def choose(self, exclude: Collection[str] = ()) -> NodeState | None:
        """The least loaded node that has capacity for a call and whose id is not excluded; None if there is none, or if
        none was found. Of more than LOOKED_AT_ALL nodes, it is the least loaded of SAMPLE that are drawn by chance.

        Calls assigned since the node's last heartbeat count as its load, so that a burst is spread.
        """
        figures: list[str | float] = [self._stale_s, LOOKED_AT_ALL, SAMPLE, _MOST_SAMPLES, len(exclude)]
        async with map_redis_error():
            found = await self._choose(keys=[_STATES, _SEEN, _ASSIGNED], args=[*figures, *exclude, *self._allowed])
        return msgspec.json.decode(found, type=NodeState) if found else None

    def _is_allowed(self, state: NodeState) -> bool:
        return not self._allowed or state.url in self._allowed
