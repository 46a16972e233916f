"""In which currencies a tier can be had, and a workspace is billed."""

from uuid import UUID

from control.db.pool import Connection
from control.platform import read_currencies
from shared.errors import Conflict


async def require_priced(db: Connection, tier_name: str, currency: str, param: str) -> None:
    """The tier must have prices in the currency, and the currency an exchange rate. Raises Conflict (code
    tier_not_priced)."""
    if not await read_currencies.is_priced(db, tier_name, currency):
        message = f"The tier {tier_name!r} has no price in {currency.upper()}, or the currency no exchange rate."
        raise Conflict(message, param=param, code="tier_not_priced")


async def find_currency(db: Connection, workspace_id: UUID) -> str:
    """The currency in which a workspace is billed."""
    return await read_currencies.select_account_currency(db, workspace_id)
