"""SQL of billing_accounts and billing_settings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from control.billing.accounts import BillingAccount, BillingSettings
from control.db.pool import Connection

_ACCOUNT: Final = ", ".join(field.name for field in fields(BillingAccount))
_SETTINGS: Final = tuple(field.name for field in fields(BillingSettings))


async def select_account(db: Connection, workspace_id: UUID, *, lock: bool = False) -> BillingAccount | None:
    """lock: until the transaction ends."""
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"SELECT {_ACCOUNT} FROM billing_accounts WHERE workspace_id = $1{ending}", workspace_id)
    return None if row is None else BillingAccount(**row)


async def insert_account(db: Connection, account: BillingAccount) -> None:
    """Does nothing if the workspace has one."""
    await db.execute(
        "INSERT INTO billing_accounts (workspace_id, currency, anchor_day, opened_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        account.workspace_id,
        account.currency,
        account.anchor_day,
        account.opened_at,
    )


async def update_currency(db: Connection, workspace_id: UUID, currency: str) -> None:
    """The account must be locked."""
    await db.execute(
        "UPDATE billing_accounts SET currency = $2, updated_at = now() WHERE workspace_id = $1", workspace_id, currency
    )


async def update_account(db: Connection, account: BillingAccount) -> None:
    """Stores what invoices say about the customer, its taxes, whether it pays in advance, and whether it needs
    a payment method."""
    await db.execute(
        "UPDATE billing_accounts SET legal_name = $2, country = $3, tax_id = $4, is_tax_exempt = $5, "
        "is_prepaid = $6, is_payment_method_exempt = $7, updated_at = now() WHERE workspace_id = $1",
        account.workspace_id,
        account.legal_name,
        account.country,
        account.tax_id,
        account.is_tax_exempt,
        account.is_prepaid,
        account.is_payment_method_exempt,
    )


async def select_settings(db: Connection, workspace_id: UUID) -> BillingSettings:
    """The defaults if none were ever stored."""
    row = await db.fetchrow(
        f"SELECT {', '.join(_SETTINGS)} FROM billing_settings WHERE workspace_id = $1", workspace_id
    )
    return BillingSettings() if row is None else BillingSettings(**row)


async def upsert_settings(db: Connection, workspace_id: UUID, values: Mapping[str, Any]) -> None:
    """Stores these fields of BillingSettings; the others stay as they are."""
    names = [name for name in _SETTINGS if name in values]
    places = ", ".join(f"${place}" for place in range(2, len(names) + 2))
    sets = ", ".join(f"{name} = excluded.{name}" for name in (*names, "updated_at"))
    await db.execute(
        f"INSERT INTO billing_settings (workspace_id, updated_at, {', '.join(names)}) VALUES ($1, now(), {places}) "
        f"ON CONFLICT (workspace_id) DO UPDATE SET {sets}",
        workspace_id,
        *(values[name] for name in names),
    )
