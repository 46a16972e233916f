"""Serves the addresses of all sources: reads a request, verifies it, and has its source answer it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from control.db.pool import Pool
from control.http.services import Services
from control.http.webhook_activity import WebhookActivity
from control.webhooks.inbox.request import read_request
from control.webhooks.inbox.source import WebhookSource
from control.webhooks.inbox.verify import verified_reader
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.parts import SourceDefinition, make_parts
from control.webhooks.sources import SOURCES


class Webhooks:
    """All webhooks of the API."""

    def __init__(
        self,
        pool: Pool,
        services: Services,
        options: WebhookOptions,
        *,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], datetime] | None = None,
        sources: Sequence[SourceDefinition] = SOURCES,
        activity: WebhookActivity | None = None,
    ) -> None:
        """registry: of the API's metrics. activity: learns which webhooks are being answered. Raises ValueError for a
        public key that is none."""
        self._clock = clock or _now
        self._activity = activity or WebhookActivity()
        self._parts = make_parts(pool, services, options, WebhookMetrics(registry))
        self._sources = [source.build(self._parts) for source in sources]

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds each address of each source."""
        for path in dict.fromkeys(path for source in self._sources for path in source.answers):
            router.add_post(path, self._handler(path, [one for one in self._sources if path in one.answers]))

    async def close(self) -> None:
        """Waits some seconds for background work; to be called before the pool closes."""
        await self._parts.background.close()

    def _handler(
        self, path: str, sources: Sequence[WebhookSource[Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        readers = [source.reader for source in sources]
        answers = {source.name: source.answers[path] for source in sources}
        max_bytes = max(source.max_body_bytes for source in sources)

        async def handle(http_request: web.Request) -> web.Response:
            now = self._clock()
            request = await read_request(http_request, self._parts.options.body_timeout_s, max_bytes)
            reader = verified_reader(request, readers, self._parts.metrics, now)
            with self._activity.answering():  # only now: nobody holds requests up by a forged webhook, or a slow one
                return await answers[reader.name](reader.parse(request, now), now)

        return handle


def _now() -> datetime:
    return datetime.now(UTC)
