"""SQL of payments. Rows are only inserted."""

from dataclasses import fields
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.billing.invoices import Payment
from control.db.pool import Connection

_PAYMENT: Final = tuple(field.name for field in fields(Payment))


async def insert_payment(db: Connection, payment: Payment) -> bool:
    """Returns False if the invoice has one of this kind with this method and reference."""
    places = ", ".join(f"${place}" for place in range(1, len(_PAYMENT) + 1))
    tag = await db.execute(
        f"INSERT INTO payments ({', '.join(_PAYMENT)}) VALUES ({places}) ON CONFLICT DO NOTHING",
        *(getattr(payment, name) for name in _PAYMENT),
    )
    return bool(tag == "INSERT 0 1")


async def select_amount(db: Connection, payment: Payment) -> Decimal | None:
    """The amount of the invoice's payment or refund with this method and reference."""
    amount: Decimal | None = await db.fetchval(
        "SELECT amount FROM payments WHERE invoice_id = $1 AND kind = $2 AND method = $3 AND reference = $4",
        payment.invoice_id,
        payment.kind,
        payment.method,
        payment.reference,
    )
    return amount


async def select_payments(db: Connection, invoice_id: UUID, workspace_id: UUID) -> list[Payment]:
    """Payments and refunds of an invoice, the oldest first."""
    rows = await db.fetch(
        f"SELECT {', '.join(_PAYMENT)} FROM payments WHERE invoice_id = $1 AND workspace_id = $2 "
        "ORDER BY at, id LIMIT 1000",
        invoice_id,
        workspace_id,
    )
    return [Payment(**row) for row in rows]
