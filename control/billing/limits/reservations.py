"""What running calls have reserved of their workspace's budget: one hash in Redis a workspace, changed by scripts only.

Fields: `budget` (micros that all reservations together may take), `at` (when it was read, ms), `money:<call>` and
`time:<call>` (micros and seconds that a call has reserved), `reader` and `reading` (who reads the budget anew, and
since when, ms), `since:<reader>` (when a reader began who has not come back, ms). All times are Redis's own. The hash
expires when nobody has read the budget for `TTL_S`: then it is unknown, as after a loss of Redis, and nothing is
granted before it is read again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from control.billing.limits.rules import ReservationRequest
from shared.bus.client import BusClient, map_redis_error, redis_key
from shared.ids import new_id

TTL_S: Final = 90
# After so long somebody else may read a budget whose reader has not come back. A reader who takes longer may still
# write, as long as none who began later has: else a database that takes longer would keep all from writing.
READER_MS: Final = 2_000
# Who has not come back for so long writes nothing any more.
LONGEST_READING_MS: Final = 60_000
# A budget that was read longer ago grants nothing to new calls, so that a lower limit holds soon. While calls run, it
# is read every 10 s (control/billing/limits/tasks.py).
OLDEST_MS: Final = 15_000
# Beyond least, the ample time is granted as long as all reservations are at most this part of the budget.
AMPLE_PART: Final = 10

# `book_used`: what a call has used counts in any case, and of all calls before any of them is granted more: after a
# loss of Redis the first ones would get what the others have used. `grant`: the seconds that a call has then reserved.
# `forget_readers`: those who began before this time write nothing any more.
_GRANT: Final = """
local key, reserved = KEYS[1], 0
local function money(call) return tonumber(redis.call('HGET', key, 'money:' .. call) or '0') end
local function book(call, seconds, micros)
  micros = math.max(micros, money(call))
  reserved = reserved + micros - money(call)
  redis.call('HSET', key, 'money:' .. call, string.format('%.0f', micros), 'time:' .. call, seconds)
  return seconds
end
local function time(call) return tonumber(redis.call('HGET', key, 'time:' .. call) or '-1') end
local function book_used(call, used_s, used)
  if time(call) < used_s then book(call, used_s, used) end
end
local function grant(budget, call, least_s, least, ample_s, ample)
  local had_s = time(call)
  if had_s >= least_s then return had_s end
  local others = reserved - money(call)
  if (others + ample) * tonumber(ARGV[1]) <= budget then return book(call, ample_s, ample) end
  if others + least <= budget then return book(call, least_s, least) end
  return had_s
end
local fields = redis.call('HGETALL', key)
local function forget_readers(earliest)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 6) == 'since:' and tonumber(fields[i + 1]) < earliest then
      redis.call('HDEL', key, fields[i])
    end
  end
end
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 6) == 'money:' then reserved = reserved + tonumber(fields[i + 1]) end
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
"""
# ARGV: AMPLE_PART, the request. Returns {seconds, age of the budget in ms}; {} if it is unknown or old.
_RESERVE: Final = f"""{_GRANT}
local budget, at = redis.call('HGET', key, 'budget'), tonumber(redis.call('HGET', key, 'at') or '0')
if not budget or now - at > {OLDEST_MS} then return {{}} end
local n = {{}}
for i = 3, #ARGV do n[i] = tonumber(ARGV[i]) end
local had = redis.call('HEXISTS', key, 'time:' .. ARGV[2])
book_used(ARGV[2], n[3], n[4])
local seconds = grant(tonumber(budget), ARGV[2], n[5], n[6], n[7], n[8])
if seconds < n[5] and had == 0 then redis.call('HDEL', key, 'money:' .. ARGV[2], 'time:' .. ARGV[2]) end
return {{seconds, now - at}}
"""
# ARGV: AMPLE_PART, the reader's name, READER_MS, TTL_S. Returns the calls with reservations; nil: somebody else reads.
_BEGIN: Final = f"""{_GRANT}
local since = tonumber(redis.call('HGET', key, 'reading') or '0')
if redis.call('HEXISTS', key, 'reader') == 1 and now - since < tonumber(ARGV[3]) then return false end
local began = string.format('%.0f', now)
redis.call('HSET', key, 'reader', ARGV[2], 'reading', began, 'since:' .. ARGV[2], began)
redis.call('EXPIRE', key, ARGV[4])
forget_readers(now - {LONGEST_READING_MS})
local calls = {{}}
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 5) == 'time:' then calls[#calls + 1] = string.sub(fields[i], 6) end
end
return calls
"""
# ARGV: AMPLE_PART, the reader's name, TTL_S, the budget, the number of calls that are over, these, then 7 values for
# each running one. Returns the running calls' seconds; nil if somebody who began later has written meanwhile, or Redis
# was lost.
_COMMIT: Final = f"""{_GRANT}
local began = redis.call('HGET', key, 'since:' .. ARGV[2])
if not began or tonumber(began) < tonumber(redis.call('HGET', key, 'at') or '0') then return false end
local first = 6 + tonumber(ARGV[5])
for i = 6, first - 1 do
  reserved = reserved - money(ARGV[i])
  redis.call('HDEL', key, 'money:' .. ARGV[i], 'time:' .. ARGV[i])
end
redis.call('HSET', key, 'budget', ARGV[4], 'at', began)
redis.call('HDEL', key, 'since:' .. ARGV[2])
forget_readers(tonumber(began))
if redis.call('HGET', key, 'reader') == ARGV[2] then redis.call('HDEL', key, 'reader', 'reading') end
redis.call('EXPIRE', key, ARGV[3])
local seconds, n = {{}}, {{}}
for i = first, #ARGV, 7 do
  for k = i + 1, i + 6 do n[k] = tonumber(ARGV[k]) end
  book_used(ARGV[i], n[i + 1], n[i + 2])
end
for i = first, #ARGV, 7 do
  seconds[#seconds + 1] = grant(tonumber(ARGV[4]), ARGV[i], n[i + 3], n[i + 4], n[i + 5], n[i + 6])
end
return seconds
"""
# ARGV: the reader's name.
_GIVE_UP: Final = """
redis.call('HDEL', KEYS[1], 'since:' .. ARGV[1])
if redis.call('HGET', KEYS[1], 'reader') == ARGV[1] then redis.call('HDEL', KEYS[1], 'reader', 'reading') end
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """The seconds that a call has reserved. budget_age_ms: since the budget was read from the database."""

    seconds: int
    budget_age_ms: int


@dataclass(frozen=True, slots=True)
class BudgetReading:
    """The right to write a workspace's budget, taken before it is read. call_ids: those with reservations then."""

    workspace_id: UUID
    name: str
    call_ids: frozenset[UUID]


class Reservations:
    """All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient) -> None:
        self._redis = redis
        self._reserve, self._begin = redis.register_script(_RESERVE), redis.register_script(_BEGIN)
        self._commit, self._give_up = redis.register_script(_COMMIT), redis.register_script(_GIVE_UP)

    async def reserve(self, workspace_id: UUID, wanted: ReservationRequest) -> Grant | None:
        """Reserves the time if the budget allows it: atomically, so that no two calls take the same money. A call that
        got less than `wanted.least` has reserved nothing more. None: the budget is unknown, or was read long ago."""
        async with map_redis_error():
            found: Any = await self._reserve(keys=[_key(workspace_id)], args=[AMPLE_PART, *_arguments(wanted)])
        return Grant(*map(int, found)) if found else None

    async def begin_reading(self, workspace_id: UUID) -> BudgetReading | None:
        """To be called before the budget is read from the database. None: somebody else reads it now."""
        name = new_id()
        async with map_redis_error():
            found: Any = await self._begin(keys=[_key(workspace_id)], args=[AMPLE_PART, name, READER_MS, TTL_S])
        if found is None:
            return None
        return BudgetReading(workspace_id, name, frozenset(UUID(call_id.decode()) for call_id in found))

    async def give_up_reading(self, reading: BudgetReading) -> None:
        """Lets somebody else read at once."""
        async with map_redis_error():
            await self._give_up(keys=[_key(reading.workspace_id)], args=[reading.name])

    async def end_reading(
        self, reading: BudgetReading, micros: int, finished: Iterable[UUID], running: Sequence[ReservationRequest]
    ) -> list[int] | None:
        """Writes the budget, gives up the reservations of calls whose cost it contains (`finished`), and reserves for
        running ones in their order. Returns the seconds that each of these has reserved. None: somebody else took over,
        or Redis was lost, and nothing was written."""
        over = [str(call_id) for call_id in finished]
        calls = [value for request in running for value in _arguments(request)]
        arguments = [AMPLE_PART, reading.name, TTL_S, micros, len(over), *over, *calls]
        async with map_redis_error():
            found: Any = await self._commit(keys=[_key(reading.workspace_id)], args=arguments)
        return None if found is None else [int(granted_s) for granted_s in found]


def _arguments(wanted: ReservationRequest) -> list[str | int]:
    times = (wanted.used, wanted.least, wanted.ample)
    return [str(wanted.call_id), *(value for time in times for value in (time.seconds, time.micros))]


def _key(workspace_id: UUID) -> str:
    return redis_key("reservations", str(workspace_id))
