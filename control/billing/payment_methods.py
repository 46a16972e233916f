"""Payment methods of a workspace at the sink, and the customer that has them there."""

from datetime import datetime
from uuid import UUID

from control.billing import store_accounts, store_collection
from control.billing.closing import load_account
from control.billing.service import Billing
from control.billing.sinks import PaymentCard, SinkCustomer
from control.db.pool import Connection


async def sink_customer(db: Connection, billing: Billing, workspace_id: UUID, name: str) -> SinkCustomer:
    """Who pays, as the sink is to know it."""
    account = await load_account(db, workspace_id)
    known = await store_collection.select_account(db, workspace_id)
    return SinkCustomer(
        workspace_id=workspace_id,
        customer_id=known.customer_id if known else None,
        name=account.legal_name or name,
        email=await billing.recipient(db, workspace_id),
        country=account.country,
        tax_id=account.tax_id,
    )


async def save_payment_method(db: Connection, workspace_id: UUID, card: PaymentCard | None, now: datetime) -> None:
    """Stores which payment method pays. Another one is charged with what is open. The account must exist."""
    changed = await store_collection.update_method(db, workspace_id, card.id if card else None)
    last4 = card.last4 or None if card else None
    await store_accounts.upsert_settings(db, workspace_id, {"payment_method_last4": last4})
    if changed and card is not None:
        await store_collection.resume_collections(db, workspace_id, now)
