"""Webhooks from Stripe.

Each event is stored once, with a job that requests the change from Stripe, because events arrive in any order and may
repeat.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec
from aiohttp import web

from control.billing.jobs import enqueue_once
from control.billing.payments.rules import (
    CHECK_CUSTOMER,
    CHECK_INVOICE,
    CHECK_PAYMENT,
    CheckCustomerJob,
    CheckInvoiceJob,
    CheckPaymentJob,
)
from control.db.pool import Connection
from control.inbound_webhooks.queries import OpenEvent, StoredEvent
from control.inbound_webhooks.service import SourceDefinition, WebhookParts
from control.inbound_webhooks.source import BadSignature, WebhookOptions, WebhookRequest, WebhookRoute, WebhookSource
from shared.errors import Malformed

_MOST: Final = 255
EventSubject: TypeAlias = Literal["invoice", "payment", "customer"]
# The subject of each event type that has an effect.
_SUBJECTS: Final[Mapping[str, EventSubject]] = {
    "invoice.finalized": "invoice",
    "invoice.paid": "invoice",
    "invoice.payment_failed": "invoice",
    "invoice.payment_action_required": "invoice",
    "invoice.voided": "invoice",
    "invoice.marked_uncollectible": "invoice",
    "invoice.updated": "invoice",
    "credit_note.created": "invoice",
    "credit_note.updated": "invoice",
    "credit_note.voided": "invoice",
    "refund.created": "payment",
    "refund.updated": "payment",
    "refund.failed": "payment",
    "charge.refunded": "payment",
    "charge.dispute.closed": "payment",
    "setup_intent.succeeded": "customer",
    "payment_method.attached": "customer",
    "payment_method.updated": "customer",
    "payment_method.detached": "customer",
    "customer.updated": "customer",
    "customer.deleted": "customer",
}


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event of Stripe.

    Attributes:
        subject: None if the event has no effect.
        subject_id: The invoice, charge (PaymentIntent) or customer that changed.
    """

    id: str
    type: str
    subject: EventSubject | None
    subject_id: str


class _Data(msgspec.Struct):
    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


class _Envelope(msgspec.Struct):
    id: str
    type: str
    data: _Data


def parse_event(body: bytes) -> StripeEvent:
    """Parse an event. Raises Malformed (code not_an_event)."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except msgspec.DecodeError:
        raise Malformed("This is not an event of Stripe.", code="not_an_event") from None
    subject = _SUBJECTS.get(envelope.type)
    found = _subject_id(envelope, subject) if subject else None
    subject_id = found if isinstance(found, str) and len(found) <= _MOST else ""
    return StripeEvent(envelope.id[:_MOST], envelope.type[:_MOST], subject if subject_id else None, subject_id)


def to_stored_event(event: StripeEvent) -> StoredEvent:
    """Return the event as it is stored, without personal data."""
    return StoredEvent("stripe", event.id, event.type, {"subject": event.subject, "subject_id": event.subject_id})


def from_stored_event(stored: StoredEvent) -> StripeEvent:
    """Return the event for a row that `to_stored_event` created."""
    payload = stored.payload
    return StripeEvent(stored.event_id, stored.event_type, payload["subject"], payload["subject_id"])


def _subject_id(envelope: _Envelope, subject: str) -> Any:
    changed, before = envelope.data.object, envelope.data.previous_attributes or {}
    if changed.get("object") == "credit_note":
        return changed.get("invoice")
    if subject == "payment":
        return changed.get("payment_intent")
    if subject == "invoice" or changed.get("object") == "customer":
        return changed.get("id")
    # A detached payment method names its customer only in the previous values.
    return changed.get("customer") or before.get("customer")


# Applies in both directions, because clocks differ. Stripe's SDK has the same limit, but only for the past.
TOLERANCE_S: Final = 300
# Stripe sends at most two, during the replacement of a secret.
_MOST_SIGNATURES: Final = 10


class StripeSecrets:
    """The endpoint's signing secrets including `whsec_`. Has the old and the new secret during a replacement."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]

    def check(self, body: bytes, header: str | None, now: datetime) -> None:
        """Verify a signature. Raises BadSignature.

        Args:
            header: `t=seconds,v1=hex[,v1=hex…]`. Other schemes are ignored. The signed text is the time, "." and the
                raw body.
        """
        if not header:
            raise BadSignature("missing")
        if not self._secrets:
            raise BadSignature("no_key")
        parts = [part.strip().partition("=")[::2] for part in header.split(",")]
        timestamp = next((value for name, value in parts if name == "t"), "")
        sent = [value.encode("utf-8", "replace") for name, value in parts if name == "v1"][:_MOST_SIGNATURES]
        signed = timestamp.encode("utf-8", "replace") + b"." + body
        wanted = [hmac.new(secret, signed, hashlib.sha256).hexdigest().encode() for secret in self._secrets]
        if not any(hmac.compare_digest(signature, other) for signature in wanted for other in sent):
            raise BadSignature("wrong")
        # The time is checked last, because the signature has only now proved that it comes from Stripe.
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise BadSignature("stale")
        if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise BadSignature("stale")


PATH: Final = "/webhooks/stripe"
SIGNATURE_HEADER: Final = "Stripe-Signature"


class StripeReader:
    """Reads requests of Stripe. Implements SourceReader."""

    name = "stripe"

    def __init__(self, options: WebhookOptions) -> None:
        self._secrets = StripeSecrets(options.stripe_secrets)

    def claims(self, request: WebhookRequest) -> bool:
        """Return True, because no other source uses this address."""
        return True

    def verify(self, request: WebhookRequest, now: datetime) -> None:
        """Verify the signature over the raw body."""
        self._secrets.check(request.body, request.headers.get(SIGNATURE_HEADER), now)

    def parse(self, request: WebhookRequest, now: datetime) -> StripeEvent:
        """Parse the event. Raises Malformed."""
        return parse_event(request.body)


class StripeEvents:
    """Stores events of Stripe.

    Raises Unavailable if the database is unavailable, so that Stripe sends the event again.
    """

    def __init__(self, parts: WebhookParts) -> None:
        self._inbox = parts.inbox

    async def receive(self, event: StripeEvent, now: datetime) -> web.Response:
        """Store an event with its job. Events without an effect are answered but not stored."""
        if event.subject is None:
            self._inbox.count("stripe", "other", "passed_over")
            return web.Response(status=200)
        await self._inbox.receive(to_stored_event(event), lambda db: _enqueue_check(db, event), now)
        return web.Response(status=200)

    async def retry(self, open_event: OpenEvent, now: datetime) -> None:
        """Finish an open event."""
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
