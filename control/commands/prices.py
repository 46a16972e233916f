"""`prices`: lists prices and sets what providers and carriers cost."""

import argparse

from config.settings import DatabaseSettings, database_settings
from control import price_commands

add_arguments, read_settings = price_commands.add_arguments, database_settings


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Raises as `price_commands.run` does."""
    return price_commands.run(arguments, settings.database_url.get_secret_value())
