"""Stripe as a sink of invoices: the only module that imports Stripe's SDK.

An invoice of ours becomes one invoice at Stripe, with an item for each line. Stripe neither computes nor retries:
`auto_advance` is off, and jobs decide what happens when. So each method can be repeated at any point:

1. Before anything is created, it is looked for, by our id in its metadata. Stripe keeps idempotency keys for 24 hours
   only (docs.stripe.com/api/idempotent_requests), and a worker may come back later than that.
2. Keys are made from our ids. Stripe keeps a 500 under its key, too; when such an answer is replayed, the next key of
   the series is used. All workers take the same series, so that two at once never have a key each.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import httpx
import stripe

from control.billing.sinks import (
    PaymentCard,
    PaymentDeclined,
    SetupSecret,
    SinkCustomer,
    SinkError,
    SinkInvoice,
    SinkLine,
    SinkReceipt,
    SinkStatus,
    SinkUnavailable,
)
from control.billing.stripe_amounts import to_minor

NAME: Final = "stripe"
# Shapes of objects and events; the webhook endpoint at Stripe must have the same.
API_VERSION: Final = "2026-10-28.endive"
# Replayed failures that are passed over in one run.
_MOST_KEYS: Final = 5
# Clocks differ; and a draft is made after its period's end.
_SKEW: Final = timedelta(days=1)
_STATUSES: Final[Mapping[str, SinkStatus]] = {
    "open": "pending",
    "paid": "paid",
    "void": "void",
    "uncollectible": "uncollectible",
}
T = TypeVar("T")

# At lower levels the SDK logs what is sent.
logging.getLogger("stripe").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class StripeOptions:
    """url: of the API. key: secret. timeout_s: of one request."""

    key: str = field(repr=False)
    url: str = "https://api.stripe.com"
    timeout_s: float = 10.0


class HttpxTransport(stripe.HTTPClient):
    """Sends the SDK's requests by httpx, each within a time limit; makes no second attempt."""

    name = "httpx"

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(timeout=timeout_s)

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Raises stripe.APIConnectionError; its text holds neither URL nor body."""
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.request(method, url, headers=dict(headers), content=post_data)
        except (httpx.HTTPError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        return response.content, response.status_code, response.headers

    async def close_async(self) -> None:
        """Closes the connections."""
        await self._client.aclose()


class StripeSink:
    """A BillingSink."""

    name = NAME

    def __init__(self, options: StripeOptions, transport: HttpxTransport | None = None) -> None:
        self._http = transport or HttpxTransport(options.timeout_s)
        self._api = stripe.StripeClient(
            options.key,
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=self._http,
            base_addresses={"api": options.url.rstrip("/")},
        ).v1

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close_async()

    async def ensure_customer(self, customer: SinkCustomer) -> str:
        """Creates the customer, or updates name and addresses."""
        fields: dict[str, Any] = {"name": customer.name, "metadata": {"workspace_id": str(customer.workspace_id)}}
        if customer.email is not None:
            fields["email"] = customer.email
        if customer.country is not None:
            fields["address"] = {"country": customer.country}
        customer_id = customer.customer_id
        if customer_id is not None:
            await _call(lambda: self._api.customers.update_async(customer_id, cast(Any, fields)))
            return customer_id
        key = f"customer-{customer.workspace_id}-{_digest(fields)}"
        made = await self._create(
            key, lambda options: self._api.customers.create_async(cast(Any, fields), options), _find_nothing
        )
        return made.id

    async def issue_invoice(self, invoice: SinkInvoice) -> SinkReceipt:
        """Creates, fills and finalises the invoice, from where an earlier run stopped. Raises SinkError where Stripe's
        total is not ours; then it stays a draft, which nobody pays."""
        found = await self._ensure_draft(invoice)
        if found.status == "draft":
            await self._ensure_items(invoice, found.id)
            found = await _call(lambda: self._api.invoices.retrieve_async(found.id))
            if found.total != to_minor(invoice.total, invoice.currency):
                raise SinkError(f"the total at Stripe is {found.total}, in the smallest unit")
            found = await self._create(
                f"finalise-{invoice.id}",
                lambda options: self._api.invoices.finalize_invoice_async(found.id, {"auto_advance": False}, options),
                lambda: self._find_in_status(found.id, *_STATUSES),
            )
        return _receipt(found)

    async def pay_invoice(self, external_id: str, method_id: str, attempt: int) -> SinkReceipt:
        """The method is part of the key: a decline that Stripe keeps under it must not meet another card. Raises
        PaymentDeclined."""
        paid = await self._create(
            f"pay-{external_id}-{attempt}-{method_id}",
            lambda options: self._api.invoices.pay_async(
                external_id, {"off_session": True, "payment_method": method_id}, options
            ),
            lambda: self._find_in_status(external_id, "paid", "void"),
        )
        return _receipt(paid)

    async def settle_invoice(self, external_id: str) -> SinkReceipt:
        """Marks it as paid elsewhere."""
        paid = await self._create(
            f"settle-{external_id}",
            lambda options: self._api.invoices.pay_async(external_id, {"paid_out_of_band": True}, options),
            lambda: self._find_in_status(external_id, "paid"),
        )
        return _receipt(paid)

    async def get_invoice(self, external_id: str) -> SinkReceipt:
        """Raises SinkError for one that is not finalised."""
        return _receipt(await _call(lambda: self._api.invoices.retrieve_async(external_id)))

    async def void_invoice(self, external_id: str, reason: str) -> SinkReceipt:
        """Stripe keeps no reason: it is in our audit log."""
        void = await self._create(
            f"void-{external_id}",
            lambda options: self._api.invoices.void_invoice_async(external_id, {}, options),
            lambda: self._find_in_status(external_id, "void"),
        )
        return _receipt(void)

    async def refund_invoice(self, external_id: str, refund_id: UUID, amount: Decimal, currency: str) -> str:
        """Pays back to the card that paid. Raises SinkError where no card did."""
        payments = await _call(
            lambda: self._api.invoice_payments.list_async({"invoice": external_id, "status": "paid"})
        )
        intents = [one.payment.payment_intent for one in payments.data if one.payment.payment_intent]
        if not intents:
            raise SinkError("no card paid this invoice")
        intent = str(intents[0])
        made = await self._create(
            f"refund-{refund_id}",
            lambda options: self._api.refunds.create_async(
                {
                    "payment_intent": intent,
                    "amount": to_minor(amount, currency),
                    "metadata": {"refund_id": str(refund_id)},
                },
                options,
            ),
            lambda: self._find_refund(intent, refund_id),
        )
        return made.id

    async def create_setup(self, customer_id: str) -> SetupSecret:
        """A SetupIntent, by which a browser adds a card for charges without its holder."""
        made = await _call(
            lambda: self._api.setup_intents.create_async(
                {"customer": customer_id, "usage": "off_session", "automatic_payment_methods": {"enabled": True}}
            )
        )
        if made.client_secret is None:
            raise SinkError("Stripe returned no client secret")
        return SetupSecret(made.id, made.client_secret)

    async def set_payment_method(self, customer_id: str, method_id: str) -> PaymentCard:
        """Attaches it, unless it is, and makes it the default. Raises SinkError for one of another customer."""
        method = await _call(lambda: self._api.payment_methods.retrieve_async(method_id))
        if method.customer not in (None, customer_id):
            raise SinkError("the payment method belongs to another customer")
        if method.customer is None:
            method = await _call(lambda: self._api.payment_methods.attach_async(method_id, {"customer": customer_id}))
        settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
        await _call(lambda: self._api.customers.update_async(customer_id, settings))
        return _card(method)

    async def get_payment_method(self, customer_id: str) -> PaymentCard | None:
        """The default one."""
        customer = (await _call(lambda: self._api.customers.retrieve_async(customer_id))).to_dict()
        method_id = None if customer.get("deleted") else customer["invoice_settings"]["default_payment_method"]
        if method_id is None:
            return None
        return _card(await _call(lambda: self._api.payment_methods.retrieve_async(method_id)))

    async def remove_payment_method(self, method_id: str) -> None:
        """Detaches it; does nothing if it is not attached."""
        method = await _call(lambda: self._api.payment_methods.retrieve_async(method_id))
        if method.customer is not None:
            await _call(lambda: self._api.payment_methods.detach_async(method_id))

    async def _create(
        self,
        key: str,
        send: Callable[[Any], Awaitable[T]],
        find: Callable[[], Awaitable[T | None]],
        *,
        is_missing: bool = False,
    ) -> T:
        """Returns what `find` finds, else what `send` makes under the first key of the series that holds no failure.
        send: takes the request's options. is_missing: it was looked for already."""
        for number in range(_MOST_KEYS):
            found = None if is_missing and not number else await find()
            if found is not None:
                return found
            with suppress(_ReplayedFailure):
                return await _call(partial(send, {"idempotency_key": f"{key}-{number}"}))
        raise SinkUnavailable(f"{_MOST_KEYS} idempotency keys hold failures")

    async def _ensure_draft(self, invoice: SinkInvoice) -> stripe.Invoice:
        return await self._create(
            f"invoice-{invoice.id}",
            lambda options: self._api.invoices.create_async(
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

    async def _find_invoice(self, invoice: SinkInvoice) -> stripe.Invoice | None:
        since = int((invoice.period_end - _SKEW).timestamp())
        page = await _call(
            lambda: self._api.invoices.list_async(
                {"customer": invoice.customer_id, "created": {"gte": since}, "limit": 100}
            )
        )
        return await _first(page, lambda one: _metadata(one).get("invoice_id") == str(invoice.id))

    async def _ensure_items(self, invoice: SinkInvoice, external_id: str) -> None:
        page = await _call(lambda: self._api.invoice_items.list_async({"invoice": external_id, "limit": 100}))
        existing = {_metadata(one).get("line_id") async for one in _each(page)}
        for line in invoice.lines:
            if str(line.id) not in existing:
                await self._create(
                    f"item-{line.id}",
                    partial(self._send_item, invoice, line, external_id),
                    partial(self._find_item, external_id, line),
                    is_missing=True,
                )

    async def _send_item(
        self, invoice: SinkInvoice, line: SinkLine, external_id: str, options: Any
    ) -> stripe.InvoiceItem:
        since, until = line.since or invoice.period_start, line.until or invoice.period_end
        return await self._api.invoice_items.create_async(
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

    async def _find_item(self, external_id: str, line: SinkLine) -> stripe.InvoiceItem | None:
        page = await _call(lambda: self._api.invoice_items.list_async({"invoice": external_id, "limit": 100}))
        return await _first(page, lambda one: _metadata(one).get("line_id") == str(line.id))

    async def _find_in_status(self, external_id: str, *statuses: str) -> stripe.Invoice | None:
        found = await _call(lambda: self._api.invoices.retrieve_async(external_id))
        return found if found.status in statuses else None

    async def _find_refund(self, intent: str, refund_id: UUID) -> stripe.Refund | None:
        page = await _call(lambda: self._api.refunds.list_async({"payment_intent": intent, "limit": 100}))
        return await _first(page, lambda one: _metadata(one).get("refund_id") == str(refund_id))


class _ReplayedFailure(Exception):
    """A 5xx that Stripe has kept under the idempotency key."""


async def _call(send: Callable[[], Awaitable[T]]) -> T:
    """Maps the SDK's errors. Their messages may hold what was sent, so only codes are passed on."""
    try:
        return await send()
    except stripe.CardError as error:
        raise PaymentDeclined(error.code or "card_declined") from None
    except stripe.StripeError as error:
        status = error.http_status
        reason = f"{status or 'no answer'} {error.code or type(error).__name__} ({error.request_id or 'no request id'})"
        if status is not None and status >= 500 and (error.headers or {}).get("idempotent-replayed") == "true":
            raise _ReplayedFailure(reason) from None
        # A key that is refused is replaced by an operator; what waits for it goes on then.
        if status is None or status >= 500 or status in (401, 403, 409, 429):
            raise SinkUnavailable(reason) from None
        raise SinkError(reason) from None


async def _find_nothing() -> None:
    """Customers cannot be looked for: a second one that is made after a day holds nothing."""


async def _each(page: Any) -> AsyncIterator[Any]:
    """The objects of a list, page by page."""
    objects = page.auto_paging_iter()
    while True:
        one = await _call(lambda: anext(objects, None))
        if one is None:
            return
        yield one


async def _first(page: Any, matches: Callable[[Any], bool]) -> Any | None:
    async for one in _each(page):
        if matches(one):
            return one
    return None


def _metadata(one: Any) -> Mapping[str, str]:
    return one.to_dict().get("metadata") or {}


def _receipt(invoice: stripe.Invoice) -> SinkReceipt:
    """Raises SinkError for a draft."""
    status = _STATUSES.get(invoice.status or "")
    if status is None or invoice.number is None:
        raise SinkError(f"the invoice is {invoice.status} at Stripe")
    return SinkReceipt(invoice.id, invoice.number, status, None, None)


def _card(method: stripe.PaymentMethod) -> PaymentCard:
    """Other kinds of payment methods have no last digits."""
    return PaymentCard(
        method.id, method.card.last4 if method.card else "", method.card.brand if method.card else method.type
    )


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest()[:16]
