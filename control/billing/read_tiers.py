"""Read model: the tiers' prices and plans, and the tier that a workspace had at a moment."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.billing.ledger import FinishedCall
from control.db.pool import Connection

# The tier of the workspaces $2 at the times $3, by call $1; that of now where no change is recorded before.
_SELECT_TIERS: Final = """
    SELECT asked.call_id, coalesce(
        (SELECT c.tier_name FROM workspace_changes c WHERE c.workspace_id = asked.workspace_id AND c.at <= asked.at
         ORDER BY c.at DESC, c.seq DESC LIMIT 1), w.tier_name) AS tier
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS asked (call_id, workspace_id, at)
    LEFT JOIN workspaces w ON w.id = asked.workspace_id
"""


async def select_call_tiers(db: Connection, calls: Iterable[FinishedCall]) -> dict[UUID, str | None]:
    """The tier of each call's workspace when the call was created; None for a workspace that is gone."""
    wanted = list(calls)
    rows = await db.fetch(
        _SELECT_TIERS,
        [call.call_id for call in wanted],
        [call.workspace_id for call in wanted],
        [call.at for call in wanted],
    )
    return {row["call_id"]: row["tier"] for row in rows}


async def select_tier_prices(db: Connection) -> dict[str, Decimal]:
    """The price of a minute by tier."""
    rows = await db.fetch("SELECT tier_name, price_per_minute FROM tiers ORDER BY tier_name LIMIT 1000")
    return {row["tier_name"]: row["price_per_minute"] for row in rows}


async def select_tier_plans(db: Connection) -> dict[str, tuple[Decimal, int]]:
    """Monthly fee and included minutes by tier."""
    rows = await db.fetch("SELECT tier_name, monthly_fee, included_minutes FROM tiers ORDER BY tier_name LIMIT 1000")
    return {row["tier_name"]: (row["monthly_fee"], row["included_minutes"]) for row in rows}
