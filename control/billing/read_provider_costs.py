"""Read model: what providers cost in a period, from the roll-ups of the ledger."""

from datetime import date
from decimal import Decimal
from typing import Final

from control.billing.model import ProviderRoleCost
from control.db.pool import Connection

# The size of a role's unit in the ledger's: minutes of audio, thousands of characters. Tokens of different prices add
# up to nothing.
_UNITS: Final = {"stt": ("minute", 60_000), "tts": ("thousand_characters", 1_000)}


async def select_provider_costs(db: Connection, first: date) -> list[ProviderRoleCost]:
    """By provider and role since a day, test calls included. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT provider, resource_type AS role, coalesce(sum(cost), 0) AS cost, sum(quantity) AS quantity,
               sum(unpriced)::integer AS unpriced
        FROM usage_daily WHERE day >= $1 AND resource_type IN ('stt', 'llm', 'tts')
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 1000
        """,
        first,
    )
    return [_convert(**row) for row in rows]


def _convert(provider: str, role: str, cost: Decimal, quantity: Decimal, unpriced: int) -> ProviderRoleCost:
    unit, size = _UNITS.get(role, (None, 1))
    usage = None if unit is None else quantity / size
    return ProviderRoleCost(provider, role, cost, unit, usage, unpriced)
