"""`audit`: verifies and exports the audit log."""

import argparse

from config.settings import KeySettings, key_settings
from control import audit_commands
from control.key_options import key_sets, require_keys
from shared.key_sets import VAULT_KEYS

add_arguments, read_settings = audit_commands.add_arguments, key_settings


def run(arguments: argparse.Namespace, settings: KeySettings) -> int:
    """Raises SettingsError, and as `audit_commands.run` does."""
    vault = require_keys(VAULT_KEYS, key_sets(settings).vault)
    options = audit_commands.AuditCommandOptions(settings.database_url.get_secret_value(), vault)
    return audit_commands.run(arguments, options)
