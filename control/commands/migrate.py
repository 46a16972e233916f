"""`migrate`: brings the database up to date."""

import argparse
import asyncio
from datetime import UTC, datetime

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from config.catalogue_integrations import shipped_integration_types
from config.catalogue_prices import shipped_prices
from config.settings import MigrationSettings, migration_settings
from control.db.logins import set_passwords
from control.db.migrate import migrate
from control.shipped_records import ShippedRecords, seed_database

read_settings = migration_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace, settings: MigrationSettings) -> int:
    """Raises MigrationFailed, LoginRefused, and as `seed_database` does."""
    url = settings.database_url.get_secret_value()
    applied = migrate(url)
    passwords = {role: password.get_secret_value() for role, password in settings.database_passwords}
    asyncio.run(set_passwords(url, passwords))
    asyncio.run(seed_database(url, _shipped(), datetime.now(UTC)))
    print("\n".join([f"applied {name}" for name in applied] or ["nothing to apply"]))
    return 0


def _shipped() -> ShippedRecords:
    return ShippedRecords(
        tiers=shipped_tiers(),
        settings=shipped_settings(),
        providers=shipped_providers(),
        prices=shipped_prices(),
        templates=shipped_templates(),
        integration_types=shipped_integration_types(),
    )
