"""The shipped tiers, settings, providers and templates in a test's database."""

from datetime import UTC, datetime

from config.catalog import shipped_settings, shipped_tiers
from config.catalog_agents import shipped_providers, shipped_templates
from config.catalog_integrations import shipped_integration_types
from config.catalog_prices import shipped_prices
from control.agents.templates.service import seed_templates
from control.billing.prices.service import seed_prices
from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform
from control.integrations.types.service import seed_integration_types
from control.platform.service import seed_platform
from control.voice.catalog.service import seed_providers

# The shipped prices hold from here on, before any call of a test.
PRICED_FROM = datetime(2020, 1, 1, tzinfo=UTC)


async def seed_catalog(db: Connection) -> None:
    """As `control seed` does; nothing happens in a database that has them. Enters the platform's scope. Workspaces on
    trial may call any number, because the phones of most tests are nobody's."""
    await enter_platform(db)
    if await db.fetchval("SELECT EXISTS (SELECT FROM tiers) AND EXISTS (SELECT FROM agent_templates)"):
        return
    await seed_platform(db, shipped_tiers(), {**shipped_settings(), "trial_calls_verified_only": False})
    await seed_providers(db, shipped_providers())
    await seed_prices(db, shipped_prices(), PRICED_FROM)
    await seed_templates(db, shipped_templates(), datetime.now(UTC))
    await seed_integration_types(db, shipped_integration_types(), datetime.now(UTC))


async def seed_database(url: str) -> None:
    """Seeds a migrated database, as its owner."""
    async with open_pool(url, size=1, role="owner") as owners, owners.transaction() as db:
        await seed_catalog(db)
