"""The text of the e-mail that tells of a new invoice."""

from zoneinfo import ZoneInfo

from control.accounts.email_delivery import Email
from control.billing.descriptions import format_days
from control.billing.invoices import Invoice
from control.billing.money import format_money


def invoice_email(to: str, invoice: Invoice, link: str) -> Email:
    """The invoice must be issued. The id is the invoice's, so that a repetition is the same e-mail."""
    days = format_days(invoice.period_start, invoice.period_end, invoice.timezone)
    due = f"{invoice.due_at.astimezone(ZoneInfo(invoice.timezone)):%d %B %Y}" if invoice.due_at else ""
    return Email(
        to,
        f"Invoice {invoice.number} from Vocalized",
        f"""Hello,

the invoice {invoice.number} for {days} is ready: {format_money(invoice.amount, invoice.currency)}, to be paid by {due}.

You can read it and save it as a PDF here:

{link}
""",
        id=str(invoice.id),
    )
