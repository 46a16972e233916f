"""Read model: the fee of a tier."""

from decimal import Decimal

from control.db.pool import Connection


async def select_monthly_fee(db: Connection, tier_name: str) -> Decimal:
    """The fee per month, in major units. The tier exists: a workspace's row refers to it."""
    return Decimal(await db.fetchval("SELECT monthly_fee FROM tiers WHERE tier_name = $1", tier_name))
