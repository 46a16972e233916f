"""Texts of the e-mails about invoices."""

from zoneinfo import ZoneInfo

from control.accounts.emails.service import Email
from control.billing.invoices.rules import Invoice, format_days
from control.billing.money import format_money


def invoice_email(to: str, invoice: Invoice, link: str) -> Email:
    """Return the e-mail about an issued invoice.

    Its id is the invoice's id, so that a retry sends an identical e-mail.
    """
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


def declined_email(to: str, invoice: Invoice, link: str) -> Email:
    """Return the e-mail about a declined card charge."""
    return Email(
        to,
        f"Your card was declined for invoice {invoice.number}",
        f"""Hello,

your card was declined for the invoice {invoice.number}: {format_money(invoice.amount_due, invoice.currency)}.

Please check it, or add another one. The invoice is here:

{link}
""",
    )


def overdue_email(to: str, invoice: Invoice, link: str) -> Email:
    """Return the e-mail about an overdue invoice.

    Its id is the invoice's id with a suffix, so that a retry sends an identical e-mail.
    """
    return Email(
        to,
        f"Invoice {invoice.number} is overdue",
        f"""Hello,

the invoice {invoice.number} is overdue: {format_money(invoice.amount_due, invoice.currency)}.

If it stays unpaid, your workspace will be suspended: its agents then answer no calls. The invoice is here:

{link}
""",
        id=f"{invoice.id}-overdue",
    )
