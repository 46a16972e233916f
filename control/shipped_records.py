"""The records that the product ships with, as `migrate` stores them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control.agents.seed import seed_templates
from control.billing.price_changes import seed_prices
from control.db.partitions import ensure_partitions
from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.integrations.seed import seed_integration_types
from control.platform.seed import seed_platform
from control.voice.catalogue import seed_providers

Records = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedRecords:
    """Each record by the names of its columns. settings: values by key."""

    tiers: Records
    settings: Mapping[str, Any]
    providers: Records
    prices: Records
    templates: Records
    integration_types: Records


async def seed_database(url: str, shipped: ShippedRecords, now: datetime) -> None:
    """Creates the partitions of the coming months and the shipped records; what the staff changed stays. Raises
    Invalid, OSError, TimeoutError and asyncpg.PostgresError."""
    async with open_pool(url, size=1, name="vocalized-migrate") as pool, pool.transaction() as db:
        await enter_platform(db)
        await ensure_partitions(db)
        await seed_platform(db, shipped.tiers, shipped.settings)
        await seed_providers(db, shipped.providers)
        await seed_prices(db, shipped.prices, now)
        await seed_templates(db, shipped.templates, now)
        await seed_integration_types(db, shipped.integration_types, now)
