"""Rate limits in Redis, for whoever guesses or floods: by address, and by the account that is aimed at.

When Redis is away, requests pass: the lock-out of accounts, which PostgreSQL keeps, still stands.
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
from control.http.route import Limit
from shared.errors import TooMany

log = structlog.get_logger()

# Leaky bucket by theoretical arrival time (GCRA): one number per key, in µs of Redis' own clock. A request is counted
# only when every key lets it pass, so who is stopped by their address cannot use up somebody's account.
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
# After a failure Redis is left alone for so long: a time-out per sign-in would be felt.
_PAUSE_S = 1.0


class Limits:
    """`changed`: other figures for limits, by name; times and seconds."""

    def __init__(
        self,
        redis: Redis,
        metrics: HttpMetrics,
        *,
        timeout_s: float = 0.25,
        changed: Mapping[str, tuple[int, int]] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._redis = redis
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._changed = changed or {}
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._name = ""
        self._quiet_until = float("-inf")
        self._away_until = float("-inf")

    async def check(self, limit: Limit, address: str, account: str | None = None) -> None:
        """Counts a request. Raises TooMany, with the time after which one passes."""
        times, per_s = self._changed.get(limit.name, (limit.times, limit.per_s))
        burst = per_s * 1_000_000
        wait_us = await self._ask(keys_of(limit.name, address, account), burst // times, burst)
        if wait_us > 0:
            raise TooMany("Too many requests of this kind. Wait a moment.", retry_after_s=ceil(wait_us / 1_000_000))

    async def _ask(self, keys: list[str], *arguments: int) -> int:
        if self._clock() < self._away_until:
            self._metrics.limits_away.inc()
            return 0
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._run(keys, arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._passed(error)
            return 0

    async def _run(self, keys: list[str], arguments: tuple[int, ...]) -> int:
        if self._name:
            try:
                return int(await self._redis.evalsha(self._name, len(keys), *keys, *arguments))
            except NoScriptError:
                pass  # another Redis, or one started anew
        self._name = str(await self._redis.script_load(SCRIPT))
        return int(await self._redis.evalsha(self._name, len(keys), *keys, *arguments))

    def _passed(self, error: Exception) -> None:
        now = self._clock()
        self._away_until = now + _PAUSE_S
        self._metrics.limits_away.inc()
        if now >= self._quiet_until:
            self._quiet_until = now + _REPORT_EVERY_S
            log.warning("limits.away", error=type(error).__name__)


def keys_of(name: str, address: str, account: str | None) -> list[str]:
    """One hash tag, since a script's keys must lie on one node of a cluster. An account's value is hashed: keys show
    up in logs and dumps."""
    keys = [f"{{limit:{name}}}:address:{network_of(address)}"]
    if account is not None:
        digest = sha256(f"{name}\0{account.strip().lower()}".encode()).hexdigest()[:32]
        keys.append(f"{{limit:{name}}}:account:{digest}")
    return keys


def network_of(address: str) -> str:
    """Who has IPv6 has at least a /64 of it, all of which counts as one."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ip_network((parsed, 64), strict=False).network_address)
