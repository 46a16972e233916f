"""`explain`: the ledger's rows behind an invoice's line or a figure."""

import argparse

from config.settings import DatabaseSettings, database_settings
from control import billing_commands

add_arguments, read_settings = billing_commands.add_arguments, database_settings


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Raises as `billing_commands.run` does."""
    return billing_commands.run(arguments, settings.database_url.get_secret_value())
