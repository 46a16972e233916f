"""Serves the webhook addresses of all sources.

`Webhooks` reads a request, finds its source, verifies the request, and returns the source's answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from control.db.pool import Pool
from control.http.limits.webhook_activity import WebhookActivity
from control.http.request import origin_of, read_body
from control.http.services import Services
from control.inbound_webhooks.service import SourceDefinition, WebhookMetrics, make_parts
from control.inbound_webhooks.source import (
    FORM,
    JSON,
    MAX_BODY_BYTES,
    BadSignature,
    SourceReader,
    WebhookOptions,
    WebhookRequest,
    WebhookSource,
)
from control.inbound_webhooks.stripe import STRIPE
from control.inbound_webhooks.telnyx.calls import TELNYX
from control.inbound_webhooks.twilio.calls import TWILIO
from shared.errors import Forbidden, Problem

log = structlog.get_logger()


# --- The table of sources --------------------------------------------------------------------------------------------

# If several sources share an address, the first source whose reader claims the request handles it. A request that no
# reader claims goes to the first source.
SOURCES: Final[tuple[SourceDefinition, ...]] = (TELNYX, TWILIO, STRIPE)
WEBHOOK_ROUTES: Final = tuple(dict.fromkeys(route for source in SOURCES for route in source.routes))


# --- Requests --------------------------------------------------------------------------------------------------------


class UnsupportedWebhookBody(Problem):
    """The body is neither a form nor JSON."""

    status, type, default_code = 415, "invalid_request", "unsupported_body"


async def read_request(request: web.Request, timeout_s: float, max_bytes: int = MAX_BODY_BYTES) -> WebhookRequest:
    """Read the body, up to `max_bytes`.

    Raises UnsupportedWebhookBody, and the errors of `read_body`: BodyTooLarge, BodyTooSlow and Malformed.
    """
    return WebhookRequest(
        target=_target(request),
        headers=request.headers,
        query=request.query,
        content_type=request.content_type,
        body=await _read_supported(request, timeout_s, max_bytes),
        request_id=origin_of(request).request_id,
    )


async def _read_supported(request: web.Request, timeout_s: float, max_bytes: int) -> bytes:
    if not request.body_exists:
        return b""
    if request.content_type not in (FORM, JSON):
        raise UnsupportedWebhookBody("The body must be a form or JSON.")
    return await read_body(request, timeout_s, max_bytes)


def _target(request: web.Request) -> str:
    """Return the path and query.

    A proxy may send an absolute URL in the request line (RFC 9112, section 3.2.2), whose host is not trusted.
    """
    target = request.raw_path
    return target if target.startswith("/") else request.rel_url.raw_path_qs


def verified_reader(
    request: WebhookRequest, readers: Sequence[SourceReader[Any]], metrics: WebhookMetrics, now: datetime
) -> SourceReader[Any]:
    """Verify the signature. Return the first reader that claims the request, or the first reader if none does.

    Raises Forbidden (code bad_signature) and Malformed.
    """
    reader = next((candidate for candidate in readers if candidate.claims(request)), readers[0])
    try:
        reader.verify(request, now)
    except BadSignature as bad:
        metrics.refused.labels(reader.name, bad.reason).inc()
        log.warning("webhook.refused", source=reader.name, reason=bad.reason, request_id=request.request_id)
        raise Forbidden("The signature is missing or wrong.", code="bad_signature") from None
    return reader


# --- Addresses and handlers ------------------------------------------------------------------------------------------


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
        """Build all sources. Raises ValueError for an invalid public key.

        Args:
            registry: Registry for the API's metrics.
            activity: Tracks which webhooks are being answered.
        """
        self._clock = clock or _now
        self._activity = activity or WebhookActivity()
        self._parts = make_parts(pool, services, options, WebhookMetrics(registry))
        self._sources = [source.build(self._parts) for source in sources]

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the addresses of all sources to the router."""
        for path in dict.fromkeys(path for source in self._sources for path in source.answers):
            router.add_post(path, self._handler(path, [source for source in self._sources if path in source.answers]))

    async def close(self) -> None:
        """Wait some seconds for background work. Call this method before the pool closes."""
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
            with self._activity.answering():  # starts only here: a forged or slow webhook must not delay other requests
                return await answers[reader.name](reader.parse(request, now), now)

        return handle


def _now() -> datetime:
    return datetime.now(UTC)
