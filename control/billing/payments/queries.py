"""SQL for customers and invoices at the billing provider, refund orders, and metered days."""

from dataclasses import fields
from datetime import date, datetime
from typing import Final
from uuid import UUID

from control.billing.payments.provider import UsageReading
from control.billing.payments.rules import BillingProviderAccount, Collection, RefundOrder
from control.db.pool import Connection

# --- Customers at the payment company ------------------------------------------------------------------------------
_ACCOUNT: Final = "workspace_id, customer_id, payment_method_id, revision"
_MAX_ERROR_LENGTH: Final = 200


async def select_account(db: Connection, workspace_id: UUID, *, lock: bool = False) -> BillingProviderAccount | None:
    """Return the workspace's customer at the provider, or None.

    Args:
        lock: Lock the row until the transaction ends.
    """
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"SELECT {_ACCOUNT} FROM sink_customers WHERE workspace_id = $1{ending}", workspace_id)
    return None if row is None else BillingProviderAccount(**row)


async def select_account_of(db: Connection, customer_id: str) -> BillingProviderAccount | None:
    """Return the account with the provider's customer id, or None. Needs platform scope."""
    row = await db.fetchrow(f"SELECT {_ACCOUNT} FROM sink_customers WHERE customer_id = $1", customer_id)
    return None if row is None else BillingProviderAccount(**row)


async def insert_account(
    db: Connection, workspace_id: UUID, customer_id: str, replaced: str | None = None
) -> BillingProviderAccount:
    """Store the provider's customer id and return the stored account.

    An existing account stays, unless its id is `replaced`, which no longer exists at the provider.
    """
    await db.execute(
        """
        INSERT INTO sink_customers (workspace_id, customer_id) VALUES ($1, $2)
        ON CONFLICT (workspace_id) DO UPDATE
            SET customer_id = $2, payment_method_id = NULL, revision = sink_customers.revision + 1, updated_at = now()
            WHERE sink_customers.customer_id = $3 AND sink_customers.customer_id <> $2
        """,
        workspace_id,
        customer_id,
        replaced,
    )
    account = await select_account(db, workspace_id)
    assert account is not None, "the provider gave one customer to two workspaces"
    return account


async def update_method(db: Connection, workspace_id: UUID, method_id: str | None) -> bool:
    """Store the payment method, and return whether it changed.

    The account's revision always increases, so that an older response of the provider is not stored afterwards.
    """
    account = await select_account(db, workspace_id, lock=True)
    await db.execute(
        "UPDATE sink_customers SET payment_method_id = $2, revision = revision + 1, updated_at = now() "
        "WHERE workspace_id = $1",
        workspace_id,
        method_id,
    )
    return account is not None and account.payment_method_id != method_id


# --- Invoices at the payment company -------------------------------------------------------------------------------
_COLLECTION: Final = tuple(field.name for field in fields(Collection))


async def select_collection(db: Connection, invoice_id: UUID, *, lock: bool = False) -> Collection | None:
    """Return how an invoice is collected, or None.

    Args:
        lock: Lock the row until the transaction ends.
    """
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(
        f"SELECT {', '.join(_COLLECTION)} FROM sink_invoices WHERE invoice_id = $1{ending}", invoice_id
    )
    return None if row is None else Collection(**row)


async def upsert_collection(db: Connection, collection: Collection) -> None:
    """Store all fields. `last_error` is cut to 200 characters."""
    places = ", ".join(f"${place}" for place in range(1, len(_COLLECTION) + 1))
    sets = ", ".join(f"{name} = excluded.{name}" for name in _COLLECTION[2:])
    values = {name: getattr(collection, name) for name in _COLLECTION}
    values["last_error"] = collection.last_error and collection.last_error[:_MAX_ERROR_LENGTH]
    await db.execute(
        f"INSERT INTO sink_invoices ({', '.join(_COLLECTION)}) VALUES ({places}) "
        f"ON CONFLICT (invoice_id) DO UPDATE SET {sets}",
        *values.values(),
    )


async def mark_checked(db: Connection, invoice_id: UUID, now: datetime, *, is_over: bool) -> None:
    """Record a response of the provider.

    Args:
        is_over: Whether no further charge is attempted.
    """
    await db.execute(
        "UPDATE sink_invoices SET checked_at = $2, answered_at = $2, "
        "next_attempt_at = CASE WHEN NOT $3 THEN next_attempt_at END WHERE invoice_id = $1",
        invoice_id,
        now,
        is_over,
    )


async def defer_check(db: Connection, invoice_id: UUID, now: datetime) -> None:
    """Postpone the check of an invoice that the provider refused to answer for, so that other invoices come first."""
    await db.execute("UPDATE sink_invoices SET checked_at = $2 WHERE invoice_id = $1", invoice_id, now)


async def resume_invoice(db: Connection, invoice_id: UUID, now: datetime) -> bool:
    """Plan another attempt for an invoice that the provider refused. Return whether the provider had refused it."""
    tag = await db.execute(
        "UPDATE sink_invoices SET next_attempt_at = $2, last_error = NULL "
        "WHERE invoice_id = $1 AND last_error IS NOT NULL",
        invoice_id,
        now,
    )
    return bool(tag == "UPDATE 1")


async def resume_collections(db: Connection, workspace_id: UUID, now: datetime) -> int:
    """Plan charges of the workspace's open invoices. Return the number of invoices."""
    tag = await db.execute(
        """
        UPDATE sink_invoices SET next_attempt_at = $2, last_error = NULL WHERE workspace_id = $1 AND invoice_id IN (
            SELECT id FROM invoices WHERE workspace_id = $1 AND status IN ('pending', 'overdue'))
        """,
        workspace_id,
        now,
    )
    return int(tag.split()[-1])


async def select_due(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Return invoices whose charge is due, longest overdue first. Needs platform scope."""
    rows = await db.fetch(
        "SELECT invoice_id FROM sink_invoices WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2", now, most
    )
    return [row["invoice_id"] for row in rows]


async def select_unchecked(db: Connection, before: datetime, most: int) -> list[str]:
    """Return the provider's ids of open invoices that were last checked before `before`. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT i.stripe_invoice_id AS id FROM invoices i JOIN sink_invoices s ON s.invoice_id = i.id
        WHERE i.status IN ('pending', 'overdue') AND s.checked_at < $1 AND i.stripe_invoice_id IS NOT NULL
        ORDER BY s.checked_at LIMIT $2
        """,
        before,
        most,
    )
    return [row["id"] for row in rows]


async def select_unchecked_paid(db: Connection, paid_after: datetime, before: datetime, most: int) -> list[str]:
    """Return the provider's ids of invoices paid after `paid_after` and last checked before `before`.

    Needs platform scope.
    """
    rows = await db.fetch(
        """
        SELECT i.stripe_invoice_id AS id FROM sink_invoices s JOIN invoices i ON i.id = s.invoice_id
        WHERE s.checked_at > $1 AND s.checked_at < $2 AND i.status = 'paid' AND i.paid_at > $1
        ORDER BY s.checked_at LIMIT $3
        """,
        paid_after,
        before,
        most,
    )
    return [row["id"] for row in rows]


async def select_invoice_of(db: Connection, external_id: str) -> UUID | None:
    """Return our id of the provider's invoice, or None. Needs platform scope."""
    found: UUID | None = await db.fetchval("SELECT id FROM invoices WHERE stripe_invoice_id = $1", external_id)
    return found


# --- Ordered refunds -----------------------------------------------------------------------------------------------
_ORDER: Final = ", ".join(field.name for field in fields(RefundOrder))


async def insert_order(db: Connection, order: RefundOrder) -> None:
    """Insert an open order."""
    await db.execute(
        f"INSERT INTO refund_orders ({_ORDER}) VALUES ($1, $2, $3, $4, $5, $6)",
        *(getattr(order, field.name) for field in fields(RefundOrder)),
    )


async def select_order(db: Connection, order_id: UUID, *, lock: bool = False) -> RefundOrder | None:
    """Return an open refund order, or None. Needs platform scope.

    Args:
        lock: Lock the row until the transaction ends.
    """
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"SELECT {_ORDER} FROM refund_orders WHERE id = $1 AND status = 'open'{ending}", order_id)
    return None if row is None else RefundOrder(**row)


async def select_open_orders(db: Connection, invoice_id: UUID) -> list[RefundOrder]:
    """Return the open refund orders of an invoice."""
    rows = await db.fetch(
        f"SELECT {_ORDER} FROM refund_orders WHERE invoice_id = $1 AND status = 'open' ORDER BY created_at LIMIT 100",
        invoice_id,
    )
    return [RefundOrder(**row) for row in rows]


async def select_orders(db: Connection, most: int) -> list[UUID]:
    """Return open refund orders, oldest first. Needs platform scope."""
    rows = await db.fetch("SELECT id FROM refund_orders WHERE status = 'open' ORDER BY created_at LIMIT $1", most)
    return [row["id"] for row in rows]


async def close_order(db: Connection, order_id: UUID, error: str | None = None) -> None:
    """Close a refund order.

    Args:
        error: Why the refund failed; None if it succeeded.
    """
    await db.execute(
        "UPDATE refund_orders SET status = CASE WHEN $2::text IS NULL THEN 'done' ELSE 'failed' END, last_error = $2 "
        "WHERE id = $1",
        order_id,
        error and error[:_MAX_ERROR_LENGTH],
    )


# --- Metered usage -------------------------------------------------------------------------------------------------
# Selects UTC days from $1 on of workspaces that have a customer at the provider.
_SELECT: Final = """
    SELECT c.workspace_id, c.customer_id, u.day, round(sum(coalesce(u.charged_quantity, u.quantity)))::bigint AS seconds
    FROM sink_customers c
    JOIN usage_daily u ON u.workspace_id = c.workspace_id AND u.day >= $1 AND u.resource_type = 'call_minutes'
    LEFT JOIN meter_days m ON m.workspace_id = u.workspace_id AND m.day = u.day
    GROUP BY c.workspace_id, c.customer_id, u.day, m.seconds, m.delivered_at
    HAVING m.delivered_at IS NULL OR m.seconds <> round(sum(coalesce(u.charged_quantity, u.quantity)))
    ORDER BY u.day, c.workspace_id LIMIT $2
"""
# A changed total gets a new revision. An undelivered total keeps its number, because it may have arrived.
_UPSERT: Final = """
    INSERT INTO meter_days (workspace_id, day, revision, seconds) VALUES ($1, $2, 1, $3)
    ON CONFLICT (workspace_id, day) DO UPDATE SET
        revision = meter_days.revision + (meter_days.seconds <> $3)::integer, seconds = $3,
        delivered_at = CASE WHEN meter_days.seconds = $3 THEN meter_days.delivered_at END, last_error = NULL
    RETURNING revision
"""


async def select_readings(db: Connection, since: date, most: int) -> list[UsageReading]:
    """Return readings to send, oldest first, with revision 0. Needs platform scope."""
    return [UsageReading(**row, revision=0) for row in await db.fetch(_SELECT, since, most)]


async def insert_reading(db: Connection, reading: UsageReading) -> int:
    """Store a total before it is sent, and return its revision. Needs platform scope."""
    revision: int = await db.fetchval(_UPSERT, reading.workspace_id, reading.day, reading.seconds)
    return revision


async def mark_delivered(db: Connection, reading: UsageReading, now: datetime, error: str | None) -> None:
    """Record that a reading was delivered or refused. Needs platform scope.

    Args:
        error: Why the provider refused the reading permanently. It is not sent again until the total changes.
    """
    await db.execute(
        "UPDATE meter_days SET delivered_at = $4, last_error = $5 "
        "WHERE workspace_id = $1 AND day = $2 AND revision = $3",
        reading.workspace_id,
        reading.day,
        reading.revision,
        now,
        error and error[:_MAX_ERROR_LENGTH],
    )
