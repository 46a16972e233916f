"""Starts the control program: `api`, `worker`, `migrate`, and commands for operators."""

import sys
from collections.abc import Sequence

import asyncpg  # type: ignore[import-untyped]

from config.settings import SettingsError
from control.arguments import parse_arguments
from control.backups.rules import BackupFailed
from control.db.logins import LoginRefused
from control.db.migrate import MigrationFailed
from control.db.seal_renewal import TooManyLost
from shared.errors import Problem
from shared.logs import configure_logs
from shared.standard_streams import fill_standard_streams
from shared.storage import StorageUnavailable


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Return 0 after a clean stop, 2 for invalid arguments or settings, and 1 for a later failure."""
    command, arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    try:
        settings = command.read_settings()
        configure_logs(settings.log_level)
        return command.run(arguments, settings)
    except SettingsError as error:
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


if __name__ == "__main__":
    fill_standard_streams()
    sys.exit(main())
