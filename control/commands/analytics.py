"""`analytics`: computes roll-ups again."""

import argparse

from config.settings import DatabaseSettings, database_settings
from control import analytics_commands

add_arguments, read_settings = analytics_commands.add_arguments, database_settings


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Raises as `analytics_commands.run` does."""
    return analytics_commands.run(arguments, settings.database_url.get_secret_value())
