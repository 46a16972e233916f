"""The health of providers as the media nodes found it: a hash in which the newest report on a provider counts, and one
of what each node saw lately, which is added up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shared.bus.client import PREFIX, map_redis_error

_STATES: Final = f"{PREFIX}{{provider-health}}:states"
_SIGHTINGS: Final = f"{PREFIX}{{provider-health}}:recent"
MAX_ENTRIES: Final = 1_000
# How long a report is kept after its cool-down, so that every node reads it.
KEEP_S: Final = 600
# How long counts what a node saw and does not repeat.
RECENT_S: Final = 5
# Reports taken and all states returned in one round trip. The times are Redis's own, so that the clocks of the machines
# don't matter: a report brings the age of its event. A state is "at:until:ejections", in ms; until 0: it works.
# The later event counts; of two at the same time the one that says that the provider works, then the longer ejection.
_EXCHANGE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local limit, keep, fresh = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local node, last = ARGV[4], 5 + 4 * tonumber(ARGV[5])
local function parts(text)
  local at, till, count = string.match(text or '', '^(%d+):(%d+):(%d+)$')
  return tonumber(at), tonumber(till), tonumber(count)
end
local function newer(a, b)
  if a[1] ~= b[1] then return a[1] > b[1] end
  if (a[2] == 0) ~= (b[2] == 0) then return a[2] == 0 end
  if a[2] ~= b[2] then return a[2] > b[2] end
  return a[3] > b[3]
end
local found, out, size = redis.call('HGETALL', KEYS[1]), {}, 0
local states = {}
for i = 1, #found, 2 do
  local at, till, count = parts(found[i + 1])
  if not at or now > math.max(at, till) + keep then
    redis.call('HDEL', KEYS[1], found[i])
  else
    states[found[i]] = {at, till, count}
    size = size + 1
  end
end
for i = 6, last, 4 do
  local name, at = ARGV[i], now - tonumber(ARGV[i + 1])
  local cool = tonumber(ARGV[i + 2])
  local state = {at, cool > 0 and at + cool or 0, tonumber(ARGV[i + 3])}
  local known = states[name]
  if (not known and size < limit) or (known and newer(state, known)) then
    if not known then size = size + 1 end
    states[name] = state
    redis.call('HSET', KEYS[1], name, string.format('%d:%d:%d', state[1], state[2], state[3]))
  end
end
redis.call('PEXPIRE', KEYS[1], 86400000)
for name, state in pairs(states) do
  out[#out + 1] = name
  out[#out + 1] = string.format('%d:%d:%d', state[1], state[2], state[3])
end
for i = last + 1, #ARGV, 3 do
  local age = tonumber(ARGV[i + 2])
  local useful = age >= 0 and now - age or 0
  redis.call('HSET', KEYS[2], node .. ':' .. ARGV[i], string.format('%d:%d:%d', now, tonumber(ARGV[i + 1]), useful))
end
local seen, others = redis.call('HGETALL', KEYS[2]), {}
for i = 1, #seen, 2 do
  local at, count, useful = parts(seen[i + 1])
  local owner, name = string.match(seen[i], '^([^:]*):(.*)$')
  if not at or not name or now > at + fresh then
    redis.call('HDEL', KEYS[2], seen[i])
  elseif owner ~= node then
    local sum = others[name] or {0, 0}
    others[name] = {sum[1] + count, math.max(sum[2], useful)}
  end
end
redis.call('PEXPIRE', KEYS[2], 86400000)
local sums = {}
for name, sum in pairs(others) do
  sums[#sums + 1] = name
  sums[#sums + 1] = string.format('%d:%d', sum[1], sum[2])
end
return {string.format('%d', now), out, sums}
"""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What a node found. name: of the provider with its account. age_s: since it happened. cool_down_s: from then on;
    0: the provider works."""

    name: str
    age_s: float
    cool_down_s: float = 0.0
    ejections: int = 0


@dataclass(frozen=True, slots=True)
class RecentRequests:
    """What a node, or several together, saw of a provider lately. doubts: failures and overlong waits, too few for an
    ejection. useful_age_s: since the latest useful unit; None if there was none."""

    doubts: int
    useful_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class HealthState:
    """The newest report on a provider. Times in ms of Redis's clock. until_ms: end of the cool-down; 0: it works."""

    at_ms: int
    until_ms: int = 0
    ejections: int = 0

    @property
    def works(self) -> bool:
        """Whether the provider was found to work."""
        return self.until_ms == 0

    @property
    def version(self) -> int:
        """Grows with each newer state."""
        return 2 * self.at_ms + self.works


@dataclass(frozen=True, slots=True)
class SharedStates:
    """now_ms: Redis's time. states: the newest report by name. recent: of all other nodes together, by name."""

    now_ms: int
    states: Mapping[str, HealthState]
    recent: Mapping[str, RecentRequests]


class ProviderHealthStates:
    """All methods raise BusUnavailable. node: tells what this process saw from what others did."""

    def __init__(self, redis: Redis, node: str = "") -> None:
        self._exchange = redis.register_script(_EXCHANGE)
        self._node = node

    async def exchange(
        self, reports: Sequence[HealthReport], recent: Mapping[str, RecentRequests] | None = None
    ) -> SharedStates:
        """Sends what this node found and saw, and returns that of all nodes. A report that was sent already,
        or comes after a newer one, changes nothing. Beyond MAX_ENTRIES, reports on further providers are
        dropped.

        recent: by name; it replaces what the node sent before.
        """
        values: list[str | int] = [MAX_ENTRIES, KEEP_S * 1_000, RECENT_S * 1_000, self._node, len(reports)]
        for report in reports:
            cool_down_ms = max(1, round(report.cool_down_s * 1_000)) if report.cool_down_s else 0
            values += [report.name, round(report.age_s * 1_000), cool_down_ms, report.ejections]
        for name, seen in (recent or {}).items():
            age_s = seen.useful_age_s
            values += [name, seen.doubts, -1 if age_s is None else round(age_s * 1_000)]
        async with map_redis_error():
            now, found, sums = await self._exchange(keys=[_STATES, _SIGHTINGS], args=values)
        states = zip(_names(found), map(_decode, found[1::2]), strict=True)
        others = {name: _recent(text, int(now)) for name, text in zip(_names(sums), sums[1::2], strict=True)}
        return SharedStates(int(now), dict(states), others)


def _names(pairs: Sequence[bytes]) -> list[str]:
    return [name.decode() for name in pairs[::2]]


def _recent(text: bytes, now_ms: int) -> RecentRequests:
    doubts, useful_ms = map(int, text.split(b":"))
    return RecentRequests(doubts, (now_ms - useful_ms) / 1_000 if useful_ms else None)


def _decode(text: bytes) -> HealthState:
    return HealthState(*map(int, text.split(b":")))
