"""Starts the control program: `api`, `worker`, `migrate`, and commands for operators."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import asyncpg  # type: ignore[import-untyped]
import uvloop

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from config.catalogue_integrations import shipped_integration_types
from config.catalogue_prices import shipped_prices
from config.settings import (
    PREFIX,
    SettingsError,
    backup_settings,
    control_settings,
    database_settings,
    key_command_settings,
    key_settings,
    migration_settings,
)
from control import (
    admin_commands,
    analytics_commands,
    audit_commands,
    backup_commands,
    billing_commands,
    key_commands,
    price_commands,
    provider_commands,
)
from control.arguments import Command, make_parser
from control.backups.model import BackupFailed
from control.db.logins import LoginRefused, set_passwords
from control.db.migrate import MigrationFailed, migrate
from control.db.seal_renewal import TooManyLost
from control.http.route import InvalidRoute
from control.http.server import ListenOptions, stop_signal
from control.processes import run_processes, serve_api
from control.program_options import (
    control_options,
    key_sets,
    optional_keys,
    parse_setting,
    require_keys,
    warn_of_shared_keys,
    worker_options,
)
from control.shipped_records import ShippedRecords, seed_database
from control.worker import BackgroundWorkerOptions, run_worker
from shared.errors import Problem
from shared.key_sets import VAULT_KEYS, KeySetError
from shared.logs import configure_logs
from shared.standard_streams import fill_standard_streams
from shared.storage import StorageUnavailable, check_storage_url

T = TypeVar("T")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after a clean stop, 2 for invalid arguments or settings, 1 for what fails then."""
    arguments = make_parser(COMMANDS).parse_args(argv)
    command: Command = arguments.command
    try:
        return command(arguments)
    except (SettingsError, InvalidRoute) as error:
        return _print_error(error, 2)
    except (MigrationFailed, BackupFailed, LoginRefused, TooManyLost, Problem) as error:
        return _print_error(error, 1)
    except StorageUnavailable as error:
        return _print_error(f"storage is unavailable or refused the request: {error}", 1)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _print_error(f"{type(error).__name__}: {error}", 1)


def _print_error(error: object, code: int) -> int:
    print(f"control: {error}", file=sys.stderr)
    return code


def _api(arguments: argparse.Namespace) -> int:
    settings = control_settings()
    options = control_options(settings)
    configure_logs(settings.log_level)
    warn_of_shared_keys(options.keys)
    if arguments.workers > 1:
        return run_processes(arguments.port, arguments.host, arguments.workers)
    listen = ListenOptions(
        host=arguments.host or settings.control_host,
        port=arguments.port,
        shared_port=arguments.shared_port,
        keepalive_s=settings.keepalive_timeout_s,
        drain_s=settings.control_drain_timeout_s,
    )
    uvloop.run(serve_api(options, listen))
    return 0


def _worker(arguments: argparse.Namespace) -> int:
    settings = control_settings()
    options = worker_options(settings, arguments.host or settings.control_host, arguments.port)
    configure_logs(settings.log_level)
    warn_of_shared_keys(options.keys)
    uvloop.run(_run_worker(options))
    return 0


async def _run_worker(options: BackgroundWorkerOptions) -> None:
    await run_worker(options, stop_signal())


def _migrate(arguments: argparse.Namespace) -> int:
    settings = migration_settings()
    configure_logs(settings.log_level)
    url = settings.database_url.get_secret_value()
    applied = migrate(url)
    passwords = {role: password.get_secret_value() for role, password in settings.database_passwords}
    asyncio.run(set_passwords(url, passwords))
    asyncio.run(seed_database(url, _shipped(), datetime.now(UTC)))
    print("\n".join([f"applied {name}" for name in applied] or ["nothing to apply"]))
    return 0


def _with_vault(run: Callable[[argparse.Namespace, T], int], make: Callable[[str, tuple[bytes, ...]], T]) -> Command:
    """A command that needs the database and the vault's keys."""

    def command(arguments: argparse.Namespace) -> int:
        settings = key_settings()
        configure_logs(settings.log_level)
        vault = require_keys(VAULT_KEYS, key_sets(settings).vault)
        return run(arguments, make(settings.database_url.get_secret_value(), vault))

    return command


def _key_commands(arguments: argparse.Namespace) -> int:
    settings = key_command_settings()
    configure_logs(settings.log_level)
    if arguments.action in key_commands.ON_DATABASE and not settings.database_url:
        raise SettingsError(f"settings: {PREFIX}DATABASE_URL: needed by `keys {arguments.action}`")
    options = key_commands.KeyCommandOptions(settings.database_url.get_secret_value(), key_sets(settings))
    try:
        return key_commands.run(arguments, options)
    except KeySetError as error:
        raise SettingsError(f"settings: {PREFIX}{error.setting}: {error}") from None


def _on_database(run: Callable[[argparse.Namespace, str], int]) -> Command:
    """A command that needs the database only."""

    def command(arguments: argparse.Namespace) -> int:
        settings = database_settings()
        configure_logs(settings.log_level)
        return run(arguments, settings.database_url.get_secret_value())

    return command


def _backups(arguments: argparse.Namespace) -> int:
    settings = backup_settings()
    configure_logs(settings.log_level)
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


def _shipped() -> ShippedRecords:
    return ShippedRecords(
        tiers=shipped_tiers(),
        settings=shipped_settings(),
        providers=shipped_providers(),
        prices=shipped_prices(),
        templates=shipped_templates(),
        integration_types=shipped_integration_types(),
    )


COMMANDS: Final[Mapping[str, Command]] = {
    "api": _api,
    "worker": _worker,
    "migrate": _migrate,
    "admin": _on_database(admin_commands.run),
    "audit": _with_vault(audit_commands.run, audit_commands.AuditCommandOptions),
    "providers": _with_vault(provider_commands.run, provider_commands.ProviderCommandOptions),
    "prices": _on_database(price_commands.run),
    "explain": _on_database(billing_commands.run),
    "analytics": _on_database(analytics_commands.run),
    "backups": _backups,
    "keys": _key_commands,
}

if __name__ == "__main__":
    fill_standard_streams()
    sys.exit(main())
