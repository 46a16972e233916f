"""Read model: the tiers' prices and plans, and the tier that a workspace had at a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from control.billing.ledger import CallTier, FinishedCall
from control.billing.plans import TierPrice
from control.db.pool import Connection
from control.platform.model import CURRENCY

# The tier of the workspaces $2 at the times $3, by call $1, and their currency; the tier of now where no change is
# recorded before.
_SELECT_TIERS: Final = """
    SELECT asked.call_id, coalesce(
        (SELECT c.tier_name FROM workspace_changes c WHERE c.workspace_id = asked.workspace_id AND c.at <= asked.at
         ORDER BY c.at DESC, c.seq DESC LIMIT 1), w.tier_name) AS tier_name, coalesce(a.currency, $4) AS currency
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS asked (call_id, workspace_id, at)
    LEFT JOIN workspaces w ON w.id = asked.workspace_id
    LEFT JOIN billing_accounts a ON a.workspace_id = asked.workspace_id
"""

_SELECT_PLANS: Final = """
    SELECT tier_name, $1 AS currency, monthly_fee, price_per_minute, included_minutes FROM tiers
    UNION ALL
    SELECT tier_name, p.currency, p.monthly_fee, p.price_per_minute, t.included_minutes
    FROM tier_prices p JOIN tiers t USING (tier_name)
    ORDER BY 1, 2 LIMIT 10000
"""


@dataclass(frozen=True, slots=True)
class TierPlan:
    """A tier's prices in one currency, with the minutes that its fee includes."""

    price: TierPrice
    included_minutes: int


async def select_call_tiers(db: Connection, calls: Iterable[FinishedCall]) -> dict[UUID, CallTier]:
    """The tier of each call's workspace when the call was created."""
    wanted = list(calls)
    rows = await db.fetch(
        _SELECT_TIERS,
        [call.call_id for call in wanted],
        [call.workspace_id for call in wanted],
        [call.at for call in wanted],
        CURRENCY,
    )
    return {row["call_id"]: CallTier(row["tier_name"], row["currency"]) for row in rows}


async def select_tier_plans(db: Connection) -> list[TierPlan]:
    """What each tier costs in each currency in which it has a price."""
    rows = await db.fetch(_SELECT_PLANS, CURRENCY)
    return [
        TierPlan(
            TierPrice(row["tier_name"], row["currency"], row["monthly_fee"], row["price_per_minute"]),
            row["included_minutes"],
        )
        for row in rows
    ]
