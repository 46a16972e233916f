"""Service of deliveries: lists, attempts, replays, tests."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.outbound_webhooks import store_deliveries, store_events
from control.outbound_webhooks.endpoints import WebhookEndpoints
from control.outbound_webhooks.event_types import TestEventData
from control.outbound_webhooks.model import WINDOW, DeliveryAttempt, DeliveryStatus, WebhookDelivery
from control.outbound_webhooks.outbox import ReportedFact, make_event
from control.platform.audit import Actor, Change, record_change
from shared.errors import Conflict, NotFound

MOST_REPLAYED: Final = 1_000
MOST_ATTEMPTS: Final = 100


class WebhookDeliveries:
    """Works within the current transaction, in the workspace's scope."""

    def __init__(self, endpoints: WebhookEndpoints) -> None:
        self._endpoints = endpoints

    async def list_page(
        self,
        db: Connection,
        workspace_id: UUID,
        endpoint_id: UUID,
        *,
        status: DeliveryStatus | None,
        page: PageRequest,
    ) -> ListPage[WebhookDelivery]:
        """A page, newest first. status: None for all. Raises NotFound, Invalid (code cursor_unknown)."""
        await self._endpoints.get(db, workspace_id, endpoint_id)
        found = await store_deliveries.select_page(db, workspace_id, endpoint_id, status, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store_deliveries.count(db, workspace_id, endpoint_id, status))

    async def get(
        self, db: Connection, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID
    ) -> tuple[WebhookDelivery, list[DeliveryAttempt]]:
        """With its latest MOST_ATTEMPTS attempts, the latest first. Raises NotFound."""
        await self._endpoints.get(db, workspace_id, endpoint_id)
        found = await store_deliveries.select_one(db, workspace_id, endpoint_id, delivery_id)
        if found is None:
            raise NotFound("This endpoint has no such delivery.", code="webhook_delivery_not_found")
        return found, await store_deliveries.select_attempts(db, workspace_id, delivery_id, MOST_ATTEMPTS)

    async def replay(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, delivery_id: UUID, now: datetime
    ) -> None:
        """Has a delivery sent again, whatever became of it, under the same webhook-id. Raises NotFound, Conflict (code
        webhook_endpoint_disabled)."""
        await self._require_enabled(db, workspace_id, endpoint_id)
        await self.get(db, workspace_id, endpoint_id, delivery_id)
        await store_deliveries.replay(db, workspace_id, endpoint_id, delivery_id, now, now + WINDOW)
        await _record(db, actor, workspace_id, endpoint_id, "webhook_endpoint.replay")

    async def replay_since(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        endpoint_id: UUID,
        *,
        since: datetime,
        with_delivered: bool,
        now: datetime,
    ) -> int:
        """Has the failed deliveries sent again whose events were stored since then, the oldest MOST_REPLAYED; returns
        how many. with_delivered: those that were accepted, too. Raises NotFound, Conflict (code
        webhook_endpoint_disabled)."""
        await self._require_enabled(db, workspace_id, endpoint_id)
        statuses: list[DeliveryStatus] = ["failed", "delivered"] if with_delivered else ["failed"]
        replayed = await store_deliveries.replay_since(
            db,
            workspace_id,
            endpoint_id,
            since=since,
            statuses=statuses,
            now=now,
            expires_at=now + WINDOW,
            most=MOST_REPLAYED,
        )
        await _record(db, actor, workspace_id, endpoint_id, "webhook_endpoint.replay")
        return replayed

    async def send_test(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, now: datetime
    ) -> UUID:
        """Has the event webhook.test sent to this endpoint, whatever types it wants; returns the event's id. Raises
        NotFound, Conflict (code webhook_endpoint_disabled)."""
        await self._require_enabled(db, workspace_id, endpoint_id)
        fact = ReportedFact(workspace_id, "webhook.test", endpoint_id, now, TestEventData(endpoint_id))
        event = make_event(fact, [endpoint_id])
        await store_events.insert_events(db, [event], now)
        await _record(db, actor, workspace_id, endpoint_id, "webhook_endpoint.test")
        return event.id

    async def _require_enabled(self, db: Connection, workspace_id: UUID, endpoint_id: UUID) -> None:
        endpoint = await self._endpoints.get(db, workspace_id, endpoint_id)
        if not endpoint.is_enabled:
            raise Conflict("This endpoint is disabled: enable it first.", code="webhook_endpoint_disabled")


async def _record(db: Connection, actor: Actor, workspace_id: UUID, endpoint_id: UUID, action: str) -> None:
    await record_change(db, actor, Change(action, "webhook_endpoint", str(endpoint_id), workspace_id))
