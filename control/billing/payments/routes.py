"""Routes of payment methods for workspace owners, and of payments and refunds for staff."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import Field, StringConstraints

from control.billing.accounts.routes import BillingSettingsView, to_settings
from control.billing.accounts.service import get_settings
from control.billing.fields import ADMIN_BILLING, BILLING, WRITERS, Amount, VoidReason
from control.billing.invoices import service as invoices_service
from control.billing.invoices.routes import AdminInvoiceAnswer, to_admin_invoice
from control.billing.invoices.rules import PaymentNotice
from control.billing.payments.service import (
    AddedMethod,
    Payments,
    StartedSetup,
    add_payment_method,
    find_payment_method,
    remove_payment_method,
    save_added,
    save_customer,
    save_removed,
    start_setup,
)
from control.http.access import member
from control.http.body import ONE_LINE, Body, Slug
from control.http.context import AdminContext, MemberContext
from control.http.fields import InvoiceId
from control.http.responses.after_commit import CheckedChange
from control.http.route import RateLimit, Route

# --- For owners ----------------------------------------------------------------------------------------------------
METHOD = f"{BILLING}/payment-method"
# Rate-limited, because each request calls Stripe, and criminals test stolen cards in large numbers.
METHOD_LIMIT = RateLimit("payment-methods", 20, 3_600)


@dataclass(frozen=True, slots=True)
class SetupView:
    """The data that a browser needs to give a card to Stripe."""

    setup_intent_id: Annotated[
        str, Field(description="Id of the SetupIntent at Stripe.", examples=["seti_1Pq2Rs3Tu4Vw5Xy6"])
    ]
    client_secret: Annotated[
        str,
        Field(
            description="Client secret for Stripe's JavaScript, valid once.",
            examples=["seti_1Pq2Rs3Tu4Vw5Xy6_secret_a1B2"],
        ),
    ]


class PaymentMethodBody(Body):
    """A payment method that a browser has given to Stripe."""

    stripe_payment_method_id: Annotated[
        str,
        StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,200}$"),
        Field(description="Id of the payment method at Stripe.", examples=["pm_1Pq2Rs3Tu4Vw5Xy6"]),
    ]


async def start_payment_setup(context: MemberContext) -> CheckedChange[SetupView]:
    """Start adding a card.

    The browser gives the card to Stripe with this secret, then sends its id to `…/payment-method`.
    """
    payments = context.services[Payments]
    provider, customer = payments.require_provider(), await payments.make_customer(context.db, context.workspace_id)
    started: list[StartedSetup] = []

    async def ask() -> None:
        started.append(await start_setup(provider, customer))

    async def save(again: MemberContext) -> SetupView:
        await save_customer(again.db, customer, started[-1].customer_id)
        return SetupView(started[-1].secret.id, started[-1].secret.secret)

    return CheckedChange(ask, save)


async def set_payment_method(context: MemberContext, body: PaymentMethodBody) -> CheckedChange[BillingSettingsView]:
    """Set the payment method that pays invoices from now on. Open invoices are charged to it."""
    payments, workspace_id = context.services[Payments], context.workspace_id
    provider, customer = payments.require_provider(), await payments.make_customer(context.db, workspace_id)
    added: list[AddedMethod] = []

    async def ask() -> None:
        added.append(await add_payment_method(provider, customer, body.stripe_payment_method_id))

    async def save(again: MemberContext) -> BillingSettingsView:
        await save_added(again.db, again.actor, customer, added[-1], again.now)
        return to_settings(*await get_settings(again.db, workspace_id))

    return CheckedChange(ask, save)


async def delete_payment_method(context: MemberContext) -> CheckedChange[None]:
    """Remove the payment method. Invoices then wait for another payment method and become overdue."""
    provider = context.services[Payments].require_provider()
    method_id = await find_payment_method(context.db, context.workspace_id)

    async def save(again: MemberContext) -> None:
        if method_id is not None:
            await save_removed(again.db, again.actor, again.workspace_id, method_id, again.now)

    return CheckedChange(partial(remove_payment_method, provider, method_id), save)


# --- For the staff -------------------------------------------------------------------------------------------------
INVOICE = f"{ADMIN_BILLING}/invoices/{{invoiceId}}"
# Limits a staff member's requests to the payment company.
_PROVIDER_REQUESTS = RateLimit("sink-requests", 60, 60)
Reference = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]


class PaymentBody(Body):
    """A payment or refund. A payment with an equal method and reference is recorded only once."""

    amount: Amount | None = Field(
        None, description="Amount in major units; default: the whole open or refundable amount.", examples=[20.0]
    )
    method: Slug = Field(
        "bank_transfer", description="Payment method, such as `bank_transfer` or `cash`.", examples=["bank_transfer"]
    )
    reference: Reference = Field("", description="The bank's reference.", examples=["DE-2026-4711"])
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = Field(
        "", description="The reason, for the audit log.", examples=["Payment overdue"]
    )


async def void_invoice(
    context: AdminContext, invoice_id: InvoiceId, body: VoidReason
) -> CheckedChange[AdminInvoiceAnswer]:
    """Void an issued, unpaid invoice. Its charges are given up, and its credits become usable again."""
    payments = context.services[Payments]
    external_id = await payments.find_open(context.db, invoice_id)

    async def save(again: AdminContext) -> AdminInvoiceAnswer:
        invoice = await invoices_service.void_invoice(again.db, again.actor, invoice_id, body.reason, again.now)
        return AdminInvoiceAnswer(to_admin_invoice(invoice))

    return CheckedChange(partial(payments.void, external_id, body.reason) if external_id else None, save)


async def record_payment(
    context: AdminContext, invoice_id: InvoiceId, body: PaymentBody
) -> CheckedChange[AdminInvoiceAnswer]:
    """Record a payment. The invoice is paid when its whole amount is received.

    An invoice at Stripe can only be paid as a whole.
    """
    payments = context.services[Payments]
    external_id = await payments.find_open(context.db, invoice_id)
    if external_id is not None:
        await payments.require_whole(context.db, invoice_id, body.amount)

    async def save(again: AdminContext) -> AdminInvoiceAnswer:
        invoice = await invoices_service.record_manual_payment(
            again.db, again.actor, invoice_id, _notice(body), again.now
        )
        return AdminInvoiceAnswer(to_admin_invoice(invoice))

    return CheckedChange(partial(payments.settle, external_id) if external_id else None, save)


async def refund_payment(context: AdminContext, invoice_id: InvoiceId, body: PaymentBody) -> AdminInvoiceAnswer:
    """Record a refund. For an invoice at Stripe, the money is refunded to the card; the refund is shown afterwards."""
    db, actor, notice = context.db, context.actor, _notice(body)
    found = await context.services[Payments].order_refund(db, actor, invoice_id, notice)
    if found is None:
        found = await invoices_service.record_manual_refund(db, actor, invoice_id, notice, context.now)
    return AdminInvoiceAnswer(to_admin_invoice(found))


async def resume_invoice(context: AdminContext, invoice_id: InvoiceId) -> AdminInvoiceAnswer:
    """Issue or charge an invoice again that Stripe refused, after the cause is fixed."""
    invoice = await context.services[Payments].resume(context.db, context.actor, invoice_id, context.now)
    return AdminInvoiceAnswer(to_admin_invoice(invoice))


def _notice(body: PaymentBody) -> PaymentNotice:
    return PaymentNotice(body.amount, body.method, body.reference, body.reason)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        METHOD,
        set_payment_method,
        member("owner"),
        check_limit=METHOD_LIMIT,
        needs_recent_sign_in=True,
        errors=("409 no_card_payments", "409 sink_refused", "422 card_declined", "422 payment_method_unknown"),
    ),
    Route(
        "POST",
        f"{METHOD}/setup",
        start_payment_setup,
        member("owner"),
        check_limit=METHOD_LIMIT,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("409 no_card_payments", "409 sink_refused"),
    ),
    Route(
        "DELETE",
        METHOD,
        delete_payment_method,
        member("owner"),
        check_limit=METHOD_LIMIT,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("409 no_card_payments", "409 sink_refused"),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        f"{INVOICE}/void",
        void_invoice,
        WRITERS,
        check_limit=_PROVIDER_REQUESTS,
        errors=("404 invoice_not_found", "409 no_card_payments", "409 sink_refused", "409 invoice_not_open"),
    ),
    Route(
        "POST",
        f"{INVOICE}/payments",
        record_payment,
        WRITERS,
        idempotent=True,
        check_limit=_PROVIDER_REQUESTS,
        beyond_spec=True,
        errors=(
            "404 invoice_not_found",
            "422 amount_invalid",
            "422 amount_too_high",
            "409 no_card_payments",
            "409 sink_refused",
            "409 invoice_not_open",
            "409 reference_used",
            "422 amount_too_low",
        ),
    ),
    Route(
        "POST",
        f"{INVOICE}/refunds",
        refund_payment,
        WRITERS,
        idempotent=True,
        beyond_spec=True,
        errors=(
            "404 invoice_not_found",
            "422 amount_invalid",
            "422 amount_too_high",
            "409 invoice_not_paid",
            "409 no_card_payments",
            "409 reference_used",
        ),
    ),
    Route(
        "POST",
        f"{INVOICE}/resume",
        resume_invoice,
        WRITERS,
        beyond_spec=True,
        errors=("404 invoice_not_found", "409 invoice_not_refused"),
    ),
)
