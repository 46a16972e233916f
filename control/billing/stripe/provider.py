"""Stripe as the billing provider, and a Stripe meter that receives usage."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, cast
from uuid import UUID

from control.billing.payments.provider import (
    BillingCustomer,
    BillingProviderError,
    InvoiceReceipt,
    PaymentCard,
    PaymentMethodUnknown,
    ProviderInvoice,
    ProviderInvoiceLine,
    SetupSecret,
    UsageReading,
    UsageReceiver,
)
from control.billing.stripe.client import (
    DuplicateObject,
    HttpxTransport,
    MissingObject,
    StripeApi,
    StripeInvoice,
    StripeInvoiceItem,
    StripeOptions,
    StripePaymentMethod,
    StripeRefund,
    call_stripe,
    create_object,
    each_object,
    first_object,
    metadata_of,
    to_minor,
)
from control.billing.stripe.receipts import STATUSES, find_invoice_of, list_intents, read_receipt
from control.billing.stripe.tax_ids import sync_tax_id

NAME: Final = "stripe"
# Maximum number of items on an invoice (docs.stripe.com/changelog/2016-02-22/no-more-than-250-invoice-items).
MOST_ITEMS: Final = 250
# Allowance for differing clocks, and for drafts that are created after the end of their period.
_SKEW: Final = timedelta(days=1)


class StripeProvider:
    """The BillingProvider of Stripe."""

    name = NAME

    def __init__(self, options: StripeOptions, transport: HttpxTransport | None = None) -> None:
        self._api = StripeApi(options, transport)
        self._v1 = self._api.v1
        self.usage_receiver: UsageReceiver | None = (
            StripeMeter(self._api, options.meter_event) if options.meter_event else None
        )

    async def close(self) -> None:
        await self._api.close()

    async def ensure_customer(self, customer: BillingCustomer) -> str:
        """Create the customer, or update name, addresses and tax id.

        A customer that was deleted at Stripe is replaced.
        """
        customer_id = await self._ensure_customer(customer)
        await sync_tax_id(self._api, customer, customer_id)
        return customer_id

    async def issue_invoice(self, invoice: ProviderInvoice) -> InvoiceReceipt:
        """Create, fill and finalize the invoice. Continues where an earlier run stopped.

        Raises BillingProviderError if Stripe's total differs from ours. The invoice then stays a draft, which nobody
        can pay.
        """
        found = await self._ensure_draft(invoice)
        if found.status == "draft":
            await self._ensure_items(invoice, found.id)
            found = await call_stripe(lambda: self._v1.invoices.retrieve_async(found.id))
            if found.total != to_minor(invoice.total, invoice.currency):
                raise BillingProviderError(f"the total at Stripe is {found.total}, in the smallest unit")
            found = await create_object(
                f"finalise-{invoice.id}",
                lambda options: self._v1.invoices.finalize_invoice_async(found.id, {"auto_advance": False}, options),
                lambda: self._find_in_status(found.id, *STATUSES),
            )
        return await read_receipt(self._api, found)

    async def pay_invoice(self, external_id: str, method_id: str, attempt: int) -> InvoiceReceipt:
        """Charge the payment method. Raises PaymentDeclined.

        The method is part of the idempotency key, because a decline that Stripe stored for one card must not apply to
        another card.
        """
        paid = await create_object(
            f"pay-{external_id}-{attempt}-{method_id}",
            lambda options: self._v1.invoices.pay_async(
                external_id, {"off_session": True, "payment_method": method_id}, options
            ),
            lambda: self._find_in_status(external_id, "paid", "void"),
        )
        return await read_receipt(self._api, paid)

    async def settle_invoice(self, external_id: str) -> InvoiceReceipt:
        """Mark an invoice as paid elsewhere.

        Raises BillingProviderError if a card has already paid it, because the customer has then paid twice.
        """
        paid = await create_object(
            f"settle-{external_id}",
            lambda options: self._v1.invoices.pay_async(external_id, {"paid_out_of_band": True}, options),
            lambda: self._find_in_status(external_id, "paid"),
        )
        if await list_intents(self._api, external_id):
            raise BillingProviderError("a card has already paid this invoice")
        return await read_receipt(self._api, paid)

    async def get_invoice(self, external_id: str) -> InvoiceReceipt:
        """Return the state of an invoice. Raises BillingProviderError if it is not finalized."""
        found = await call_stripe(lambda: self._v1.invoices.retrieve_async(external_id))
        return await read_receipt(self._api, found, has_refunds=True)

    async def find_paid_invoice(self, payment_id: str) -> str | None:
        """Return the invoice that a PaymentIntent paid, or None."""
        return await find_invoice_of(self._api, payment_id)

    async def void_invoice(self, external_id: str, reason: str) -> InvoiceReceipt:
        """Void an invoice. Stripe does not store the reason; our audit log does."""
        void = await create_object(
            f"void-{external_id}",
            lambda options: self._v1.invoices.void_invoice_async(external_id, {}, options),
            lambda: self._find_in_status(external_id, "void"),
        )
        return await read_receipt(self._api, void)

    async def refund_invoice(self, external_id: str, refund_id: UUID, amount: Decimal, currency: str) -> str:
        """Refund to the card that paid. Raises BillingProviderError if no card paid."""
        intents = await list_intents(self._api, external_id)
        if not intents:
            raise BillingProviderError("no card paid this invoice")
        intent = intents[0]
        made = await create_object(
            f"refund-{refund_id}",
            lambda options: self._v1.refunds.create_async(
                {
                    "payment_intent": intent,
                    "amount": to_minor(amount, currency),
                    "metadata": {"refund_id": str(refund_id)},
                },
                options,
            ),
            lambda: self._find_refund(intent, refund_id),
        )
        if made.status in ("failed", "canceled"):
            raise BillingProviderError(f"the refund {made.id} is {made.status}")
        return made.id

    async def create_setup(self, customer_id: str) -> SetupSecret:
        """Create a SetupIntent, with which a browser adds a card for charges without the cardholder."""
        made = await call_stripe(
            lambda: self._v1.setup_intents.create_async(
                {"customer": customer_id, "usage": "off_session", "automatic_payment_methods": {"enabled": True}}
            )
        )
        if made.client_secret is None:
            raise BillingProviderError("Stripe returned no client secret")
        return SetupSecret(made.id, made.client_secret)

    async def set_payment_method(self, customer_id: str, method_id: str) -> PaymentCard:
        """Attach the payment method if necessary, and make it the default.

        Raises PaymentMethodUnknown, also for a method of another customer.
        """
        try:
            method = await call_stripe(lambda: self._v1.payment_methods.retrieve_async(method_id))
        except MissingObject as error:
            raise PaymentMethodUnknown(str(error)) from None
        if method.customer not in (None, customer_id):
            raise PaymentMethodUnknown("the payment method belongs to another customer")
        if method.customer is None:
            method = await call_stripe(
                lambda: self._v1.payment_methods.attach_async(method_id, {"customer": customer_id})
            )
        settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
        await call_stripe(lambda: self._v1.customers.update_async(customer_id, settings))
        return _card(method)

    async def get_payment_method(self, customer_id: str) -> PaymentCard | None:
        """Return the default payment method, or None."""
        customer = (await call_stripe(lambda: self._v1.customers.retrieve_async(customer_id))).to_dict()
        method_id = None if customer.get("deleted") else customer["invoice_settings"]["default_payment_method"]
        if method_id is None:
            return None
        return _card(await call_stripe(lambda: self._v1.payment_methods.retrieve_async(method_id)))

    async def remove_payment_method(self, method_id: str) -> None:
        """Detach the payment method. Does nothing if it is not attached."""
        method = await call_stripe(lambda: self._v1.payment_methods.retrieve_async(method_id))
        if method.customer is not None:
            await call_stripe(lambda: self._v1.payment_methods.detach_async(method_id))

    async def _ensure_customer(self, customer: BillingCustomer) -> str:
        fields: dict[str, Any] = {"name": customer.name, "metadata": {"workspace_id": str(customer.workspace_id)}}
        if customer.email is not None:
            fields["email"] = customer.email
        if customer.country is not None:
            fields["address"] = {"country": customer.country}
        customer_id = customer.customer_id
        key = f"customer-{customer.workspace_id}-{_digest(fields)}"
        if customer_id is not None:
            try:
                await call_stripe(lambda: self._v1.customers.update_async(customer_id, cast(Any, fields)))
            except MissingObject:
                key += f"-after-{customer_id}"
            else:
                return customer_id
        made = await create_object(
            key, lambda options: self._v1.customers.create_async(cast(Any, fields), options), _find_nothing
        )
        return made.id

    async def _ensure_draft(self, invoice: ProviderInvoice) -> StripeInvoice:
        return await create_object(
            f"invoice-{invoice.id}",
            lambda options: self._v1.invoices.create_async(
                {
                    "customer": invoice.customer_id,
                    "currency": invoice.currency,
                    "collection_method": "charge_automatically",
                    "auto_advance": False,
                    "pending_invoice_items_behavior": "exclude",
                    "metadata": {"invoice_id": str(invoice.id)},
                },
                options,
            ),
            lambda: self._find_invoice(invoice),
        )

    async def _find_invoice(self, invoice: ProviderInvoice) -> StripeInvoice | None:
        since = int((invoice.period_end - _SKEW).timestamp())
        page = await call_stripe(
            lambda: self._v1.invoices.list_async(
                {"customer": invoice.customer_id, "created": {"gte": since}, "limit": 100}
            )
        )
        return await first_object(page, lambda stored: metadata_of(stored).get("invoice_id") == str(invoice.id))

    async def _ensure_items(self, invoice: ProviderInvoice, external_id: str) -> None:
        page = await call_stripe(lambda: self._v1.invoice_items.list_async({"invoice": external_id, "limit": 100}))
        existing = {metadata_of(stored).get("line_id") async for stored in each_object(page)}
        for line in _fit_lines(invoice.lines):
            if str(line.id) not in existing:
                await create_object(
                    f"item-{line.id}",
                    partial(self._send_item, invoice, line, external_id),
                    partial(self._find_item, external_id, line),
                    is_missing=True,
                )

    async def _send_item(
        self, invoice: ProviderInvoice, line: ProviderInvoiceLine, external_id: str, options: Any
    ) -> StripeInvoiceItem:
        since, until = line.since or invoice.period_start, line.until or invoice.period_end
        return await self._v1.invoice_items.create_async(
            {
                "customer": invoice.customer_id,
                "invoice": external_id,
                "amount": to_minor(line.amount, invoice.currency),
                "currency": invoice.currency,
                "description": line.description,
                "period": {"start": int(since.timestamp()), "end": int(until.timestamp())},
                "metadata": {"line_id": str(line.id)},
            },
            options,
        )

    async def _find_item(self, external_id: str, line: ProviderInvoiceLine) -> StripeInvoiceItem | None:
        page = await call_stripe(lambda: self._v1.invoice_items.list_async({"invoice": external_id, "limit": 100}))
        return await first_object(page, lambda item: metadata_of(item).get("line_id") == str(line.id))

    async def _find_in_status(self, external_id: str, *statuses: str) -> StripeInvoice | None:
        found = await call_stripe(lambda: self._v1.invoices.retrieve_async(external_id))
        return found if found.status in statuses else None

    async def _find_refund(self, intent: str, refund_id: UUID) -> StripeRefund | None:
        page = await call_stripe(lambda: self._v1.refunds.list_async({"payment_intent": intent, "limit": 100}))
        return await first_object(page, lambda refund: metadata_of(refund).get("refund_id") == str(refund_id))


def _fit_lines(lines: Sequence[ProviderInvoiceLine]) -> Sequence[ProviderInvoiceLine]:
    """Combine the lines beyond Stripe's maximum into one line. Our own PDF contains all lines."""
    if len(lines) <= MOST_ITEMS:
        return lines
    kept, rest = lines[: MOST_ITEMS - 1], lines[MOST_ITEMS - 1 :]
    amount = sum((line.amount for line in rest), Decimal(0))
    return [*kept, replace(rest[0], description=f"{len(rest)} further lines", amount=amount, since=None, until=None)]


async def _find_nothing() -> None:
    """Return None, because Stripe cannot search for customers.

    A second customer, created after a day, is empty and harmless.
    """


def _card(method: StripePaymentMethod) -> PaymentCard:
    """Return the payment method as a card. Other kinds of payment methods have no last digits."""
    return PaymentCard(
        method.id, method.card.last4 if method.card else "", method.card.brand if method.card else method.type
    )


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest()[:16]


class StripeMeter:
    """A UsageReceiver that sends events to a Stripe meter.

    Args:
        event_name: Name of the meter's events.
    """

    def __init__(self, api: StripeApi, event_name: str) -> None:
        self._api, self._event_name = api, event_name

    async def record_usage(self, reading: UsageReading) -> None:
        """Send the reading. Stripe answers 400 for a known identifier: the reading has already arrived."""
        identifier = f"{reading.workspace_id}-{reading.day}-{reading.revision}"
        # Each revision is a second later, so that it is the newest event of the day.
        at = datetime.combine(reading.day, time(), UTC) + timedelta(seconds=reading.revision)
        try:
            await call_stripe(
                lambda: self._api.v1.billing.meter_events.create_async(
                    {
                        "event_name": self._event_name,
                        "payload": {"stripe_customer_id": reading.customer_id, "value": str(reading.seconds)},
                        "identifier": identifier,
                        "timestamp": int(at.timestamp()),
                    }
                )
            )
        except DuplicateObject:
            return
