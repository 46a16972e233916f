"""What providers cost in a period."""

from datetime import UTC, datetime

from control.analytics.periods import Period, first_day
from control.billing import read_provider_costs
from control.billing.model import ProviderRoleCost
from control.db.pool import Connection


async def list_provider_costs(db: Connection, period: Period, now: datetime) -> list[ProviderRoleCost]:
    """By provider and role in a calendar period (UTC) up to now, test calls included. Needs platform scope."""
    first = first_day(period, now.astimezone(UTC).date())
    return await read_provider_costs.select_provider_costs(db, first)
