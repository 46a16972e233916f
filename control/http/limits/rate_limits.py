"""Rate limits in Redis against guessing and flooding: by address, by the account in a request, and by sender.

While Redis is unreachable, each process counts separately, starting from zero. Account lockouts are in PostgreSQL.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Any, Final
from uuid import UUID

import structlog
from aiohttp import web
from redis.exceptions import NoScriptError

from control.http.limits.local_limits import LocalCells
from control.http.metrics import HttpMetrics
from control.http.request import KEY_ID, origin_of
from control.http.route import RateLimit
from shared.bus.client import REDIS_ERRORS, BusClient
from shared.errors import TooManyRequests

log = structlog.get_logger()

# Limit of all requests with an API key, 20 per second, in addition to the limits of routes.
KEY_LIMIT: Final = RateLimit("api-key", 1_200, 60)
# Limit of requests from an address with API keys that this process has not seen as valid.
UNKNOWN_KEY_LIMIT: Final = RateLimit("unknown-api-key", 120, 60)
# Limit of all requests with a user's tokens, 60 per second, in each process. The limits of routes count separately.
USER_LIMIT: Final = RateLimit("user", 600, 10)

# Leaky bucket by theoretical arrival time (GCRA): one number per key, in µs of Redis's own clock. A request is counted
# only if all keys admit it, so that a blocked address cannot use up the limit of another person's account. KEYS: the
# cells. ARGV: µs between requests, µs of a burst. Returns the µs to wait (0 for an admitted request), and the µs until
# the fullest cell is empty again. A cell is never fuller than a burst unless Redis's clock was set back. It then counts
# as full; otherwise its sender would wait for the length of the jump.
SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrivals, longest, fullest = {}, 0, 0
for i, key in ipairs(KEYS) do
    local before = math.max(tonumber(redis.call('GET', key) or now), now)
    if before > now + ARGV[2] then
        before = now + ARGV[2]
        redis.call('SET', key, string.format('%.0f', before), 'PX', math.ceil(ARGV[2] / 1000))
    end
    arrivals[i] = before + ARGV[1]
    longest = math.max(longest, arrivals[i] - ARGV[2] - now)
    fullest = math.max(fullest, before - now)
end
if longest > 0 then return {longest, fullest} end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', arrivals[i]), 'PX', math.ceil((arrivals[i] - now) / 1000))
end
return {0, fullest + ARGV[1]}
"""

_REPORT_EVERY_S = 60.0
# After a failure, Redis is not queried for this many seconds, because a timeout at each sign-in would be noticeable.
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class RequestQuota:
    """The state of a limit after a request was counted or refused.

    Attributes:
        limit: Number of requests per period.
        remaining: Number of requests that would be admitted immediately.
        reset_s: Whole seconds until `limit` requests would be admitted.
        wait_s: Whole seconds until the refused request would be admitted. 0 for an admitted request.
    """

    limit: int
    remaining: int
    reset_s: int
    wait_s: int

    def headers(self) -> dict[str, str]:
        """Return the header fields of the IETF's draft-ietf-httpapi-ratelimit-headers up to version 06."""
        figures = {"Limit": self.limit, "Remaining": self.remaining, "Reset": self.reset_s}
        return {f"RateLimit-{name}": str(figure) for name, figure in figures.items()}


# The quota of a limited request, for its response's headers.
QUOTA = web.RequestKey("quota", RequestQuota)


class RateLimiter:
    """Counts requests in Redis.

    Args:
        overrides: (requests, seconds) by the limit's name. They replace the route's values.
    """

    def __init__(
        self,
        redis: BusClient,
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
        self._local = LocalCells()
        self._script_sha = ""
        self._next_report = float("-inf")
        self._unavailable_until = float("-inf")

    async def check(self, request: web.Request, limit: RateLimit) -> None:
        """Count a request by its address, and put the quota into its response's headers.

        Raises TooManyRequests with the seconds to wait.
        """
        _apply(request, await self.count(limit, origin_of(request).address))

    async def check_key(self, request: web.Request, key_id: UUID) -> None:
        """Count a request by its API key. Repeated calls for a request count once. Raises the errors of `check`."""
        if KEY_ID not in request:
            request[KEY_ID] = key_id
            await self.check_account(request, KEY_LIMIT, f"key:{key_id}")

    async def check_unknown_key(self, request: web.Request) -> None:
        """Count a request with an unknown API key by its address.

        An admitted request gets no quota headers, because only the key's quota is relevant. Raises TooManyRequests.
        """
        quota = await self.count(UNKNOWN_KEY_LIMIT, origin_of(request).address)
        if quota.wait_s:
            _apply(request, quota)

    def check_user(self, request: web.Request, user_id: UUID) -> None:
        """Count a request by its user, only in this process.

        A round trip to Redis for each request would cost more than the limit protects. An admitted request gets no
        quota headers. Raises TooManyRequests.
        """
        times, interval, burst = self._figures(USER_LIMIT)
        key = f"{{limit:{USER_LIMIT.name}}}:user:{user_id}"
        quota = _quota(times, interval, burst, self._count_here([key], interval, burst))
        if quota.wait_s:
            _apply(request, quota)

    async def check_account(self, request: web.Request, limit: RateLimit, account: str) -> None:
        """Count a request by the account that it names or that sends it. Raises the errors of `check`."""
        _apply(request, await self.count(limit, None, account))

    async def check_senders(self, request: web.Request, limit: RateLimit, senders: Mapping[str, UUID]) -> None:
        """Count a request by each of the senders instead of the address. Raises the errors of `check`.

        Args:
            senders: Ids by kind, such as `workspace`.
        """
        keys = [f"{{limit:{limit.name}}}:{kind}:{sender}" for kind, sender in senders.items()]
        _apply(request, await self._count(limit, keys))

    async def count(self, limit: RateLimit, address: str | None, account: str | None = None) -> RequestQuota:
        """Count a request unless it must wait.

        Returns the quota of the address or of the account, whichever leaves less.
        """
        return await self._count(limit, redis_keys(limit.name, address, account))

    async def _count(self, limit: RateLimit, keys: list[str]) -> RequestQuota:
        times, interval, burst = self._figures(limit)
        found = await self._ask(keys, interval, burst)
        return _quota(times, interval, burst, found or self._count_here(keys, interval, burst))

    def _figures(self, limit: RateLimit) -> tuple[int, int, int]:
        """Return the requests, the µs between them, and the µs of a burst."""
        times, per_s = self._overrides.get(limit.name, (limit.times, limit.per_s))
        burst = per_s * 1_000_000
        return times, max(1, burst // times), burst

    def _count_here(self, keys: list[str], interval: int, burst: int) -> tuple[int, int]:
        return self._local.count(keys, interval, burst, round(self._clock() * 1_000_000))

    async def _ask(self, keys: list[str], *arguments: int) -> tuple[int, int] | None:
        if self._clock() < self._unavailable_until:
            self._metrics.limits_skipped.inc()
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                wait_us, full_us = await self._run(keys, arguments)
                return int(wait_us), int(full_us)
        except REDIS_ERRORS as error:
            self._record_failure(error)
            return None

    async def _run(self, keys: list[str], arguments: tuple[int, ...]) -> Any:
        if self._script_sha:
            try:
                return await self._redis.evalsha(self._script_sha, len(keys), *keys, *arguments)
            except NoScriptError:
                pass  # Redis was restarted or replaced
        self._script_sha = str(await self._redis.script_load(SCRIPT))
        return await self._redis.evalsha(self._script_sha, len(keys), *keys, *arguments)

    def _record_failure(self, error: Exception) -> None:
        now = self._clock()
        self._unavailable_until = now + _PAUSE_S
        self._metrics.limits_skipped.inc()
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY_S
            log.warning("rate_limits.counted_here", error=type(error).__name__)


def _quota(times: int, interval: int, burst: int, found: tuple[int, int]) -> RequestQuota:
    wait_us, full_us = found
    remaining = 0 if wait_us else min(times, (burst - full_us) // interval)
    return RequestQuota(times, remaining, ceil(full_us / 1_000_000), ceil(wait_us / 1_000_000))


def _apply(request: web.Request, quota: RequestQuota) -> None:
    """Put the quota into the response's headers, unless another quota leaves less. Raises TooManyRequests."""
    known = request.get(QUOTA)
    if known is None or quota.wait_s or quota.remaining <= known.remaining:
        request[QUOTA] = quota
    if quota.wait_s:
        raise TooManyRequests("Too many requests of this kind. Wait a moment.", retry_after_s=quota.wait_s)


def redis_keys(name: str, address: str | None, account: str | None) -> list[str]:
    """Return the keys of the cells.

    All keys have the same hash tag, because the keys of a script must be on the same node of a cluster. The account is
    hashed, because keys appear in logs and dumps.
    """
    keys = [] if address is None else [f"{{limit:{name}}}:address:{address_network(address)}"]
    if account is not None:
        digest = sha256(f"{name}\0{account.strip().lower()}".encode()).hexdigest()[:32]
        keys.append(f"{{limit:{name}}}:account:{digest}")
    return keys


def address_network(address: str) -> str:
    """Return the /64 of an IPv6 address, which is the smallest network that a client gets.

    An IPv4 address in IPv6 form counts as IPv4.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.version == 4:
        return str(parsed)
    return str(ip_network((parsed, 64), strict=False).network_address)
