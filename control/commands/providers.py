"""`providers`: sets, lists and tests the platform's keys of providers."""

import argparse

from config.settings import KeySettings, key_settings
from control import provider_commands
from control.key_options import key_sets, require_keys
from shared.key_sets import VAULT_KEYS

add_arguments, read_settings = provider_commands.add_arguments, key_settings


def run(arguments: argparse.Namespace, settings: KeySettings) -> int:
    """Raises SettingsError, and as `provider_commands.run` does."""
    vault = require_keys(VAULT_KEYS, key_sets(settings).vault)
    options = provider_commands.ProviderCommandOptions(settings.database_url.get_secret_value(), vault)
    return provider_commands.run(arguments, options)
