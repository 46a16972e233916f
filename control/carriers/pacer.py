"""The pace at which outbound calls begin at a carrier, common to all processes that share a Redis.

Twilio begins one call a second by default and queues or refuses the rest (docs: voice/api/call-resource, error 20429);
Telnyx refuses a flood with 90103. Both limits belong to the account, so no process can keep them alone.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from control.carriers.rules import CarrierName
from shared.bus.client import BusClient, BusUnavailable, map_redis_error, redis_key

DEFAULT_CALLS_PER_S: Final = 1.0
_US: Final = 1_000_000
# Takes the next free time, by Redis's clock; returns how far away it is. KEYS[1]: when the call after may begin, in
# microseconds since the epoch; KEYS[2]: when the last one was reserved. ARGV: microseconds between two calls, and the
# least wait. The keys outlive the last reservation by a minute. If the clock was put back since the last reservation,
# all free times move with it, or no call would begin for as long.
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
    """Gives each outbound call its time.

    Args:
        calls_per_s: Of each carrier's account; DEFAULT_CALLS_PER_S where it is not named.
        clock: Seconds, used only while Redis is unavailable.
    """

    def __init__(
        self, redis: BusClient, calls_per_s: Mapping[CarrierName, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis, self._calls_per_s, self._clock = redis, calls_per_s, clock
        self._next_alone: dict[CarrierName, float] = {}

    def calls_per_s(self, carrier: CarrierName) -> float:
        """Returns the carrier's pace."""
        return self._calls_per_s.get(carrier, DEFAULT_CALLS_PER_S)

    async def reserve(self, carrier: CarrierName, least_wait_s: float = 0.0) -> float:
        """Reserves the next free time; returns in how many seconds that is.

        Args:
            least_wait_s: The carrier refused for now, so neither this call nor those after it begin earlier. Without
                Redis each process keeps the pace for itself, which is too fast by the number of workers, but never
                stops calls.
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
