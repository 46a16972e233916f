"""Read model: in which currencies a tier can be had."""

from uuid import UUID

from control.db.pool import Connection
from control.platform.model import CURRENCY


async def is_priced(db: Connection, tier_name: str, currency: str) -> bool:
    """Whether the tier has prices in the currency, and the currency an exchange rate. The platform's own has both."""
    if currency == CURRENCY:
        return True
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM tier_prices WHERE tier_name = $1 AND currency = $2) "
        "AND EXISTS (SELECT FROM exchange_rates WHERE currency = $2)",
        tier_name,
        currency,
    )
    return found


async def select_account_currency(db: Connection, workspace_id: UUID) -> str:
    """The currency in which a workspace is billed."""
    found: str = await db.fetchval(
        "SELECT coalesce((SELECT currency FROM billing_accounts WHERE workspace_id = $1), $2)", workspace_id, CURRENCY
    )
    return found
