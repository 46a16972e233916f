"""The registry of media nodes, and the choice of one for the next call.

A node is one event loop of a media server.

Whoever can write to Redis can put anything into it: scripts take no type for granted, and no entry keeps another one
from being found.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from shared.bus.authority import BusAuthority
from shared.bus.client import PREFIX, BusClient, map_redis_error
from shared.bus.enrollment import NodeIdentity, matches_url
from shared.bus.functions import NOW_MS, NodeFunction
from shared.bus.stream_credentials import ForgedEntry
from shared.json_text import decode_json
from shared.secrets import UnsealError

BEAT_S: Final = 1.0
STALE_S: Final = 3.5
_STATES: Final = f"{PREFIX}{{nodes}}:states"
_SEEN: Final = f"{PREFIX}{{nodes}}:seen"
_ASSIGNED: Final = f"{PREFIX}{{nodes}}:placed"
# A heartbeat reports the true load, so calls assigned before it are no longer added to it. All times are Redis's own,
# so that the clocks of the machines don't matter. A heartbeat from the future was written before Redis's clock was put
# back, and counts as old: a dead node would be chosen for as long as the clock was put back.
BEAT: Final = NodeFunction(
    "beat",
    """
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], t[1] .. '.' .. string.format('%06d', t[2]))
redis.call('HDEL', KEYS[3], ARGV[1])
return math.floor(t[1] * 1000 + t[2] / 1000)
""",
)
MOST_ENTRIES: Final = 50_000
# Redis's time in seconds and in ms, and the age of a heartbeat by it.
_AGES: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local now_ms = math.floor(now * 1000)
local function age_of(seen)
  return math.abs(now - (tonumber(seen or '0') or 0))
end
"""
# These three return Redis's time in ms, and entries.
_FIND: Final = f"""{_AGES}
if age_of(redis.call('HGET', KEYS[2], ARGV[1])) > tonumber(ARGV[2]) then return {{now_ms}} end
return {{now_ms, redis.call('HGET', KEYS[1], ARGV[1]) or nil}}
"""
_FRESH: Final = f"""{_AGES}
-- More entries than nodes can exist take Redis seconds to read: all are removed, and the nodes write theirs again.
if redis.call('HLEN', KEYS[2]) > {MOST_ENTRIES} then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  return {{now_ms}}
end
local seen = redis.call('HGETALL', KEYS[2])
local out = {{now_ms}}
for i = 1, #seen, 2 do
  local age = age_of(seen[i + 1])
  if age > 60 * tonumber(ARGV[1]) then
    for k = 1, 3 do redis.call('HDEL', KEYS[k], seen[i]) end
  elseif age <= tonumber(ARGV[1]) then
    out[#out + 1] = redis.call('HGET', KEYS[1], seen[i]) or nil
  end
end
return out
"""


# The least loaded node of a few that are drawn by chance: to look at all would take Redis 21 ms with 10,000 nodes, and
# all calls of a second would go to a node that has just started. Up to ARGV[2] nodes all are looked at; else ARGV[3] of
# them, and as many again, ARGV[4] times at most, until one of them has room. Where these draws would look at as many as
# there are, all are looked at after the fourth, so that none with room is missed. ARGV[5]: number of excluded ids; they
# follow, then the allowed URLs; all below one that ends with `/*`.
_CHOOSE: Final = (
    _AGES
    + """
local stale, all, sample = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local excluded, allowed, below, names = {}, {}, {}, 5 + tonumber(ARGV[5])
for i = 6, names do excluded[ARGV[i]] = true end
for i = names + 1, #ARGV do
  local url = ARGV[i]
  if string.sub(url, -2) == '/*' then below[#below + 1] = string.sub(url, 1, -2) else allowed[url] = true end
end
local function is_allowed(url)
  if allowed[url] then return true end
  for _, start in ipairs(below) do
    if #url > #start and string.sub(url, 1, #start) == start then return true end
  end
  return false
end
local restricted = #ARGV > names

local function is_of(state, id)
  return type(state) == 'table' and state.node_id == id and type(state.url) == 'string'
    and type(state.calls) == 'number' and type(state.capacity) == 'number'
end

local function least_loaded(ids)
  if #ids == 0 then return false end
  local seen = redis.call('HMGET', KEYS[2], unpack(ids))
  local states = redis.call('HMGET', KEYS[1], unpack(ids))
  local assigned = redis.call('HMGET', KEYS[3], unpack(ids))
  local best, least
  for i, id in ipairs(ids) do
    local age = age_of(seen[i])
    if age > 60 * stale then
      for k = 1, 3 do redis.call('HDEL', KEYS[k], id) end
    elseif age <= stale and not excluded[id] then
      local readable, state = pcall(cjson.decode, states[i] or '')
      if readable and is_of(state, id) then
        local calls = state.calls + (tonumber(assigned[i] or '0') or 0)
        local part = calls / math.max(state.capacity, 1)
        local has_room = calls < state.capacity and not state.draining and (not restricted or is_allowed(state.url))
        if has_room and (not least or part < least or (part == least and id < ids[best])) then
          best, least = i, part
        end
      end
    end
  end
  if not best then return false end
  redis.pcall('HINCRBY', KEYS[3], ids[best], 1)
  return {now_ms, states[best]}
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
)
# All nodes of most installations are looked at, which takes Redis 0.15 ms.
LOOKED_AT_ALL: Final = 64
SAMPLE: Final = 16
# 512 nodes. Of more, with one in a hundred that has room, the draws miss all of these in 0.6 % of the calls.
_MOST_SAMPLES: Final = 32
# Entries of the registry that nobody may have written are passed over, so many for each call; then all are read, and
# those that are genuine compared.
_MOST_FORGED: Final = 8
# A genuine entry that is older was kept by somebody, and written again: its node may be gone, or full.
MOST_AGE_S: Final = 10.0
PURPOSE: Final = "node"


class NodeState(Struct, frozen=True, omit_defaults=True):
    """url: base of the node's sockets as carriers reach it, like wss://media-1.example.com. calls, capacity: of this
    event loop. draining: accepts no new calls. card: shows the node's key (shared/bus/enrollment.py). at_ms: when the
    entry was written, Unix time in ms by Redis's clock. proof: that the node with this key wrote the entry. Nodes of
    the version before have none of the three. supervision: the node accepts people who listen to its calls
    (docs/use/supervision.md); nodes of the version before do not. The proof does not cover it, because control of the
    version before would reject the entry: a forged value only makes control issue a token that no node accepts.
    checks_rights: the node reads `CallPlan.right`, which one of the version before would refuse; likewise."""

    node_id: str
    url: str
    calls: int
    capacity: int
    draining: bool = False
    card: str = ""
    at_ms: int = 0
    proof: str = ""
    supervision: bool = False
    checks_rights: bool = False

    def signed(self, identity: NodeIdentity, at_ms: int) -> "NodeState":
        """The entry with its proof."""
        dated = msgspec.structs.replace(self, card=identity.card, at_ms=at_ms)
        sealed = identity.link.seal(dated._digest(), PURPOSE)
        return msgspec.structs.replace(dated, proof=urlsafe_b64encode(sealed).decode())

    def require_genuine(self, authority: BusAuthority, now_ms: int) -> None:
        """Raises ForgedEntry unless the node with this card wrote it lately, and may be at this URL."""
        if not self.card:
            if authority.unsigned is None:
                raise ForgedEntry("unsigned")
            return
        peer = authority.enrollment.find_peer(self.card)
        if not peer.is_at(self.url):
            raise ForgedEntry("other address")
        try:
            if peer.link.open(urlsafe_b64decode(self.proof), PURPOSE) != self._digest():
                raise ForgedEntry("changed")
        except (UnsealError, ValueError):
            raise ForgedEntry("changed") from None
        if abs(now_ms - self.at_ms) > MOST_AGE_S * 1000:
            raise ForgedEntry("replayed")

    def _digest(self) -> bytes:
        values = (self.node_id, self.url, self.calls, self.capacity, self.draining, self.at_ms)
        return sha256(msgspec.json.encode(values)).digest()


class NodeRegistry:
    """All methods raise BusUnavailable."""

    def __init__(
        self,
        redis: BusClient,
        authority: BusAuthority | None = None,
        *,
        identity: NodeIdentity | None = None,
        allowed: Collection[str] = (),
        stale_s: float = STALE_S,
    ) -> None:
        """authority: at control's end; without it every entry is believed. identity: of the node whose entry is
        written. allowed: the only URLs that calls are routed to, all below one that ends with `/*`; empty allows every
        node. stale_s: age of the last heartbeat after which a node counts as dead."""
        self._redis, self._allowed, self._stale_s = redis, frozenset(allowed), stale_s
        self._authority, self._identity = authority, identity
        # How far Redis's clock is ahead of ours, in ms, as of the last heartbeat; None before the first.
        self._ahead_ms: float | None = None
        self._fresh = redis.register_script(_FRESH)
        self._find = redis.register_script(_FIND)
        self._choose = redis.register_script(_CHOOSE)

    async def heartbeat(self, state: NodeState) -> None:
        """Called by the node itself, every BEAT_S."""
        async with map_redis_error():
            at_ms = await self._now_ms()
            now_ms = await self._write(state, at_ms)
            if abs(now_ms - at_ms) > MOST_AGE_S * 500:  # Redis has another clock now, by which nobody believes this
                await self._write(state, now_ms)

    async def _write(self, state: NodeState, at_ms: int) -> int:
        """Returns Redis's time in ms."""
        state = state if self._identity is None else state.signed(self._identity, at_ms)
        keys, text = [_STATES, _SEEN, _ASSIGNED], msgspec.json.encode(state)
        now_ms = int(await BEAT.call(self._redis, keys, [state.node_id, text]))
        self._ahead_ms = now_ms - time.monotonic() * 1000
        return now_ms

    async def _now_ms(self) -> int:
        """Redis's time, without asking it at each heartbeat."""
        if self._ahead_ms is None:
            return int(await NOW_MS.call(self._redis, [_STATES]))
        return round(time.monotonic() * 1000 + self._ahead_ms)

    async def remove(self, node_id: str) -> None:
        """Removes a node that has shut down."""
        # Without MULTI, which a node may not use: one transaction can hold up Redis for as long as a script.
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for key in (_STATES, _SEEN, _ASSIGNED):
                pipe.hdel(key, node_id)
            await pipe.execute()

    async def list_alive(self) -> list[NodeState]:
        """Nodes with a recent heartbeat. It reads all nodes, which takes Redis 21 ms with 10,000."""
        async with map_redis_error():
            now_ms, *found = await self._fresh(keys=[_STATES, _SEEN, _ASSIGNED], args=[self._stale_s])
        states = [self._read(text, now_ms) for text in found]
        return [state for state in states if state is not None and self._is_allowed(state)]

    async def is_alive(self, node_id: str) -> bool:
        """Whether the node has a recent heartbeat, and a URL that is allowed."""
        return await self.find(node_id) is not None

    async def find(self, node_id: str) -> NodeState | None:
        """The node's entry; None without a recent heartbeat, or with a URL that is not allowed."""
        async with map_redis_error():
            now_ms, *found = await self._find(keys=[_STATES, _SEEN], args=[node_id, self._stale_s])
        state = self._read(found[0], now_ms) if found else None
        return state if state is not None and state.node_id == node_id and self._is_allowed(state) else None

    async def choose(self, exclude: Collection[str] = ()) -> NodeState | None:
        """The least loaded node that has capacity for a call and whose id is not excluded; None if there is none, or if
        none was found. Of more than LOOKED_AT_ALL nodes, it is the least loaded of SAMPLE that are drawn by chance.

        Calls assigned since the node's last heartbeat count as its load, so that a burst is spread. Entries that are
        forged are passed over.
        """
        refused = list(exclude)
        for _ in range(_MOST_FORGED):
            found = await self._choose_entry(refused)
            if found is None:
                return None
            now_ms, text = found
            if (state := self._read(text, now_ms)) is not None:
                return state
            refused.append(_name(text))
        return await self._choose_genuine(exclude)

    async def _choose_genuine(self, exclude: Collection[str]) -> NodeState | None:
        """Among very many forged entries: the least loaded node, without what was assigned since its heartbeat."""
        alive = [one for one in await self.list_alive() if one.node_id not in exclude and not one.draining]
        with_room = [one for one in alive if one.calls < one.capacity]
        return min(with_room, key=lambda one: one.calls / one.capacity, default=None)

    async def _choose_entry(self, exclude: Collection[str]) -> tuple[int, bytes] | None:
        """Redis's time in ms, and an entry."""
        figures: list[str | float] = [self._stale_s, LOOKED_AT_ALL, SAMPLE, _MOST_SAMPLES, len(exclude)]
        async with map_redis_error():
            found = await self._choose(keys=[_STATES, _SEEN, _ASSIGNED], args=[*figures, *exclude, *self._allowed])
        return (found[0], found[1]) if found else None

    def _read(self, text: bytes, now_ms: int) -> NodeState | None:
        """None for an entry that its node did not write, or not lately."""
        authority = self._authority
        if authority is None:
            return decode_json(text, type=NodeState)
        try:
            state = decode_json(text, type=NodeState)
            state.require_genuine(authority, now_ms)
        except ForgedEntry as fault:
            authority.count_forged("node", fault)
            return None
        except msgspec.DecodeError:
            authority.count_forged("node", ForgedEntry("unreadable"))
            return None
        return state

    def _is_allowed(self, state: NodeState) -> bool:
        return not self._allowed or any(matches_url(one, state.url) for one in self._allowed)


def _name(text: bytes) -> str:
    """The id in an entry that is not believed, which is also its name in the registry."""
    try:
        return str(decode_json(text, dict[str, object])["node_id"])
    except (msgspec.DecodeError, KeyError):
        return ""
