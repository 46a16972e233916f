"""Stripe's events, of which only the ids are used (docs.stripe.com/api/events/types)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from control.webhooks.inbox.store import StoredEvent
from shared.errors import Malformed

_MOST: Final = 255
EventSubject: TypeAlias = Literal["invoice", "payment", "customer"]
# What an event is about, of all types that have an effect here.
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
    """An event. subject: None: the event has no effect here. subject_id: of the invoice, charge
    (PaymentIntent) or customer that changed."""

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
    """Raises Malformed (code not_an_event)."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except msgspec.DecodeError:
        raise Malformed("This is not an event of Stripe.", code="not_an_event") from None
    subject = _SUBJECTS.get(envelope.type)
    found = _subject_id(envelope, subject) if subject else None
    subject_id = found if isinstance(found, str) and len(found) <= _MOST else ""
    return StripeEvent(envelope.id[:_MOST], envelope.type[:_MOST], subject if subject_id else None, subject_id)


def to_stored_event(event: StripeEvent) -> StoredEvent:
    """Without anything personal."""
    return StoredEvent("stripe", event.id, event.type, {"subject": event.subject, "subject_id": event.subject_id})


def from_stored_event(stored: StoredEvent) -> StripeEvent:
    """The event that `to_stored_event` was made of."""
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
    # A payment method that was detached belonged to the customer before.
    return changed.get("customer") or before.get("customer")
