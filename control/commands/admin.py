"""`admin`: creates staff accounts, resets a second factor, disables and enables."""

import argparse

from config.settings import DatabaseSettings, database_settings
from control import admin_commands

add_arguments, read_settings = admin_commands.add_arguments, database_settings


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Raises as `admin_commands.run` does."""
    return admin_commands.run(arguments, settings.database_url.get_secret_value())
