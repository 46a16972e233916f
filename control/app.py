"""The API put together: every route, the edge around them, and what they share."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from aiohttp import web
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from control.accounts.passwords import Passwords
from control.api.admin.routes import ROUTES as ADMIN
from control.api.client.routes import ROUTES as CLIENT
from control.api.system import System
from control.db.pool import Pool, Timeouts, open_pool
from control.http.authorise import Authoriser
from control.http.cors import Cors
from control.http.endpoint import Endpoint, Parts
from control.http.headers import standing_headers
from control.http.limits import Limits
from control.http.metrics import HttpMetrics
from control.http.middleware import Edge
from control.http.openapi import document
from control.http.origin import Origins
from control.http.outside import Outside, OutsideOptions, opened_outside
from control.http.route import BadRoute, Route
from control.http.turnstile import Turnstile
from control.http.wiring import Policies, make_services, make_tokens
from control.webhooks.options import WebhookOptions
from control.webhooks.routes import WEBHOOK_ROUTES, Webhooks
from shared.secrets import Sealer

VERSION = "0.1.0"
ROUTES: tuple[Route, ...] = (*CLIENT, *ADMIN)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What settings say about HTTP. Times in seconds. limits: figures by a limit's name, (times, seconds)."""

    public_url: str
    trusted_proxies: Sequence[str] = ()
    cors_origins: Sequence[str] = ()
    max_body_bytes: int = 1_048_576
    body_timeout_s: float = 15.0
    redis_timeout_s: float = 0.25
    limits: Mapping[str, tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that the API is made of."""

    database_url: str
    redis_url: str
    secret_keys: Sequence[bytes]
    http: HttpOptions
    policies: Policies
    outside: OutsideOptions
    webhooks: WebhookOptions
    pool_size: int = 16
    timeouts: Timeouts = field(default_factory=Timeouts)


@asynccontextmanager
async def opened(options: Options, routes: Sequence[Route] = ROUTES) -> AsyncIterator[web.Application]:
    """The application with its connections, which close after the block. Raises OSError, TimeoutError and
    asyncpg.PostgresError without a database; Redis may come later."""
    sealer = Sealer(options.secret_keys)
    async with open_pool(
        options.database_url, size=options.pool_size, timeouts=options.timeouts, name="vocalized-api"
    ) as pool:
        redis = redis_client(options.redis_url, options.http.redis_timeout_s)
        try:
            with closing(Passwords(options.policies.hashing)) as passwords:
                async with opened_outside(options.outside, sealer) as outside:
                    shared = parts(options, pool, redis, sealer, passwords, outside)
                    webhooks = Webhooks(pool, shared.services, options.webhooks, registry=shared.metrics.registry)
                    try:
                        yield build(shared, options.http, redis, routes, webhooks)
                    finally:
                        await webhooks.close()
        finally:
            await redis.aclose()


def parts(options: Options, pool: Pool, redis: Redis, sealer: Sealer, passwords: Passwords, outside: Outside) -> Parts:
    """What all endpoints share."""
    metrics, http, hashing = HttpMetrics(), options.http, options.policies.hashing
    return Parts(
        pool=pool,
        services=make_services(sealer, options.policies, passwords, outside),
        authoriser=Authoriser(make_tokens(sealer, options.policies)),
        limits=Limits(redis, metrics, timeout_s=http.redis_timeout_s, changed=http.limits),
        metrics=metrics,
        # A few more than are hashed at once, for what they do around it; never more than half the pool.
        turnstile=Turnstile(min(2 * hashing.workers, max(options.pool_size // 2, 1)), hashing.waiting),
        clock=_now,
        body_timeout_s=http.body_timeout_s,
    )


def build(
    shared: Parts, http: HttpOptions, redis: Redis, routes: Sequence[Route], webhooks: Webhooks
) -> web.Application:
    """The application. Raises BadRoute, and ValueError for networks that are none."""
    _check_limits(http.limits or {}, routes)
    edge = Edge(
        Origins(http.trusted_proxies), Cors(http.cors_origins), standing_headers(http.public_url), shared.metrics
    )
    app = web.Application(middlewares=[edge.middleware()], client_max_size=http.max_body_bytes)
    for route in routes:
        app.router.add_route(route.method, route.path, Endpoint(route, shared).__call__)
    webhooks.add_to(app.router)
    describe = partial(document, routes, WEBHOOK_ROUTES, version=VERSION, public_url=http.public_url)
    System(shared.pool, redis, shared.metrics, describe).add_to(app.router)
    return app


def redis_client(url: str, timeout_s: float) -> Redis:
    """One whose every wait is bounded. One repeat, for a connection that ended while nobody used it."""
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 1))


def limit_names(routes: Iterable[Route] = ROUTES) -> set[str]:
    """The limits whose figures a setting may change."""
    return {route.limit.name for route in routes if route.limit is not None}


def _check_limits(changed: Mapping[str, tuple[int, int]], routes: Iterable[Route]) -> None:
    unknown = changed.keys() - limit_names(routes)
    if unknown:
        raise BadRoute(f"no route has a limit named {', '.join(sorted(unknown))}")


def _now() -> datetime:
    return datetime.now(UTC)
