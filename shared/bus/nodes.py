"""The registry of media nodes, and the choice of a node for the next call.

A node is one event loop of a media server.

Anyone with write access to Redis can store anything there. The scripts therefore check every type, and no bad entry
hides another entry.
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
# A heartbeat reports the node's true load, so calls that were assigned before it are no longer added. All times are
# Redis's own, so that differences between the machines' clocks don't matter. A heartbeat from the future was written
# before Redis's clock was set back, and counts as old: otherwise a dead node would be chosen until the clock catches
# up.
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
# Redis's time in seconds and in ms, and the age of a heartbeat.
_AGES: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local now_ms = math.floor(now * 1000)
local function age_of(seen)
  return math.abs(now - (tonumber(seen or '0') or 0))
end
"""
# The next three scripts return Redis's time in ms, and entries.
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


# Chooses the least loaded node of a random sample. Looking at all of 10,000 nodes would take Redis 21 ms, and all calls
# of a second would go to a node that has just started. Up to ARGV[2] nodes, the script looks at all. With more nodes it
# samples ARGV[3] of them, at most ARGV[4] times, until a sampled node has room. If these samples would cover all nodes,
# the script looks at all nodes after the fourth sample, so that it misses none with room. ARGV[5] is the number of
# excluded ids. The ids follow, then the allowed URLs; a URL that ends with `/*` allows all URLs below it.
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
# Most installations have fewer nodes than this, so the script looks at all of them, which takes Redis 0.15 ms.
LOOKED_AT_ALL: Final = 64
SAMPLE: Final = 16
# 32 samples are 512 nodes. If one node in a hundred has room, the samples miss all of these in 0.6 % of the calls.
_MOST_SAMPLES: Final = 32
# How many forged entries are skipped for one call. After that, all entries are read, and the genuine ones compared.
_MOST_FORGED: Final = 8
# A genuine entry that is older than this was recorded and replayed: its node may be gone or full.
MOST_AGE_S: Final = 10.0
PURPOSE: Final = "node"


class NodeState(Struct, frozen=True, omit_defaults=True):
    """A node's entry in the registry. Nodes of the previous version have no card, at_ms and proof.

    Attributes:
        url: Base URL of the node's sockets as carriers reach them, such as wss://media-1.example.com.
        calls: The number of calls on this event loop.
        capacity: The maximum number of calls on this event loop.
        draining: The node accepts no new calls.
        card: Shows the node's key (shared/bus/enrollment.py).
        at_ms: When the entry was written, Unix time in ms of Redis's clock.
        proof: Proves that the node with this key wrote the entry.
        supervision: The node accepts people who listen to its calls (docs/use/supervision.md); nodes of the previous
            version do not. The proof does not cover this field, because control of the previous version would reject
            the entry. A forged value only makes control issue a token that no node accepts.
        checks_rights: The node reads `CallPlan.right`, which a node of the previous version would refuse. The proof
            does not cover it, for the same reason. A forged value makes control issue plans without rights, so that a
            browser test call goes on after its beginner lost them; the next release covers it.
    """

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
        """Return the entry with its proof."""
        dated = msgspec.structs.replace(self, card=identity.card, at_ms=at_ms)
        sealed = identity.link.seal(dated._digest(), PURPOSE)
        return msgspec.structs.replace(dated, proof=urlsafe_b64encode(sealed).decode())

    def require_genuine(self, authority: BusAuthority, now_ms: int) -> None:
        """Raise ForgedEntry unless the node with this card wrote the entry recently and may be at this URL."""
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
    """Registers nodes and chooses among them. All methods raise BusUnavailable."""

    def __init__(
        self,
        redis: BusClient,
        authority: BusAuthority | None = None,
        *,
        identity: NodeIdentity | None = None,
        allowed: Collection[str] = (),
        stale_s: float = STALE_S,
    ) -> None:
        """Create a registry on the client.

        Args:
            authority: Set in control. Without it, every entry is accepted.
            identity: The node whose entry is written.
            allowed: The only URLs to which calls are routed; a URL that ends with `/*` allows all URLs below it. Empty
                allows every node.
            stale_s: The age of the last heartbeat after which a node counts as dead.
        """
        self._redis, self._allowed, self._stale_s = redis, frozenset(allowed), stale_s
        self._authority, self._identity = authority, identity
        # How far Redis's clock is ahead of ours in ms, as of the last heartbeat; None before the first.
        self._ahead_ms: float | None = None
        self._fresh = redis.register_script(_FRESH)
        self._find = redis.register_script(_FIND)
        self._choose = redis.register_script(_CHOOSE)

    async def heartbeat(self, state: NodeState) -> None:
        """Write the node's own entry. The node calls this every BEAT_S."""
        async with map_redis_error():
            at_ms = await self._now_ms()
            now_ms = await self._write(state, at_ms)
            if abs(now_ms - at_ms) > MOST_AGE_S * 500:  # a changed clock of Redis would reject the entry
                await self._write(state, now_ms)

    async def _write(self, state: NodeState, at_ms: int) -> int:
        """Write the entry. Return Redis's time in ms."""
        state = state if self._identity is None else state.signed(self._identity, at_ms)
        keys, text = [_STATES, _SEEN, _ASSIGNED], msgspec.json.encode(state)
        now_ms = int(await BEAT.call(self._redis, keys, [state.node_id, text]))
        self._ahead_ms = now_ms - time.monotonic() * 1000
        return now_ms

    async def _now_ms(self) -> int:
        """Return Redis's time without a query for each heartbeat."""
        if self._ahead_ms is None:
            return int(await NOW_MS.call(self._redis, [_STATES]))
        return round(time.monotonic() * 1000 + self._ahead_ms)

    async def remove(self, node_id: str) -> None:
        """Remove a node that has shut down."""
        # Without MULTI, which nodes may not use: one transaction can block Redis for as long as a script.
        async with map_redis_error(), self._redis.pipeline(transaction=False) as pipe:
            for key in (_STATES, _SEEN, _ASSIGNED):
                pipe.hdel(key, node_id)
            await pipe.execute()

    async def list_alive(self) -> list[NodeState]:
        """Return the nodes with a recent heartbeat. This reads all nodes, which takes Redis 21 ms with 10,000 nodes."""
        async with map_redis_error():
            now_ms, *found = await self._fresh(keys=[_STATES, _SEEN, _ASSIGNED], args=[self._stale_s])
        states = [self._read(text, now_ms) for text in found]
        return [state for state in states if state is not None and self._is_allowed(state)]

    async def is_alive(self, node_id: str) -> bool:
        """Return whether the node has a recent heartbeat and an allowed URL."""
        return await self.find(node_id) is not None

    async def find(self, node_id: str) -> NodeState | None:
        """Return the node's entry, or None without a recent heartbeat or with a URL that is not allowed."""
        async with map_redis_error():
            now_ms, *found = await self._find(keys=[_STATES, _SEEN], args=[node_id, self._stale_s])
        state = self._read(found[0], now_ms) if found else None
        return state if state is not None and state.node_id == node_id and self._is_allowed(state) else None

    async def choose(self, exclude: Collection[str] = ()) -> NodeState | None:
        """Return the least loaded node that has room for a call and is not excluded, or None if none was found.

        With more than LOOKED_AT_ALL nodes, it is the least loaded of SAMPLE random nodes. Calls that were assigned
        since the node's last heartbeat count as its load, so that a burst is spread. Forged entries are skipped.
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
        """Choose a node if there are many forged entries. Ignores the calls that were assigned since its heartbeat."""
        alive = [node for node in await self.list_alive() if node.node_id not in exclude and not node.draining]
        with_room = [node for node in alive if node.calls < node.capacity]
        return min(with_room, key=lambda node: node.calls / node.capacity, default=None)

    async def _choose_entry(self, exclude: Collection[str]) -> tuple[int, bytes] | None:
        """Return Redis's time in ms, and an entry."""
        figures: list[str | float] = [self._stale_s, LOOKED_AT_ALL, SAMPLE, _MOST_SAMPLES, len(exclude)]
        async with map_redis_error():
            found = await self._choose(keys=[_STATES, _SEEN, _ASSIGNED], args=[*figures, *exclude, *self._allowed])
        return (found[0], found[1]) if found else None

    def _read(self, text: bytes, now_ms: int) -> NodeState | None:
        """Decode an entry. Returns None if the node did not write it, or not recently."""
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
        return not self._allowed or any(matches_url(pattern, state.url) for pattern in self._allowed)


def _name(text: bytes) -> str:
    """Return the id in a rejected entry, which is also the entry's name in the registry."""
    try:
        return str(decode_json(text, dict[str, object])["node_id"])
    except (msgspec.DecodeError, KeyError):
        return ""
