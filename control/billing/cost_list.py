"""The price list of what providers cost us, for who wants to know the cost of a quantity."""

from collections.abc import Iterable

from control.billing import store_prices
from control.billing.prices import PriceList
from control.db.pool import Connection


async def load_costs(db: Connection, providers: Iterable[str]) -> PriceList:
    """All versions of these providers' costs, in US dollars. Needs platform scope."""
    return PriceList(await store_prices.select_versions(db, "cost", providers))
