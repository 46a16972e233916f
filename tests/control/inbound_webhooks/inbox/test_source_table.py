"""A third source that is added by a row of the table: verified, stored once, answered, retried.

The table webhook_events accepts the names stripe, twilio and telnyx: the source takes Stripe's name and place in the
table of sources, and nothing here is Stripe's protocol.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from control.db.pool import Connection
from control.db.scope import enter_platform
from control.http.cors import Cors
from control.http.headers import default_headers
from control.http.metrics import HttpMetrics
from control.http.middleware import EdgeMiddleware
from control.http.origin import OriginReader
from control.inbound_webhooks.queries import OpenEvent, StoredEvent
from control.inbound_webhooks.routes import SOURCES, Webhooks
from control.inbound_webhooks.service import SourceDefinition, WebhookParts
from control.inbound_webhooks.source import BadSignature, WebhookRequest, WebhookRoute, WebhookSource
from control.inbound_webhooks.tasks import remove_old_webhooks, retry_open_webhooks
from tests.control.inbound_webhooks.inbox.test_database_unavailable import database_unavailable
from tests.platform.api import listening
from tests.platform.webhook_reply import PUBLIC_URL
from tests.platform.webhooks import OPTIONS, WebhookPlatform

PATH = "/webhooks/payments"
CARRIERS = tuple(source for source in SOURCES if source.name != "stripe")


class PaymentReader:
    """Its signature is a fixed header."""

    name = "stripe"

    def claims(self, request: WebhookRequest) -> bool:
        return True

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        if request.headers.get("X-Payment-Signature") != "right":
            raise BadSignature("wrong")

    def parse(self, request: WebhookRequest, now: datetime) -> StoredEvent:
        event = json.loads(request.body)
        return StoredEvent(self.name, event["id"], event["type"], event)


@dataclass(slots=True)
class Payments:
    """applied: ids of events with an effect, in order. is_failing: every effect fails."""

    applied: list[str] = field(default_factory=list)
    is_failing: bool = False

    def build(self, parts: WebhookParts) -> WebhookSource[StoredEvent]:
        async def answer(event: StoredEvent, now: datetime) -> web.Response:
            await parts.inbox.receive(event, lambda db: self._apply(db, event), now)
            return web.json_response({"received": True})

        async def retry(open_event: OpenEvent, now: datetime) -> None:
            event = open_event.event
            await parts.inbox.finish(event, lambda db: self._apply(db, event), now)

        return WebhookSource(PaymentReader(), {PATH: answer}, retry, lambda open_event: "")

    async def _apply(self, db: Connection, event: StoredEvent) -> None:
        if self.is_failing:
            raise LookupError("no such invoice")
        self.applied.append(event.event_id)

    @property
    def sources(self) -> tuple[SourceDefinition, ...]:
        """The table with one more row."""
        return (*CARRIERS, SourceDefinition("stripe", (WebhookRoute("POST", PATH, "A payment."),), self.build))


@dataclass(slots=True)
class PaymentPlatform:
    """Webhooks with the third source, on a socket."""

    platform: WebhookPlatform
    payments: Payments
    url: str

    async def send(self, event_id: str, signature: str = "right") -> int:
        """Returns the status of the answer."""
        body = {"id": event_id, "type": "invoice.paid"}
        headers = {"X-Payment-Signature": signature}
        async with self.platform.client.post(self.url + PATH, json=body, headers=headers) as response:
            return response.status

    async def retry(self, seconds: float = 6) -> int:
        """Runs the worker's duty so much later; returns how many events were retried."""
        now = self.platform.clock() + timedelta(seconds=seconds)
        services, sources = self.platform.services, self.payments.sources
        return await retry_open_webhooks(self.platform.pool, services, now, 50, sources=sources)

    async def state(self) -> list[tuple[str, bool, str | None]]:
        """Stored events of the source: id, whether handled, last error."""
        rows = await self.platform.stored_events("stripe")
        return [(row["event_id"], row["handled_at"] is not None, row["last_error"]) for row in rows]


@pytest.fixture
async def payment_platform(platform: WebhookPlatform) -> AsyncIterator[PaymentPlatform]:
    payments = Payments()
    webhooks = Webhooks(platform.pool, platform.services, OPTIONS, clock=platform.clock, sources=payments.sources)
    edge = EdgeMiddleware(OriginReader(()), Cors(()), default_headers(PUBLIC_URL), HttpMetrics())
    app = web.Application(middlewares=[edge.middleware()])
    webhooks.add_to(app.router)
    async with listening(app) as url:
        yield PaymentPlatform(platform, payments, url)
    await webhooks.close()


async def test_event_is_stored_and_applied_once(payment_platform: PaymentPlatform) -> None:
    statuses = await asyncio.gather(*(payment_platform.send("evt_1") for _ in range(5)))
    assert statuses == [200] * 5
    assert payment_platform.payments.applied == ["evt_1"]
    assert await payment_platform.state() == [("evt_1", True, None)]


async def test_wrong_signature_is_refused(payment_platform: PaymentPlatform) -> None:
    assert await payment_platform.send("evt_2", "wrong") == 403
    assert await payment_platform.state() == []


async def test_failed_event_is_answered_and_retried(payment_platform: PaymentPlatform) -> None:
    payment_platform.payments.is_failing = True
    assert await payment_platform.send("evt_3") == 200
    assert await payment_platform.state() == [("evt_3", False, None)]
    assert await payment_platform.retry() == 1
    assert await payment_platform.state() == [("evt_3", False, "LookupError")]
    payment_platform.payments.is_failing = False
    assert await payment_platform.retry(60) == 1
    assert payment_platform.payments.applied == ["evt_3"]
    assert await payment_platform.retry(3_600) == 0


async def test_event_is_deferred_without_the_database(payment_platform: PaymentPlatform) -> None:
    async with database_unavailable(payment_platform.platform):
        assert await payment_platform.send("evt_4") == 200
    assert await payment_platform.state() == []
    await payment_platform.retry()
    assert payment_platform.payments.applied == ["evt_4"]


async def test_carriers_keep_their_addresses(payment_platform: PaymentPlatform) -> None:
    platform = replace(payment_platform.platform, url=payment_platform.url)
    assert (await platform.ring_twilio("CT1")).verbs == ["Connect"]
    assert (await platform.ring_telnyx("v3:t1")).status == 200


async def test_duties_leave_events_of_unknown_sources_alone(payment_platform: PaymentPlatform) -> None:
    payment_platform.payments.is_failing = True
    await payment_platform.send("evt_5")
    platform = payment_platform.platform
    later = platform.clock() + timedelta(days=60)
    assert await retry_open_webhooks(platform.pool, platform.services, later, 50, sources=CARRIERS) == 0
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        assert await remove_old_webhooks(db, later, 100, CARRIERS) == 0
        assert await remove_old_webhooks(db, later, 100, payment_platform.payments.sources) == 1
