"""Routes for health, metrics and documentation, which are not part of the API itself."""

import asyncio
import gzip
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import msgspec
from aiohttp import web

from control.api.docs import Docs
from control.api.guide import Guide
from control.db.pool import Pool, PoolExhausted
from control.http.metrics import CONTENT_TYPE, HttpMetrics
from shared.bus.client import REDIS_ERRORS, BusClient

READY_TIMEOUT_S = 2.0


class System:
    """Serves health, metrics and the API's documents.

    Args:
        make_openapi: Makes the OpenAPI document. Called once, by `prepare` or at the first request for the document.
        dead_tasks: Returns the names of long-lived tasks that are not running.
    """

    def __init__(
        self,
        pool: Pool,
        redis: BusClient,
        metrics: HttpMetrics,
        make_openapi: Callable[[], dict[str, Any]],
        dead_tasks: Callable[[], list[str]],
    ) -> None:
        self._pool = pool
        self._redis = redis
        self._metrics = metrics
        self._dead_tasks = dead_tasks
        self._document = cache(lambda: msgspec.json.encode(make_openapi()))
        self._compressed = cache(lambda: gzip.compress(self._document(), mtime=0))
        self._docs = Docs()
        self._guide = Guide()

    def prepare(self) -> None:
        """Create the OpenAPI document at startup.

        This takes 0.3 s, which the first request would otherwise wait for.
        """
        self._compressed()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/", self._lead_on)
        router.add_get("/healthz", self._healthz)
        router.add_get("/readyz", self._readyz)
        router.add_get("/metrics", self._render_metrics)
        router.add_get("/openapi.json", self._serve_openapi)
        self._guide.add_to(router)
        self._docs.add_to(router)

    async def _lead_on(self, request: web.Request) -> web.Response:
        """Redirect people to the console and programs to the documentation."""
        page = "console" if "text/html" in request.headers.get("Accept", "") else "docs"
        return web.Response(status=302, headers={"Location": page, "Vary": "Accept"})

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, request: web.Request) -> web.Response:
        """Answer the readiness probe.

        Returns 503 without the database or while a long-lived task is dead: other processes serve until it runs again.
        Without Redis it returns 200 with status degraded, because only the rate limits need Redis, and a 503 would take
        all processes out of service.
        """
        database, redis = await asyncio.gather(self._reaches_database(), self._reaches_redis())
        dead = self._dead_tasks()
        state = "ready" if database and redis else "degraded" if database else "unavailable"
        report: dict[str, Any] = {"status": state, "database": _availability(database), "redis": _availability(redis)}
        if dead:
            report |= {"status": "unavailable", "dead_tasks": dead}
        return web.json_response(report, status=200 if database and not dead else 503)

    async def _reaches_database(self) -> bool:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self._pool.ping()
            return True
        except (PoolExhausted, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False

    async def _reaches_redis(self) -> bool:
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                return bool(await self._redis.ping())
        except REDIS_ERRORS:
            return False

    async def _render_metrics(self, request: web.Request) -> web.Response:
        # Render in a thread: it takes 13 ms for all routes, and several times as long if it sums up several processes.
        text = await asyncio.to_thread(self._metrics.render)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    async def _serve_openapi(self, request: web.Request) -> web.Response:
        document = self._document()
        etag = sha256(document).hexdigest()[:32]
        headers = {"ETag": f'"{etag}"', "Cache-Control": "public, max-age=60", "Vary": "Accept-Encoding"}
        known = request.if_none_match or ()
        if any(tag.value in (etag, "*") for tag in known):
            return web.Response(status=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            document = self._compressed()
        return web.Response(body=document, content_type="application/json", headers=headers)


def _availability(is_reachable: bool) -> str:
    return "ok" if is_reachable else "away"
