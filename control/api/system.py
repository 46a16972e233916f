"""What is asked by machines that run the API, and by people who read about it; no part of the API itself."""

import asyncio
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import msgspec
from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

from control.api.docs import Docs
from control.db.pool import Pool, PoolExhausted
from control.http.metrics import CONTENT_TYPE, HttpMetrics

READY_WITHIN_S = 2.0


class System:
    """describe: makes the OpenAPI document; asked when somebody first wants it."""

    def __init__(self, pool: Pool, redis: Redis, metrics: HttpMetrics, describe: Callable[[], dict[str, Any]]) -> None:
        self._pool = pool
        self._redis = redis
        self._metrics = metrics
        self._described = cache(describe)
        self._document = cache(lambda: msgspec.json.encode(self._described()))
        self._docs = Docs(self._described)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Registers the routes."""
        router.add_get("/healthz", self._alive)
        router.add_get("/readyz", self._ready)
        router.add_get("/metrics", self._tell_metrics)
        router.add_get("/openapi.json", self._describe)
        self._docs.add_to(router)

    async def _alive(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.Response:
        """Without the database nothing works. Without Redis all does but the rate limits: taking every node out of
        service for that would turn a small trouble into a great one, so it is told and still answers 200."""
        database, redis = await asyncio.gather(self._database_there(), self._redis_there())
        state = "ready" if database and redis else "degraded" if database else "unavailable"
        told = {"status": state, "database": _word(database), "redis": _word(redis)}
        return web.json_response(told, status=200 if database else 503)

    async def _database_there(self) -> bool:
        try:
            async with asyncio.timeout(READY_WITHIN_S), self._pool.acquire() as db:
                return bool(await db.fetchval("SELECT true"))
        except (PoolExhausted, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False

    async def _redis_there(self) -> bool:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                return bool(await self._redis.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    async def _tell_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _describe(self, request: web.Request) -> web.Response:
        document = self._document()
        etag = sha256(document).hexdigest()[:32]
        headers = {"ETag": f'"{etag}"', "Cache-Control": "public, max-age=60"}
        known = request.if_none_match or ()
        if any(tag.value in (etag, "*") for tag in known):
            return web.Response(status=304, headers=headers)
        return web.Response(body=document, content_type="application/json", headers=headers)


def _word(there: bool) -> str:
    return "ok" if there else "away"
