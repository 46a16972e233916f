"""The worker's duties for webhooks: retries open events and deletes old ones."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from control.db.pool import Connection, Pool
from control.http.services import Services
from control.webhooks.inbox.retry import EventRetry
from control.webhooks.inbox.store import delete_old_events
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.parts import SourceDefinition, make_parts
from control.webhooks.sources import SOURCES

# Events hold phone numbers: stored for as long as a dispute with a carrier needs them, and no longer.
RETENTION: Final = timedelta(days=30)


async def retry_open_webhooks(
    pool: Pool,
    services: Services,
    now: datetime,
    limit: int = 50,
    metrics: WebhookMetrics | None = None,
    sources: Sequence[SourceDefinition] = SOURCES,
) -> int:
    """Stores webhooks that were deferred, then retries up to `limit` open events that are due; returns how many. Calls
    carriers, so it must not run within a transaction. Raises Unavailable without a database."""
    # The worker answers no request, so it needs neither address nor keys.
    parts = make_parts(pool, services, WebhookOptions(""), metrics or WebhookMetrics())
    await parts.deferral.store_deferred([source.name for source in sources])
    return await EventRetry(parts.transactions, [source.build(parts) for source in sources]).run(now, limit)


async def remove_old_webhooks(
    db: Connection, now: datetime, limit: int, sources: Sequence[SourceDefinition] = SOURCES
) -> int:
    """Deletes up to `limit` events older than RETENTION; returns how many. Needs platform scope."""
    return await delete_old_events(db, [source.name for source in sources], now - RETENTION, limit)
