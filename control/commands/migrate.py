"""`python -m control migrate`: updates the database schema, and stores the records that the product ships with."""

import argparse
import asyncio
from datetime import UTC, datetime

from config.catalog import shipped_settings, shipped_tiers
from config.catalog_agents import shipped_providers, shipped_templates
from config.catalog_integrations import shipped_integration_types
from config.catalog_prices import shipped_prices
from config.settings import MigrationSettings, migration_settings
from control.agents.templates.service import seed_templates
from control.billing.prices.service import seed_prices
from control.db.logins import set_passwords
from control.db.migrate import migrate
from control.db.partitions import ensure_partitions
from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.integrations.types.service import seed_integration_types
from control.platform.service import seed_platform
from control.voice.catalog.service import seed_providers

read_settings = migration_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(arguments: argparse.Namespace, settings: MigrationSettings) -> int:
    """Run the migration and return the exit code.

    Raises MigrationFailed, LoginRefused and the errors of `seed_database`.
    """
    url = settings.database_url.get_secret_value()
    applied = migrate(url)
    passwords = {role: password.get_secret_value() for role, password in settings.database_passwords}
    asyncio.run(set_passwords(url, passwords))
    asyncio.run(seed_database(url, datetime.now(UTC)))
    print("\n".join([f"applied {name}" for name in applied] or ["nothing to apply"]))
    return 0


async def seed_database(url: str, now: datetime) -> None:
    """Create the partitions of the coming months and the records that the product ships with.

    Changes by the staff stay. Raises Invalid, OSError, TimeoutError and asyncpg.PostgresError.
    """
    async with open_pool(url, size=1, name="vocalized-migrate") as pool, pool.transaction() as db:
        await enter_platform(db)
        await ensure_partitions(db)
        await seed_platform(db, shipped_tiers(), shipped_settings())
        await seed_providers(db, shipped_providers())
        await seed_prices(db, shipped_prices(), now)
        await seed_templates(db, shipped_templates(), now)
        await seed_integration_types(db, shipped_integration_types(), now)
