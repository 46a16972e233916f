"""Reservations of running calls: a Redis hash for each workspace, changed only by scripts.

| field | value |
| --- | --- |
| `budget`, `at` | micros that all reservations together may take; when the budget was read (ms) |
| `money:<call>`, `time:<call>` | micros and seconds that a call has reserved |
| `reader`, `reading` | the process that currently reads the budget, and since when (ms) |
| `since:<reader>` | when a reader began that has not written yet (ms) |

All times are Redis times. The hash expires if no process has read the budget for `TTL_S`. The budget is then unknown,
as after a loss of Redis, and nothing is granted until it is read again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from control.billing.limits.rules import ReservationRequest
from shared.bus.client import BusClient, map_redis_error, redis_key
from shared.ids import new_id

TTL_S: Final = 90
# After this time another process may read a budget whose reader has not written yet. A slower reader may still write
# unless a later reader has written; otherwise a slow database would keep all readers from writing.
READER_MS: Final = 2_000
# A reader that takes longer than this may no longer write.
LONGEST_READING_MS: Final = 60_000
# A budget older than this grants nothing to new calls, so that a lower limit applies soon. While calls run, the budget
# is read every 10 s (control/billing/limits/tasks.py).
OLDEST_MS: Final = 15_000
# The ample time is granted while all reservations together take at most this fraction (1/n) of the budget.
AMPLE_PART: Final = 10

# `book_used` reserves the time that a call has used. It runs for all calls before any call is granted more: otherwise,
# after a loss of Redis, the first calls would get time that other calls have already used. `grant` returns the seconds
# that a call then has reserved. `forget_readers` revokes the right to write from readers that began before a time.
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
# ARGV: AMPLE_PART, the request. Returns {seconds, age of the budget in ms}, or {} if the budget is unknown or old.
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
# ARGV: AMPLE_PART, the reader's name, READER_MS, TTL_S. Returns the calls with reservations, or nil if another process
# is reading.
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
# ARGV: AMPLE_PART, the reader's name, TTL_S, the budget, the number of ended calls, the ended calls, then 7 values for
# each running call. Returns the running calls' seconds, or nil if a later reader has written or Redis was lost.
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
    """The seconds that a call has reserved.

    Attributes:
        budget_age_ms: Time since the budget was read from the database.
    """

    seconds: int
    budget_age_ms: int


@dataclass(frozen=True, slots=True)
class BudgetReading:
    """The right to write a workspace's budget, acquired before the budget is read.

    Attributes:
        call_ids: Calls with reservations.
    """

    workspace_id: UUID
    name: str
    call_ids: frozenset[UUID]


class Reservations:
    """The reservations of all workspaces. All methods raise BusUnavailable."""

    def __init__(self, redis: BusClient) -> None:
        self._redis = redis
        self._reserve, self._begin = redis.register_script(_RESERVE), redis.register_script(_BEGIN)
        self._commit, self._give_up = redis.register_script(_COMMIT), redis.register_script(_GIVE_UP)

    async def reserve(self, workspace_id: UUID, wanted: ReservationRequest) -> Grant | None:
        """Reserve time for a call if the budget allows it.

        The script is atomic, so that no two calls take the same money. A call that gets less than `wanted.least`
        reserves nothing more. Returns None if the budget is unknown or old.
        """
        async with map_redis_error():
            found: Any = await self._reserve(keys=[_key(workspace_id)], args=[AMPLE_PART, *_arguments(wanted)])
        return Grant(*map(int, found)) if found else None

    async def begin_reading(self, workspace_id: UUID) -> BudgetReading | None:
        """Acquire the right to write the budget, before reading it from the database.

        Returns None while another process reads the budget.
        """
        name = new_id()
        async with map_redis_error():
            found: Any = await self._begin(keys=[_key(workspace_id)], args=[AMPLE_PART, name, READER_MS, TTL_S])
        if found is None:
            return None
        return BudgetReading(workspace_id, name, frozenset(UUID(call_id.decode()) for call_id in found))

    async def give_up_reading(self, reading: BudgetReading) -> None:
        """Release the right to write, so that another process can read immediately."""
        async with map_redis_error():
            await self._give_up(keys=[_key(reading.workspace_id)], args=[reading.name])

    async def end_reading(
        self, reading: BudgetReading, micros: int, finished: Iterable[UUID], running: Sequence[ReservationRequest]
    ) -> list[int] | None:
        """Write the budget, and return the seconds that each running call has reserved.

        Deletes the reservations of `finished` calls, whose cost the budget contains, and reserves time for running
        calls in their order. Returns None and writes nothing if another process took over or Redis was lost.
        """
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
