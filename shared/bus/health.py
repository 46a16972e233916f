"""The health of providers as the media nodes found it: one hash, in which the newest report on a provider counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from shared.bus.client import PREFIX, map_redis_error

_STATES: Final = f"{PREFIX}{{provider-health}}:states"
MAX_ENTRIES: Final = 1_000
# How long a report is kept after its cool-down, so that every node reads it.
KEEP_S: Final = 600
# Reports taken and all states returned in one round trip. The times are Redis's own, so that the clocks of the machines
# don't matter: a report brings the age of its event. A state is "at:until:ejections", in ms; until 0: it works.
# The later event counts; of two at the same time the one that says that the provider works, then the longer ejection.
_EXCHANGE: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local limit, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
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
for i = 3, #ARGV, 4 do
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
return {string.format('%d', now), out}
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


class ProviderHealthStates:
    """All methods raise BusUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._exchange = redis.register_script(_EXCHANGE)

    async def exchange(self, reports: Sequence[HealthReport]) -> tuple[int, dict[str, HealthState]]:
        """Sends reports and returns Redis's time in ms and all states by name. A report that was sent already, or comes
        after a newer one, changes nothing. Beyond MAX_ENTRIES, reports on further providers are dropped."""
        values: list[str | int] = [MAX_ENTRIES, KEEP_S * 1_000]
        for report in reports:
            cool_down_ms = max(1, round(report.cool_down_s * 1_000)) if report.cool_down_s else 0
            values += [report.name, round(report.age_s * 1_000), cool_down_ms, report.ejections]
        async with map_redis_error():
            now, found = await self._exchange(keys=[_STATES], args=values)
        names = [name.decode() for name in found[::2]]
        return int(now), dict(zip(names, map(_decode, found[1::2]), strict=True))


def _decode(text: bytes) -> HealthState:
    return HealthState(*map(int, text.split(b":")))
