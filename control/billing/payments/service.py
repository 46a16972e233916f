"""Payment methods and invoices at a payment company: changes by customers and staff, and the company's reports.

The platform never receives card numbers: a browser gives them to the payment company.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from control.audit.service import Actor, Change, record_change
from control.billing.accounts import queries as accounts_queries
from control.billing.accounts.service import BillingMail, load_account
from control.billing.invoices import queries as invoices_queries
from control.billing.invoices import service as invoices_service
from control.billing.invoices.rules import Invoice, Payment, PaymentNotice
from control.billing.invoices.service import store_state
from control.billing.jobs import enqueue_once
from control.billing.money import require_exact
from control.billing.payments import queries
from control.billing.payments.provider import (
    BillingCustomer,
    BillingProvider,
    BillingProviderError,
    BillingProviderUnavailable,
    InvoiceReceipt,
    PaymentCard,
    PaymentDeclined,
    PaymentMethodUnknown,
    ProviderAmount,
    SetupSecret,
)
from control.billing.payments.rules import REFUND, RefundJob, RefundOrder
from control.db.pool import Connection
from shared.errors import Conflict, Invalid, Unavailable
from shared.ids import new_id

OPEN: Final = ("pending", "overdue")
SYSTEM: Final = Actor("system")
# Payment method of credit notes, which move no money.
CREDIT_NOTE: Final = "credit_note"
log = structlog.get_logger()


# --- The payment company -------------------------------------------------------------------------------------------
@contextmanager
def map_provider_errors(param: str | None = None) -> Iterator[None]:
    """Convert the provider's errors to API errors.

    Raises Invalid (codes card_declined, payment_method_unknown), Conflict (code sink_refused) and Unavailable.
    """
    try:
        yield
    except PaymentDeclined:
        raise Invalid("The card was declined.", code="card_declined", param=param) from None
    except PaymentMethodUnknown:
        raise Invalid("This payment method does not exist.", code="payment_method_unknown", param=param) from None
    except BillingProviderError as error:
        raise Conflict(f"The payment company refused the request: {error}.", code="sink_refused") from None
    except BillingProviderUnavailable:
        raise Unavailable("The payment company is not responding. Try again in a minute.") from None


class Payments:
    """The payment company of the platform, for customers and staff.

    Staff changes of an invoice are made at the payment company first, outside a transaction, and then in our records.

    Args:
        provider: None if the platform has no payment company.
    """

    def __init__(self, provider: BillingProvider | None, mail: BillingMail) -> None:
        self.provider, self._mail = provider, mail

    def require_provider(self) -> BillingProvider:
        """Return the payment company. Raises Conflict (code no_card_payments)."""
        if self.provider is None:
            raise Conflict(
                "This platform does not accept cards. Invoices are paid by bank transfer.", code="no_card_payments"
            )
        return self.provider

    async def make_customer(self, db: Connection, workspace_id: UUID, name: str | None = None) -> BillingCustomer:
        """Return the customer data that the payment company needs.

        Args:
            name: Name of a workspace that may be purged.
        """
        account = await load_account(db, workspace_id)
        known = await queries.select_account(db, workspace_id)
        facts = await accounts_queries.select_facts(db, workspace_id) if name is None else None
        return BillingCustomer(
            workspace_id=workspace_id,
            customer_id=known.customer_id if known else None,
            name=account.legal_name or name or (facts.name if facts else ""),
            email=await self._mail.find_recipient(db, workspace_id),
            country=account.country,
            tax_id=account.tax_id,
        )

    async def require_payment_method(self, db: Connection, workspace_id: UUID) -> None:
        """Require that a workspace has a payment method before it orders something.

        Nothing is required without a billing provider, or if staff exempted the workspace. The rows are not locked,
        because a payment method can be removed later anyway. Raises Conflict (code payment_method_required).
        """
        if self.provider is None or await find_payment_method(db, workspace_id) is not None:
            return
        account = await accounts_queries.select_account(db, workspace_id)
        if account is None or not account.is_payment_method_exempt:
            raise Conflict(
                "This workspace has no payment method. An owner must add one first: "
                f"POST /workspaces/{workspace_id}/billing/payment-method/setup.",
                code="payment_method_required",
            )

    async def find_open(self, db: Connection, invoice_id: UUID) -> str | None:
        """Return the payment company's id of an invoice that is open there, or None if only our records have the
        invoice.

        Raises Conflict (code no_card_payments) if its payment company is not set up.
        """
        invoice = await invoices_queries.select_invoice(db, invoice_id)
        if invoice is None or invoice.stripe_invoice_id is None or invoice.status not in OPEN:
            return None
        self._require_invoice_provider()
        return invoice.stripe_invoice_id

    async def void(self, external_id: str, reason: str) -> None:
        """Void an invoice at the payment company. Raises the errors of `map_provider_errors`."""
        with map_provider_errors():
            await self._require_invoice_provider().void_invoice(external_id, reason)

    async def settle(self, external_id: str) -> None:
        """Mark an invoice at the payment company as paid elsewhere. Raises the errors of `map_provider_errors`."""
        with map_provider_errors():
            await self._require_invoice_provider().settle_invoice(external_id)

    async def require_whole(self, db: Connection, invoice_id: UUID, amount: Decimal | None) -> None:
        """Require that a payment covers everything that is due.

        Payment companies do not accept partial payments made elsewhere. Raises Invalid (code amount_too_low).
        """
        invoice = await invoices_service.lock_invoice(db, invoice_id)
        if amount is not None and amount < invoice.amount_due:
            raise Invalid(
                "This invoice is at the payment company, so it can only be recorded as paid elsewhere in full.",
                param="amount",
                code="amount_too_low",
            )

    async def order_refund(
        self, db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice
    ) -> Invoice | None:
        """Order a refund. A job makes it at the payment company and then records it.

        Returns None if the invoice is not at a payment company. Raises NotFound, Conflict (codes invoice_not_paid,
        no_card_payments) and Invalid (codes amount_too_high, amount_invalid).
        """
        invoice = await invoices_service.lock_invoice(db, invoice_id)
        if invoice.stripe_invoice_id is None:
            return None
        self._require_invoice_provider()
        orders = await queries.select_open_orders(db, invoice_id)
        left = invoice.amount_paid - invoice.amount_refunded - sum((order.amount for order in orders), Decimal(0))
        amount = left if notice.amount is None else require_exact(notice.amount, invoice.currency)
        if left <= 0:
            raise Conflict("This invoice has no payment that can be refunded.", code="invoice_not_paid")
        if amount > left:
            raise Invalid(f"At most {left} can be refunded.", param="amount", code="amount_too_high")
        order = RefundOrder(UUID(new_id()), invoice.workspace_id, invoice.id, amount, notice.reason, actor.id)
        await queries.insert_order(db, order)
        await enqueue_once(db, REFUND, RefundJob(order.id))
        change = Change("invoice.order_refund", "invoice", str(invoice.id), invoice.workspace_id)
        await record_change(db, actor, change)
        return invoice

    async def resume(self, db: Connection, actor: Actor, invoice_id: UUID, now: datetime) -> Invoice:
        """Plan another attempt for an invoice that the payment company refused.

        Raises NotFound and Conflict (code invoice_not_refused).
        """
        invoice = await invoices_service.lock_invoice(db, invoice_id)
        if not await queries.resume_invoice(db, invoice_id, now):
            raise Conflict("The payment company has not refused this invoice.", code="invoice_not_refused")
        await record_change(db, actor, Change("invoice.resume", "invoice", str(invoice.id), invoice.workspace_id))
        return invoice

    def _require_invoice_provider(self) -> BillingProvider:
        if self.provider is None:
            raise Conflict("The payment company of this invoice is not set up.", code="no_card_payments")
        return self.provider


# --- Payment methods -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AddedMethod:
    """A payment method that was added at the payment company but is not stored yet."""

    customer_id: str
    card: PaymentCard


@dataclass(frozen=True, slots=True)
class StartedSetup:
    """A started addition of a payment method, whose customer is not stored yet."""

    customer_id: str
    secret: SetupSecret


async def start_setup(provider: BillingProvider, customer: BillingCustomer) -> StartedSetup:
    """Start adding a payment method, outside a transaction. Raises the errors of `map_provider_errors`."""
    with map_provider_errors():
        customer_id = await provider.ensure_customer(customer)
        return StartedSetup(customer_id, await provider.create_setup(customer_id))


async def save_customer(db: Connection, customer: BillingCustomer, customer_id: str) -> None:
    """Store the workspace's customer id if it has none.

    Raises Conflict (code sink_refused) if another request stored another id, because a payment method of this customer
    would never pay.
    """
    account = await queries.insert_account(db, customer.workspace_id, customer_id, customer.customer_id)
    if account.customer_id != customer_id:
        raise Conflict(
            "Another request started adding a payment method at the same time. Start again.", code="sink_refused"
        )


async def add_payment_method(provider: BillingProvider, customer: BillingCustomer, method_id: str) -> AddedMethod:
    """Add a payment method, outside a transaction. Raises the errors of `map_provider_errors`."""
    with map_provider_errors("stripe_payment_method_id"):
        customer_id = await provider.ensure_customer(customer)
        return AddedMethod(customer_id, await provider.set_payment_method(customer_id, method_id))


async def save_added(
    db: Connection, actor: Actor, customer: BillingCustomer, added: AddedMethod, now: datetime
) -> None:
    """Store the result of `add_payment_method`, and plan charges of open invoices.

    Raises the errors of `save_customer`.
    """
    workspace_id = customer.workspace_id
    await save_customer(db, customer, added.customer_id)
    await save_payment_method(db, workspace_id, added.card, now)
    after = {"last4": added.card.last4, "brand": added.card.brand}
    await record_change(
        db, actor, Change("payment_method.add", "workspace", str(workspace_id), workspace_id, None, after)
    )


async def save_payment_method(db: Connection, workspace_id: UUID, card: PaymentCard | None, now: datetime) -> None:
    """Store which payment method pays. If it is new, open invoices are charged again.

    The customer must be stored. A purged workspace has no settings, so its card is not stored there.
    """
    changed = await queries.update_method(db, workspace_id, card.id if card else None)
    if await accounts_queries.select_facts(db, workspace_id) is not None:
        last4 = card.last4 or None if card else None
        await accounts_queries.upsert_settings(db, workspace_id, {"payment_method_last4": last4})
    if changed and card is not None:
        await queries.resume_collections(db, workspace_id, now)


async def find_payment_method(db: Connection, workspace_id: UUID) -> str | None:
    """Return the payment company's id of the payment method that pays, or None."""
    account = await queries.select_account(db, workspace_id)
    return account.payment_method_id if account else None


async def remove_payment_method(provider: BillingProvider, method_id: str | None) -> None:
    """Remove a payment method, outside a transaction. Raises the errors of `map_provider_errors`."""
    if method_id is not None:
        with map_provider_errors():
            await provider.remove_payment_method(method_id)


async def save_removed(db: Connection, actor: Actor, workspace_id: UUID, method_id: str, now: datetime) -> None:
    """Store that the workspace has no payment method, unless another one was set in the meantime."""
    if await find_payment_method(db, workspace_id) not in (None, method_id):
        return
    await save_payment_method(db, workspace_id, None, now)
    await record_change(db, actor, Change("payment_method.remove", "workspace", str(workspace_id), workspace_id))


# --- Reports of the payment company --------------------------------------------------------------------------------
async def apply_receipt(db: Connection, invoice: Invoice, receipt: InvoiceReceipt, now: datetime) -> Invoice:
    """Update our record of an invoice to the state that the payment company reports. Needs platform scope.

    Reports may arrive twice and in any order: a paid or void invoice stays so, and an uncollectible invoice can still
    be paid. Credit notes are applied first. Credit notes of a void invoice do not count, because all its charges are
    given up.

    Args:
        invoice: Must be locked and issued.
    """
    credited = () if receipt.status == "void" else receipt.credited
    invoice = await _apply_credits(db, invoice, credited, now)
    match receipt.status:
        case "paid" if invoice.status in (*OPEN, "uncollectible"):
            invoice = await _settle(db, invoice, receipt, now)
        case "paid" if invoice.status == "void":
            log.error("invoice.paid_after_void", invoice_id=str(invoice.id), workspace_id=str(invoice.workspace_id))
        case "void" if invoice.status in (*OPEN, "uncollectible") and _is_unpaid(invoice):
            invoice = await _reopen(db, invoice)
            invoice = await invoices_service.void_invoice(db, SYSTEM, invoice.id, f"Void at {invoice.sink}.", now)
        case "uncollectible" if invoice.status in OPEN:
            invoice = replace(invoice, status="uncollectible")
            await store_state(db, invoice)
    if receipt.refunded is not None and invoice.amount_paid:
        invoice = await _apply_refunds(db, invoice, receipt.refunded, now)
    await queries.mark_checked(db, invoice.id, now, is_over=invoice.status not in OPEN)
    return invoice


async def _settle(db: Connection, invoice: Invoice, receipt: InvoiceReceipt, now: datetime) -> Invoice:
    """Record that the payment company received the whole open amount."""
    invoice = await _reopen(db, invoice)
    payment = invoices_service.make_payment(
        invoice, invoice.amount_due, invoice.sink, now, reference=receipt.external_id
    )
    return await invoices_service.record_payment(db, SYSTEM, payment)


async def _reopen(db: Connection, invoice: Invoice) -> Invoice:
    """Make an uncollectible invoice pending, so that it can be paid or voided."""
    if invoice.status != "uncollectible":
        return invoice
    invoice = replace(invoice, status="pending")
    await store_state(db, invoice)
    return invoice


def _is_unpaid(invoice: Invoice) -> bool:
    return invoice.amount_paid <= invoice.amount_refunded


async def _apply_credits(
    db: Connection, invoice: Invoice, reported: Sequence[ProviderAmount], now: datetime
) -> Invoice:
    """Record new credit notes, and credit notes that were voided."""
    payments = await invoices_queries.select_payments(db, invoice.id, invoice.workspace_id)
    recorded = _sum_by_reference([payment for payment in payments if payment.method == CREDIT_NOTE])
    for note in reported:
        if recorded.pop(note.reference, Decimal(0)) == 0 and note.amount <= invoice.amount_due:
            credit = invoices_service.make_payment(invoice, note.amount, CREDIT_NOTE, now, reference=note.reference)
            invoice = await invoices_service.credit_invoice(db, SYSTEM, replace(credit, reason=note.reason))
    for reference, amount in recorded.items():
        if amount > 0 and invoice.status in OPEN:
            gone = invoices_service.make_payment(invoice, -amount, CREDIT_NOTE, now, reference=reference)
            invoice = await invoices_service.cancel_credit(db, SYSTEM, replace(gone, reason="The credit note is void."))
    return invoice


async def _apply_refunds(
    db: Connection, invoice: Invoice, reported: Sequence[ProviderAmount], now: datetime
) -> Invoice:
    """Record new refunds, made by staff at the payment company or by our orders, and refunds that were returned."""
    payments = await invoices_queries.select_payments(db, invoice.id, invoice.workspace_id)
    refunds = {payment.reference for payment in payments if payment.kind == "refund" and payment.method == invoice.sink}
    recorded = _sum_by_reference(
        [payment for payment in payments if payment.method == invoice.sink and payment.reference in refunds]
    )
    for refund in reported:
        if recorded.pop(refund.reference, Decimal(0)) == 0:
            invoice = await _record_refund(db, invoice, refund, now)
    for reference, amount in recorded.items():
        if amount < 0:
            back = invoices_service.make_payment(invoice, -amount, invoice.sink, now, reference=reference)
            invoice = await invoices_service.cancel_refund(db, SYSTEM, replace(back, reason="The refund failed."))
    return invoice


async def _record_refund(db: Connection, invoice: Invoice, reported: ProviderAmount, now: datetime) -> Invoice:
    if reported.amount > invoice.amount_paid - invoice.amount_refunded:
        log.error("refund.too_high", invoice_id=str(invoice.id), reference=reported.reference)
        return invoice
    order = await queries.select_order(db, reported.order_id, lock=True) if reported.order_id else None
    refund = invoices_service.make_payment(invoice, -reported.amount, invoice.sink, now, reference=reported.reference)
    if order is not None:
        refund = replace(refund, recorded_by=order.ordered_by)
        await queries.close_order(db, order.id)
    reason = order.reason if order is not None else reported.reason
    return await invoices_service.refund_payment(db, SYSTEM, replace(refund, reason=reason))


def _sum_by_reference(payments: Sequence[Payment]) -> dict[str, Decimal]:
    """Return the sum of payments by reference. A reference occurs twice if its payment was taken back."""
    sums: dict[str, Decimal] = {}
    for payment in payments:
        sums[payment.reference] = sums.get(payment.reference, Decimal(0)) + payment.amount
    return sums
