"""The health of providers, which the nodes share in Redis."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.bus.client import PREFIX, BusClient, map_redis_error
from shared.bus.functions import NodeFunction

_KEYS: Final = [f"{PREFIX}{{provider-health}}:{name}" for name in ("states", "doubts", "useful")]
# Names of the providers that the staff took out of service.
_OUT_OF_SERVICE: Final = f"{PREFIX}{{provider-health}}:out-of-service"
# How long these names stay valid if control does not renew them.
OUT_OF_SERVICE_KEEP_S: Final = 600
# The maximum number of entries in each hash.
MAX_ENTRIES: Final = 1_000
# How long a report is kept after its cool-down, so that every node reads it.
KEEP_S: Final = 600
# How long a node's observation counts if the node does not repeat it.
RECENT_S: Final = 5
# One round trip stores reports and returns all states. All times are Redis's own, so that differences between the
# machines' clocks don't matter: a report contains the age of its event. A state has the form "at:until:ejections:node",
# in ms; until 0 means that the provider works.
# The later event wins. Of two events at the same time, the report of a working provider wins, then the longer
# ejection. A state from the future was written before Redis's clock was set back; it would hide all reports until then.
# Doubts are kept by node and name. The latest useful unit is kept by name and written at most twice a second: otherwise
# 64 processes with 600 accounts would need more than one Redis can do.
EXCHANGE: Final = NodeFunction(
    "exchange",
    """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local limit, keep, fresh = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local node, last = ARGV[4], 5 + 4 * tonumber(ARGV[5])
-- No ejection is longer than an hour: one without end, written by hand, would hold after its node was revoked.
local longest = 3600000
local function newer(a, b)
  if a[1] ~= b[1] then return a[1] > b[1] end
  if (a[2] == 0) ~= (b[2] == 0) then return a[2] == 0 end
  if a[2] ~= b[2] then return a[2] > b[2] end
  return a[3] > b[3]
end
local function text(state)
  return string.format('%d:%d:%d:%s', state[1], state[2], state[3], state[4])
end
-- The entries of a hash as a table; those that `read` does not return are deleted.
local function load(key, read)
  -- Only an attacker writes so many entries, to keep Redis busy. The ACL of the release before denies HLEN.
  local number = redis.pcall('HLEN', key)
  if type(number) == 'number' and number > 10 * limit then redis.call('DEL', key) end
  local found, kept, size = redis.call('HGETALL', key), {}, 0
  for i = 1, #found, 2 do
    local value = read(found[i], found[i + 1])
    if value then
      kept[found[i]] = value
      size = size + 1
    else
      redis.call('HDEL', key, found[i])
    end
  end
  redis.call('PEXPIRE', key, 86400000)
  return kept, size
end

local states, size = load(KEYS[1], function(_, value)
  local at, till, count, owner = string.match(value, '^(%d+):(%d+):(%d+):(.*)$')
  at, till, count = tonumber(at), tonumber(till), tonumber(count)
  if at and at <= now + 1000 and till <= at + longest and count < 1e6 and now <= math.max(at, till) + keep then
    return {at, till, count, owner}
  end
end)
for i = 6, last, 4 do
  local name, at, cool = ARGV[i], now - tonumber(ARGV[i + 1]), math.min(tonumber(ARGV[i + 2]), longest)
  local state = {at, cool > 0 and at + cool or 0, tonumber(ARGV[i + 3]), node}
  local known = states[name]
  if (not known and size < limit) or (known and newer(state, known)) then
    if not known then size = size + 1 end
    states[name] = state
    redis.call('HSET', KEYS[1], name, text(state))
  end
end

local sent = {}
for i = last + 1, #ARGV, 3 do
  sent[ARGV[i]] = {tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])}
end
local others = {}
local _, doubts = load(KEYS[2], function(field, value)
  local at, count = string.match(value, '^(%d+):(%d+)$')
  local owner, name = string.match(field, '^([^:]*):(.*)$')
  at, count = tonumber(at), tonumber(count)
  if not at or not name or at > now + 1000 or count > 1e6 or now > at + fresh or owner == node then return nil end
  local sum = others[name] or {0, 0}
  others[name] = {sum[1] + count, 0}
  return true
end)
local useful, known = load(KEYS[3], function(_, value)
  local at, owner = string.match(value, '^(%d+):(.*)$')
  at = tonumber(at)
  if at and at <= now + 1000 and now <= at + fresh then return {at, owner} end
end)
for name, entry in pairs(useful) do
  if entry[2] ~= node then others[name] = {(others[name] or {0})[1], entry[1]} end
end
for name, seen in pairs(sent) do
  if seen[1] > 0 and doubts < limit then
    doubts = doubts + 1
    redis.call('HSET', KEYS[2], node .. ':' .. name, string.format('%d:%d', now, seen[1]))
  end
  local at, entry = now - seen[2], useful[name]
  if seen[2] >= 0 and ((entry and at > entry[1] + 500) or (not entry and known < limit)) then
    if not entry then known = known + 1 end
    redis.call('HSET', KEYS[3], name, string.format('%d:%s', at, node))
  end
end

local out, sums = {}, {}
for name, state in pairs(states) do
  out[#out + 1] = name
  out[#out + 1] = text(state)
end
for name, sum in pairs(others) do
  sums[#sums + 1] = name
  sums[#sums + 1] = string.format('%d:%d', sum[1], sum[2])
end
return {string.format('%d', now), out, sums}
""",
)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What a node found out about a provider.

    Attributes:
        name: The name of the provider with its account.
        age_s: Seconds since the event.
        cool_down_s: The cool-down in seconds, counted from the event. 0 means that the provider works.
    """

    name: str
    age_s: float
    cool_down_s: float = 0.0
    ejections: int = 0


@dataclass(frozen=True, slots=True)
class RecentRequests:
    """What one node, or several together, observed of a provider recently.

    Attributes:
        doubts: The number of failures and overlong waits, too few for an ejection.
        useful_age_s: Seconds since the latest useful unit; None if there was none.
    """

    doubts: int
    useful_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class HealthState:
    """The latest report on a provider, with times in ms of Redis's clock.

    Attributes:
        until_ms: The end of the cool-down. 0 means that the provider works.
        node: The node that reported it.
    """

    at_ms: int
    until_ms: int = 0
    ejections: int = 0
    node: str = ""

    @property
    def works(self) -> bool:
        """Whether the provider was found to work."""
        return self.until_ms == 0

    @property
    def version(self) -> int:
        """A number that grows with each newer state."""
        return 2 * self.at_ms + self.works


@dataclass(frozen=True, slots=True)
class SharedStates:
    """The states that all nodes share.

    Attributes:
        now_ms: Redis's time.
        states: The latest report for each provider name.
        recent: The observations of all other nodes together, for each provider name.
    """

    now_ms: int
    states: Mapping[str, HealthState]
    recent: Mapping[str, RecentRequests]


class ProviderHealthStates:
    """Exchanges provider health with other nodes. `node` distinguishes this process from them. All methods raise
    BusUnavailable."""

    def __init__(self, redis: BusClient, node: str = "") -> None:
        self._redis = redis
        self.node = node

    async def exchange(
        self, reports: Sequence[HealthReport], recent: Mapping[str, RecentRequests] | None = None
    ) -> SharedStates:
        """Send what this node found and observed, and return the results of all nodes.

        A report that was sent before, or that is older than a stored one, changes nothing. Once a hash has MAX_ENTRIES
        entries, reports on further providers are dropped.

        Args:
            recent: This node's observations by name. They replace those that the node sent before.
        """
        values: list[str | int] = [MAX_ENTRIES, KEEP_S * 1_000, RECENT_S * 1_000, self.node, len(reports)]
        for report in reports:
            cool_down_ms = max(1, round(report.cool_down_s * 1_000)) if report.cool_down_s else 0
            values += [report.name, round(report.age_s * 1_000), cool_down_ms, report.ejections]
        for name, seen in (recent or {}).items():
            age_s = seen.useful_age_s
            values += [name, seen.doubts, -1 if age_s is None else round(age_s * 1_000)]
        async with map_redis_error():
            now, found, sums = await EXCHANGE.call(self._redis, _KEYS, values)
        states = zip(_names(found), map(_decode, found[1::2]), strict=True)
        others = {name: _recent(text, int(now)) for name, text in zip(_names(sums), sums[1::2], strict=True)}
        return SharedStates(int(now), dict(states), others)

    async def set_out_of_service(self, providers: Collection[str]) -> None:
        """Replace the names of the providers that the staff took out of service."""
        async with map_redis_error(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_OUT_OF_SERVICE)
            if providers:
                pipe.sadd(_OUT_OF_SERVICE, *providers)
                pipe.expire(_OUT_OF_SERVICE, OUT_OF_SERVICE_KEEP_S)
            await pipe.execute()

    async def list_out_of_service(self) -> frozenset[str]:
        """Return the names of the providers that the staff took out of service."""
        async with map_redis_error():
            names: set[bytes] = await self._redis.smembers(_OUT_OF_SERVICE)  # type: ignore[assignment]  # not decoded
        return frozenset(name.decode() for name in names)


def _names(pairs: Sequence[bytes]) -> list[str]:
    return [name.decode("utf-8", "replace") for name in pairs[::2]]


def _recent(text: bytes, now_ms: int) -> RecentRequests:
    doubts, useful_ms = map(int, text.split(b":"))
    return RecentRequests(doubts, (now_ms - useful_ms) / 1_000 if useful_ms else None)


def _decode(text: bytes) -> HealthState:
    at_ms, until_ms, ejections, node = text.split(b":", 3)
    return HealthState(int(at_ms), int(until_ms), int(ejections), node.decode("utf-8", "replace"))
