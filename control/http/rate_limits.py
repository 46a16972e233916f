"""Rate limits in Redis against guessing and flooding: by address, and by the account that a request names.

While Redis is unreachable, requests pass: the lock-out of accounts, stored in PostgreSQL, still holds.
"""

import asyncio
from collections.abc import Callable, Mapping
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from control.http.metrics import HttpMetrics
from control.http.route import RateLimit
from shared.errors import TooManyRequests

log = structlog.get_logger()

# Leaky bucket by theoretical arrival time (GCRA): one number per key, in µs of Redis' own clock. A request is counted
# only when every key lets it pass, so that a blocked address cannot use up the limit of somebody's account.
# KEYS: the cells. ARGV: µs between requests, µs of a burst. Returns 0, or the µs to wait.
SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrivals, longest = {}, 0
for i, key in ipairs(KEYS) do
    local arrival = math.max(tonumber(redis.call('GET', key) or now), now) + ARGV[1]
    arrivals[i] = arrival
    longest = math.max(longest, arrival - ARGV[2] - now)
end
if longest > 0 then return longest end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', arrivals[i]), 'PX', math.ceil((arrivals[i] - now) / 1000))
end
return 0
"""

_REPORT_EVERY_S = 60.0
# After a failure Redis is not asked for so long, because a time-out at each sign-in would be noticed.
_PAUSE_S = 1.0


class RateLimiter:
    """overrides: (requests, seconds) by the limit's name, in place of the route's."""

    def __init__(
        self,
        redis: Redis,
        metrics: HttpMetrics,
        *,
        timeout_s: float = 0.25,
        overrides: Mapping[str, tuple[int, int]] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._redis = redis
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._overrides = overrides or {}
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._script_sha = ""
        self._next_report = float("-inf")
        self._unavailable_until = float("-inf")

    async def check(self, limit: RateLimit, address: str, account: str | None = None) -> None:
        """Counts a request. Raises TooManyRequests with the seconds after which one passes."""
        times, per_s = self._overrides.get(limit.name, (limit.times, limit.per_s))
        burst = per_s * 1_000_000
        wait_us = await self._wait_us(redis_keys(limit.name, address, account), burst // times, burst)
        if wait_us > 0:
            raise TooManyRequests(
                "Too many requests of this kind. Wait a moment.", retry_after_s=ceil(wait_us / 1_000_000)
            )

    async def _wait_us(self, keys: list[str], *arguments: int) -> int:
        if self._clock() < self._unavailable_until:
            self._metrics.limits_skipped.inc()
            return 0
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._run(keys, arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._record_failure(error)
            return 0

    async def _run(self, keys: list[str], arguments: tuple[int, ...]) -> int:
        if self._script_sha:
            try:
                return int(await self._redis.evalsha(self._script_sha, len(keys), *keys, *arguments))
            except NoScriptError:
                pass  # Redis was restarted or replaced
        self._script_sha = str(await self._redis.script_load(SCRIPT))
        return int(await self._redis.evalsha(self._script_sha, len(keys), *keys, *arguments))

    def _record_failure(self, error: Exception) -> None:
        now = self._clock()
        self._unavailable_until = now + _PAUSE_S
        self._metrics.limits_skipped.inc()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_S
            log.warning("rate_limits.skipped", error=type(error).__name__)


def redis_keys(name: str, address: str, account: str | None) -> list[str]:
    """All keys have one hash tag, because a script's keys must be on one node of a cluster. The account is hashed,
    because keys appear in logs and dumps."""
    keys = [f"{{limit:{name}}}:address:{address_network(address)}"]
    if account is not None:
        digest = sha256(f"{name}\0{account.strip().lower()}".encode()).hexdigest()[:32]
        keys.append(f"{{limit:{name}}}:account:{digest}")
    return keys


def address_network(address: str) -> str:
    """An IPv6 address as its /64, which is the least that a client has."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ip_network((parsed, 64), strict=False).network_address)
