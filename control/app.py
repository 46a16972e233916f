"""Composes the API: all routes, the middleware around them, and their dependencies."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from aiohttp import web

from control.accounts.passwords import Passwords
from control.accounts.users.service import Accounts
from control.agents.call_tools.actions import ActionToolHandlers
from control.agents.call_tools.table import agents_request_handlers
from control.api.console import Console
from control.api.reference import REFERENCE
from control.api.routes import ADMIN_ROUTES as ADMIN
from control.api.routes import CLIENT_ROUTES as CLIENT
from control.api.system import System
from control.api_keys.service import ApiKeys
from control.calls.browser_calls.service import BrowserCallChecks
from control.calls.feed.service import LiveFeed
from control.calls.live.tool import SentDigitRuns
from control.calls.outbound.service import OutboundCalls
from control.calls.records.service import CallRecords
from control.calls.supervision.checks import SupervisionChecks
from control.calls.transfers.tool import WarmTransferRuns
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.logins import API, require_plain_login
from control.db.pool import Connection, Pool, Timeouts, open_pool
from control.http.auth.access_tokens import Audience
from control.http.auth.authorization import Authorizer
from control.http.auth.browser_sessions import BrowserSessions
from control.http.auth.lasting_rights import LastingRights
from control.http.cors import Cors
from control.http.endpoint import Endpoint, EndpointDependencies
from control.http.headers import default_headers
from control.http.limits.concurrency_limit import ConcurrencyLimit, SenderConcurrencyLimit
from control.http.limits.hashing_limit import HashingLimit
from control.http.limits.rate_limits import KEY_LIMIT, UNKNOWN_KEY_LIMIT, USER_LIMIT, RateLimiter
from control.http.limits.webhook_activity import WebhookActivity
from control.http.metrics import HttpMetrics
from control.http.middleware import EdgeMiddleware
from control.http.openapi.document import make_document, operation_id
from control.http.origin import OriginReader
from control.http.route import InvalidRoute, Route
from control.http.services import Services
from control.inbound_webhooks.routes import WEBHOOK_ROUTES, Webhooks
from control.inbound_webhooks.source import WebhookOptions
from control.integrations.bookings.service import Bookings
from control.integrations.service import Integrations, make_bookings
from control.keys.metrics import BusMetrics
from control.keys.revocations import watching_revocations
from control.keys.settings import make_authority
from control.knowledge.search import KnowledgeSearch
from control.mcp.declarations import TOOLS
from control.mcp.endpoint import McpEndpoint
from control.media_requests.handlers import (
    HandlerFinder,
    JoinedFinders,
    RequestHandlers,
    TenantTransactions,
    join_handlers,
)
from control.media_requests.metrics import MediaRequestMetrics
from control.media_requests.reader import ReaderPace, RequestReader
from control.media_requests.runs import IdempotentRuns
from control.media_requests.service import MediaRequests, RequestShares
from control.outbound_webhooks.event_types import API_VERSION, EVENT_DESCRIPTIONS
from control.outside import OutsideClients, OutsideOptions, open_outside
from control.services import Policies, close_services, make_services, make_tokens
from control.tools.service import ToolServices
from shared.bus.client import BusClient, bus_client
from shared.bus.requests import RequestStream
from shared.key_sets import KeySets
from shared.secrets import Sealer

log = structlog.get_logger()

VERSION = "0.9.0"
ROUTES: tuple[Route, ...] = (*CLIENT, *ADMIN)
# Maximum number of API requests that wait for a connection.
MOST_WAITING: Final = 1_000
# Limits of heavy requests: how many run at once, how many wait (with a body of 1 MB each), and for how many seconds.
HEAVY_CONCURRENCY: Final = 2
HEAVY_WAITING: Final = 64
HEAVY_WAIT_S: Final = 10.0
# Limits of file uploads: how many files are received or processed at once (20 MB each, briefly twice that), how many
# per user, and how many requests wait before their file is read.
UPLOAD_CONCURRENCY: Final = 8
UPLOADS_EACH: Final = 2
UPLOAD_WAITING: Final = 16
# Maximum wait of a read of requests, in seconds. The read also never takes more than half the timeout of the bus.
LONGEST_READ_S: Final = 1.0
_SYSTEM: Final = web.AppKey("system", System)
_MCP: Final = web.AppKey("mcp", McpEndpoint)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Options of the HTTP application.

    Attributes:
        limits: Overrides of rate limits by name, as (requests, seconds).
        clock: Returns the time of each request.
    """

    public_url: str
    trusted_proxies: Sequence[str] = ()
    cors_origins: Sequence[str] = ()
    max_body_bytes: int = 1_048_576
    body_timeout_s: float = 15.0
    redis_timeout_s: float = 0.25
    limits: Mapping[str, tuple[int, int]] | None = None
    clock: Callable[[], datetime] = _now


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """All settings of the API.

    Attributes:
        request_concurrency: Maximum number of concurrently answered requests of running calls.
        accepts_unsigned: Whether unsigned entries of the previous release's nodes are accepted.
        allows_owner: Whether the API may sign in to PostgreSQL as the tables' owner.
    """

    database_url: str
    redis_url: str
    keys: KeySets
    http: HttpOptions
    policies: Policies
    outside: OutsideOptions
    webhooks: WebhookOptions
    pool_size: int = 16
    timeouts: Timeouts = field(default_factory=Timeouts)
    request_concurrency: int = 256
    accepts_unsigned: bool = False
    allows_owner: bool = False


@asynccontextmanager
async def open_app(
    options: ApiOptions, routes: Sequence[Route] = ROUTES, handlers: RequestHandlers | None = None
) -> AsyncIterator[web.Application]:
    """Yield the application with its connections, which are closed after the block. Redis need not be reachable yet.

    Raises LoginRefused, and OSError, TimeoutError or asyncpg.PostgresError without a database.

    Args:
        handlers: Handlers of running calls' requests; None for the handlers of all packages.
    """
    sealer, authority = Sealer(options.keys.vault), make_authority(options.keys, options.accepts_unsigned)
    async with _open_database(options) as pool:
        redis = redis_client(options.redis_url, options.http.redis_timeout_s)
        try:
            with closing(Passwords(options.policies.hashing)) as passwords:
                async with open_outside(options.outside, authority) as outside, watching_revocations(pool, authority):
                    dependencies = make_dependencies(options, pool, redis, sealer, passwords, outside)
                    webhooks = Webhooks(
                        pool,
                        dependencies.services,
                        options.webhooks,
                        registry=dependencies.metrics.registry,
                        activity=dependencies.webhook_activity,
                    )
                    await dependencies.services[ToolServices].prepare(pool)
                    bookings = make_bookings(pool, dependencies.services[Integrations])
                    handlers = all_request_handlers(dependencies.services, bookings) if handlers is None else handlers
                    reader = make_request_reader(
                        options,
                        pool,
                        outside,
                        sealer,
                        handlers,
                        dependencies.metrics,
                        JoinedFinders(
                            (dependencies.services[ToolServices].handlers, ActionToolHandlers(bookings.runner))
                        ),
                    )
                    try:
                        async with reader.running():
                            app = make_app(
                                dependencies, options.http, redis, routes, webhooks, partial(_dead_tasks, reader)
                            )
                            console = Console(options.http.public_url, options.outside.media_urls)
                            console.add_to(app.router)
                            if not options.policies.has_portal:
                                console.add_returns(app.router)
                            app.on_shutdown.append(_end_streams(dependencies.services[LiveFeed]))
                            with dependencies.metrics.process.measured():
                                yield app
                    finally:
                        await webhooks.close()
                        await bookings.close()
                        await close_services(dependencies.services)
        finally:
            await redis.aclose()


@asynccontextmanager
async def _open_database(options: ApiOptions) -> AsyncIterator[Pool]:
    url, size = options.database_url, options.pool_size
    async with open_pool(url, size=size, timeouts=options.timeouts, name="vocalized-api") as pool:
        if not options.allows_owner:
            await require_plain_login(pool, API)
        yield pool


def make_dependencies(
    options: ApiOptions, pool: Pool, redis: BusClient, sealer: Sealer, passwords: Passwords, outside: OutsideClients
) -> EndpointDependencies:
    """Return the dependencies of all endpoints."""
    metrics, http, hashing = HttpMetrics(), options.http, options.policies.hashing
    outside.authority.report = BusMetrics(metrics.registry).count_forged
    tokens = make_tokens(Sealer(options.keys.tokens), options.policies)
    services = make_services(sealer, options.policies, passwords, outside, tokens)
    browser_sessions = BrowserSessions(http.public_url)
    accounts = services[Accounts]

    async def require_recent(db: Connection, audience: Audience, session_id: UUID, now: datetime) -> None:
        own = accounts.admins.own if audience == "admin" else accounts.own
        await own.require_recent(db, session_id, now)

    return EndpointDependencies(
        pool=pool,
        services=services,
        authorizer=Authorizer(tokens, require_recent, browser_sessions),
        browser_sessions=browser_sessions,
        record_key_use=services[ApiKeys].record_use,
        limits=RateLimiter(redis, metrics, timeout_s=http.redis_timeout_s, overrides=http.limits),
        metrics=metrics,
        # Twice the number of hashing threads, because a request also does other work, but at most half the pool.
        hashing_limit=HashingLimit(min(2 * hashing.workers, max(options.pool_size // 2, 1)), hashing.queue_size),
        # The remaining connections are reserved for webhooks, because a caller waits for them.
        connection_limit=ConcurrencyLimit(
            options.pool_size - options.pool_size // 4, waiting=MOST_WAITING, wait_s=options.timeouts.acquire
        ),
        heavy_limit=ConcurrencyLimit(HEAVY_CONCURRENCY, waiting=HEAVY_WAITING, wait_s=HEAVY_WAIT_S),
        webhook_activity=WebhookActivity(),
        upload_limit=SenderConcurrencyLimit(
            UPLOAD_CONCURRENCY, each=UPLOADS_EACH, waiting=UPLOAD_WAITING, wait_s=HEAVY_WAIT_S
        ),
        clock=http.clock,
        body_timeout_s=http.body_timeout_s,
    )


def make_request_reader(
    options: ApiOptions,
    pool: Pool,
    outside: OutsideClients,
    sealer: Sealer,
    handlers: RequestHandlers,
    http_metrics: HttpMetrics,
    finder: HandlerFinder | None = None,
) -> RequestReader:
    """Create the reader that answers requests of running calls.

    Its transactions take at most a quarter of the pool, and one connection for leases and outcomes of runs.
    """
    metrics = MediaRequestMetrics(http_metrics.registry)
    transactions = TenantTransactions(pool, max(options.pool_size // 4, 1))
    shares, bus, authority = make_request_shares(options.request_concurrency), outside.bus, outside.authority
    service = MediaRequests(handlers, transactions, IdempotentRuns(sealer), metrics, _now, shares, finder)
    return RequestReader(
        RequestStream(bus, authority.unsigned, authority=authority),
        service.answer,
        metrics,
        concurrency=options.request_concurrency,
        pace=ReaderPace(wait=min(LONGEST_READ_S, options.outside.bus_timeout_s / 2)),
        on_death=http_metrics.process.count_death,
    )


def make_request_shares(places: int) -> RequestShares:
    """Return the shares of this many concurrent requests. A handler gets up to three quarters, and at least one."""
    return RequestShares(places=places, per_handler=max(places * 3 // 4, 1))


def _end_streams(feed: LiveFeed) -> Callable[[web.Application], Awaitable[None]]:
    async def end(_: web.Application) -> None:
        feed.stop()

    return end


def _dead_tasks(reader: RequestReader) -> list[str]:
    return [task.name for task in reader.tasks if task.is_dead]


def all_request_handlers(services: Services, bookings: Bookings) -> RequestHandlers:
    """Return the handlers of all packages, by request name."""
    warm_transfers = WarmTransferRuns(services[OutboundCalls], services[Carriers], services[CallPacer])
    sent_digits = SentDigitRuns(services[Carriers])
    of_agents = agents_request_handlers(bookings, services[KnowledgeSearch])
    rights = services[LastingRights]
    checks = (SupervisionChecks(rights, services[CallRecords]), BrowserCallChecks(rights))
    of_sockets = (check.handlers() for check in checks)
    return join_handlers([of_agents, warm_transfers.handlers(), sent_digits.handlers(), *of_sockets])


def make_app(
    dependencies: EndpointDependencies,
    http: HttpOptions,
    redis: BusClient,
    routes: Sequence[Route],
    webhooks: Webhooks,
    dead_tasks: Callable[[], list[str]] = list,
) -> web.Application:
    """Return the application. Raises InvalidRoute, and ValueError for an invalid proxy network.

    Args:
        dead_tasks: Returns the names of long-lived tasks that are not running.
    """
    _check_limits(http.limits or {}, routes)
    middleware = EdgeMiddleware(
        OriginReader(http.trusted_proxies),
        Cors(http.cors_origins),
        default_headers(http.public_url),
        dependencies.metrics,
    )
    app = web.Application(middlewares=[middleware.middleware()], client_max_size=http.max_body_bytes)
    for route in routes:
        endpoint = Endpoint(route, dependencies).__call__
        app.router.add_route(route.method, route.path, endpoint)
        if route.method == "GET":  # aiohttp sends no body for HEAD
            app.router.add_route("HEAD", route.path, endpoint)
    webhooks.add_to(app.router)
    make_openapi = partial(
        make_document,
        routes,
        WEBHOOK_ROUTES,
        version=VERSION,
        public_url=http.public_url,
        reference=REFERENCE,
        events=EVENT_DESCRIPTIONS,
        event_version=API_VERSION,
    )
    system = app[_SYSTEM] = System(dependencies.pool, redis, dependencies.metrics, make_openapi, dead_tasks)
    system.add_to(app.router)
    mcp = app[_MCP] = make_mcp_endpoint(dependencies, http, routes)
    mcp.add_to(app)
    return app


def make_mcp_endpoint(dependencies: EndpointDependencies, http: HttpOptions, routes: Sequence[Route]) -> McpEndpoint:
    """Return the MCP endpoint, with the tools whose operations are among these routes."""
    operations = {tool.operation for tool in TOOLS}
    used = [route for route in routes if operation_id(route) in operations]
    document = partial(make_document, used, version=VERSION, public_url=http.public_url, reference=REFERENCE)
    return McpEndpoint(dependencies, document, version=VERSION, origins=http.cors_origins)


def prepare_app(app: web.Application) -> None:
    """Do all one-time work that blocks the event loop. Call this before serving the application."""
    began = time.perf_counter()
    app[_SYSTEM].prepare()
    app[_MCP].prepare()
    log.info("app.prepared", ms=round((time.perf_counter() - began) * 1_000))


def redis_client(url: str, timeout_s: float) -> BusClient:
    """Return the Redis client of the rate limits, which are counted at every request."""
    return bus_client(url, timeout_s, connections=100)


def limit_names(routes: Iterable[Route] = ROUTES) -> set[str]:
    """Return the names of the rate limits, which a setting may override."""
    general = {KEY_LIMIT.name, UNKNOWN_KEY_LIMIT.name, USER_LIMIT.name}
    return {limit.name for route in routes for limit in route.limits} | general


def _check_limits(overrides: Mapping[str, tuple[int, int]], routes: Iterable[Route]) -> None:
    unknown = overrides.keys() - limit_names(routes)
    if unknown:
        raise InvalidRoute(f"no route has a limit named {', '.join(sorted(unknown))}")
