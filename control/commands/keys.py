"""`keys`: makes keys and passes, seals the database anew, revokes media nodes."""

import argparse

from config.settings import PREFIX, KeyCommandSettings, SettingsError, key_command_settings
from control import key_commands
from control.key_options import key_sets
from shared.key_sets import KeySetError

add_arguments, read_settings = key_commands.add_arguments, key_command_settings


def run(arguments: argparse.Namespace, settings: KeyCommandSettings) -> int:
    """Raises SettingsError, and as `key_commands.run` does."""
    if arguments.action in key_commands.ON_DATABASE and not settings.database_url:
        raise SettingsError(f"settings: {PREFIX}DATABASE_URL: needed by `keys {arguments.action}`")
    options = key_commands.KeyCommandOptions(settings.database_url.get_secret_value(), key_sets(settings))
    try:
        return key_commands.run(arguments, options)
    except KeySetError as error:
        raise SettingsError(f"settings: {PREFIX}{error.setting}: {error}") from None
