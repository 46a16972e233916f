"""Stripe as a source of webhooks. An event is stored once, together with the job that asks Stripe what changed."""

from datetime import datetime
from typing import Final

from aiohttp import web

from control.billing.job_transactions import enqueue_once
from control.billing.sink_jobs import (
    CHECK_CUSTOMER,
    CHECK_INVOICE,
    CHECK_PAYMENT,
    CheckCustomerJob,
    CheckInvoiceJob,
    CheckPaymentJob,
)
from control.db.pool import Connection
from control.webhooks.addresses import WebhookRoute
from control.webhooks.inbox.request import WebhookRequest
from control.webhooks.inbox.source import WebhookSource
from control.webhooks.inbox.store import OpenEvent
from control.webhooks.options import WebhookOptions
from control.webhooks.parts import SourceDefinition, WebhookParts
from control.webhooks.stripe.event import StripeEvent, from_stored_event, parse_event, to_stored_event
from control.webhooks.stripe.signature import StripeSecrets

PATH: Final = "/webhooks/stripe"
SIGNATURE_HEADER: Final = "Stripe-Signature"


class StripeReader:
    """A SourceReader."""

    name = "stripe"

    def __init__(self, options: WebhookOptions) -> None:
        self._secrets = StripeSecrets(options.stripe_secrets)

    def claims(self, request: WebhookRequest) -> bool:
        """No other source has its address."""
        return True

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Over the raw body."""
        self._secrets.check(request.body, request.headers.get(SIGNATURE_HEADER), now)

    def parse(self, request: WebhookRequest, now: datetime) -> StripeEvent:
        """Raises Malformed."""
        return parse_event(request.body)


class StripeEvents:
    """Answers Stripe with an error only when it should send the event again: Unavailable, without a database."""

    def __init__(self, parts: WebhookParts) -> None:
        self._inbox = parts.inbox

    async def receive(self, event: StripeEvent, now: datetime) -> web.Response:
        """Stores an event with its job. Those without an effect are answered and not stored."""
        if event.subject is None:
            self._inbox.count("stripe", "other", "passed_over")
            return web.Response(status=200)
        await self._inbox.receive(to_stored_event(event), lambda db: _enqueue_check(db, event), now)
        return web.Response(status=200)

    async def retry(self, open_event: OpenEvent, now: datetime) -> None:
        """Finishes an event that stayed open."""
        event = from_stored_event(open_event.event)
        await self._inbox.finish(open_event.event, lambda db: _enqueue_check(db, event), now)


async def _enqueue_check(db: Connection, event: StripeEvent) -> None:
    if event.subject == "invoice":
        await enqueue_once(db, CHECK_INVOICE, CheckInvoiceJob(event.subject_id))
    elif event.subject == "payment":
        await enqueue_once(db, CHECK_PAYMENT, CheckPaymentJob(event.subject_id))
    else:
        await enqueue_once(db, CHECK_CUSTOMER, CheckCustomerJob(event.subject_id))


def build(parts: WebhookParts) -> WebhookSource[StripeEvent]:
    events = StripeEvents(parts)
    return WebhookSource(
        reader=StripeReader(parts.options),
        answers={PATH: events.receive},
        retry=events.retry,
        ordering_key=lambda open_event: "",
        max_body_bytes=parts.options.stripe_body_bytes,
    )


STRIPE: Final = SourceDefinition(
    "stripe", (WebhookRoute("POST", PATH, "Stripe reports that an invoice or a customer changed."),), build
)
