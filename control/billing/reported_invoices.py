"""What customers' systems are told of money: invoices, and spending limits."""

from datetime import UTC, datetime

from control.billing import store_invoices
from control.billing.accounts import AlertKind
from control.billing.invoices import Invoice
from control.billing.spend_snapshot import SpendSnapshot
from control.db.pool import Connection
from control.outbound_webhooks.event_types import EventType, InvoiceEventData, SpendingLimitEventData
from control.outbound_webhooks.service import ReportedFact, report_facts


async def store_state(db: Connection, invoice: Invoice) -> None:
    """Stores an invoice's state, with the event of it; none for a draft, which the customer does not see. The invoice
    must be locked."""
    await store_invoices.update_state(db, invoice)
    if invoice.status == "draft":
        return
    data = InvoiceEventData(
        invoice_id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        amount=invoice.amount,
        amount_paid=invoice.amount_paid,
        currency=invoice.currency,
        due_at=invoice.due_at,
    )
    fact = ReportedFact(invoice.workspace_id, "invoice.updated", invoice.id, datetime.now(UTC), data)
    await report_facts(db, [fact])


async def report_limit(db: Connection, snapshot: SpendSnapshot, kind: AlertKind, now: datetime) -> None:
    """Stores the event of an alert, in its transaction."""
    data = SpendingLimitEventData(
        period_start=snapshot.period.period.start,
        usage_limit=snapshot.budget.limit,
        spent=snapshot.budget.spent,
        currency=snapshot.period.currency,
        ends_calls=snapshot.limit.ends_calls,
    )
    workspace_id = snapshot.workspace_id
    type_: EventType = "spending_limit.near" if kind == "threshold" else "spending_limit.reached"
    await report_facts(db, [ReportedFact(workspace_id, type_, workspace_id, now, data)])
