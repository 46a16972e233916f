"""`backups`: backs the database up, and checks that a backup can be restored."""

import argparse

from config.settings import PREFIX, BackupSettings, SettingsError, backup_settings
from control import backup_commands
from control.key_options import optional_keys, parse_setting
from shared.storage import check_storage_url

add_arguments, read_settings = backup_commands.add_arguments, backup_settings


def run(arguments: argparse.Namespace, settings: BackupSettings) -> int:
    """Raises SettingsError, and as `backup_commands.run` does."""
    parse_setting("BACKUP_URL", lambda: check_storage_url(settings.backup_url))
    needed = {"create": "database_url", "check": "restore_url"}.get(arguments.action, "backup_url")
    if not getattr(settings, needed):
        raise SettingsError(f"settings: {PREFIX}{needed.upper()}: needed by `backups {arguments.action}`")
    options = backup_commands.BackupCommandOptions(
        backup_url=settings.backup_url,
        database_url=settings.database_url.get_secret_value(),
        restore_url=settings.restore_url.get_secret_value(),
        backup_keys=optional_keys("BACKUP_KEYS", settings.backup_keys),
        vault_keys=(
            *optional_keys("VAULT_KEYS", settings.vault_keys),
            *optional_keys("SECRET_KEYS", settings.secret_keys),
        ),
    )
    return backup_commands.run(arguments, options)
