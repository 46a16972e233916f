"""Limits the rate of outbound calls at a carrier, across all processes that share a Redis.

Twilio starts one call per second by default and queues or refuses the rest (docs: voice/api/call-resource, error
20429). Telnyx refuses too many calls with 90103. Both limits apply to the account, so a single process cannot enforce
them.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from control.carriers.rules import CarrierName
from shared.bus.client import BusClient, BusUnavailable, map_redis_error, redis_key

DEFAULT_CALLS_PER_S: Final = 1.0
_US: Final = 1_000_000
# Reserves the next free time on Redis's clock and returns the wait until then. KEYS[1]: when the following call may
# start, in microseconds since the epoch. KEYS[2]: when the last reservation was made. ARGV: microseconds between two
# calls, and the minimum wait. The keys expire a minute after the last reserved time. If the clock was set back since
# the last reservation, all free times move back with it. Otherwise no call would start for the length of the jump.
_RESERVE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local put_back = math.max(0, tonumber(redis.call('GET', KEYS[2]) or '0') - now)
local at = math.max(now + ARGV[2], tonumber(redis.call('GET', KEYS[1]) or '0') - put_back)
local wait = at - now
local ttl = math.ceil((wait + ARGV[1]) / 1000) + 60000
redis.call('SET', KEYS[1], string.format('%.0f', at + ARGV[1]), 'PX', ttl)
redis.call('SET', KEYS[2], string.format('%.0f', now), 'PX', ttl)
return wait
"""
log = structlog.get_logger()


class CallPacer:
    """Reserves start times for outbound calls.

    Args:
        calls_per_s: Rate per carrier. Carriers without an entry use DEFAULT_CALLS_PER_S.
        clock: Returns seconds. Used only while Redis is unavailable.
    """

    def __init__(
        self, redis: BusClient, calls_per_s: Mapping[CarrierName, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis, self._calls_per_s, self._clock = redis, calls_per_s, clock
        self._next_alone: dict[CarrierName, float] = {}

    def calls_per_s(self, carrier: CarrierName) -> float:
        """Return the carrier's rate in calls per second."""
        return self._calls_per_s.get(carrier, DEFAULT_CALLS_PER_S)

    async def reserve(self, carrier: CarrierName, least_wait_s: float = 0.0) -> float:
        """Reserve the next free time and return the wait until then in seconds.

        Without Redis, each process limits only its own calls. The total rate is then too high, but calls never stop.

        Args:
            least_wait_s: Minimum wait, if the carrier has just refused a call. This call and all later calls start
                after it.
        """
        gap_s = 1 / self.calls_per_s(carrier)
        try:
            return await self._reserve_shared(carrier, gap_s, least_wait_s)
        except BusUnavailable as error:
            log.warning("dial.pace_not_shared", carrier=carrier, error=str(error))
            return self._reserve_alone(carrier, gap_s, least_wait_s)

    async def _reserve_shared(self, carrier: CarrierName, gap_s: float, least_wait_s: float) -> float:
        arguments = (str(round(gap_s * _US)), str(round(least_wait_s * _US)))
        async with map_redis_error():
            key = redis_key("dial_pace", carrier)
            answer = self._redis.eval(_RESERVE, 2, key, f"{key}:reserved", *arguments)
            return int(await answer) / _US

    def _reserve_alone(self, carrier: CarrierName, gap_s: float, least_wait_s: float) -> float:
        now = self._clock()
        at = max(now + least_wait_s, self._next_alone.get(carrier, now))
        self._next_alone[carrier] = at + gap_s
        return at - now
