"""`python -m control backups`: backs up PostgreSQL to object storage, and checks that a backup can be restored."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from config.settings import PREFIX, BackupSettings, SettingsError, backup_settings
from control.backups.archive import BackupArchive
from control.backups.creation import BackupOptions, create_backup, record_run
from control.backups.restore_check import CheckOptions, check_backup, find_newest
from control.backups.rules import BackupFailed, BackupManifest, CheckReport
from control.key_options import optional_keys, parse_setting
from shared.secrets import Sealer
from shared.storage import Storage, check_storage_url

read_settings = backup_settings

# A part of 32 MiB takes this long on a network with 1 Mbit/s.
_STORAGE_TIMEOUT_S: Final = 300.0
_MARKS: Final = {True: "ok", False: "BAD", None: "not checked"}


@dataclass(frozen=True, slots=True)
class BackupCommandOptions:
    """Options of the backup commands.

    Attributes:
        backup_keys: 32 bytes each; may be empty.
        vault_keys: 32 bytes each; may be empty.
        restore_url: Server for checks; may be empty.
        database_url: May be empty except for `create`. Without it, a check is not recorded.
    """

    backup_url: str
    database_url: str = field(repr=False)
    restore_url: str = field(repr=False)
    backup_keys: Sequence[bytes] = field(default=(), repr=False)
    vault_keys: Sequence[bytes] = field(default=(), repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    create = actions.add_parser("create", help="back the database up, and delete backups that are too old")
    create.add_argument("--keep-days", type=_whole, default=35, help="delete older backups (35); 0 deletes none")
    create.add_argument("--keep-newest", type=_whole, default=7, help="never delete so many of the newest (7)")
    _add_timeout(create)
    actions.add_parser("list", help="the backups in storage")
    add_check_arguments(actions.add_parser("check", help="restore a backup into a new database, and compare"))
    download = actions.add_parser("download", help="write a backup to a file for pg_restore, decrypted")
    download.add_argument("name", help="a backup of `list`")
    download.add_argument("file", type=Path, help="a new file")


def add_check_arguments(check: argparse.ArgumentParser) -> None:
    """Declare the options of a check."""
    check.add_argument("name", nargs="?", help="a backup of `list` (the newest)")
    check.add_argument("--max-age-hours", type=float, default=26.0, help="the newest may be so old (26)")
    check.add_argument("--keep-database", action="store_true", help="do not drop the restored database")
    _add_timeout(check)


def run(arguments: argparse.Namespace, settings: BackupSettings) -> int:
    """Run the action and return the exit code. Raises SettingsError, Problem and the database's errors."""
    parse_setting("BACKUP_URL", lambda: check_storage_url(settings.backup_url))
    needed = {"create": "database_url", "check": "restore_url"}.get(arguments.action, "backup_url")
    if not getattr(settings, needed):
        raise SettingsError(f"settings: {PREFIX}{needed.upper()}: required by `backups {arguments.action}`")
    options = BackupCommandOptions(
        backup_url=settings.backup_url,
        database_url=settings.database_url.get_secret_value(),
        restore_url=settings.restore_url.get_secret_value(),
        backup_keys=optional_keys("BACKUP_KEYS", settings.backup_keys),
        vault_keys=(
            *optional_keys("VAULT_KEYS", settings.vault_keys),
            *optional_keys("SECRET_KEYS", settings.secret_keys),
        ),
    )
    return _run(arguments, options)


def _run(arguments: argparse.Namespace, options: BackupCommandOptions) -> int:
    """Run the action and return the exit code. Raises BackupFailed, StorageUnavailable and the database's errors."""
    archive = BackupArchive(Storage(options.backup_url, timeout_s=_STORAGE_TIMEOUT_S), options.backup_keys)
    if arguments.action == "create":
        return asyncio.run(_create(archive, arguments, options))
    if arguments.action == "check":
        return asyncio.run(_check(archive, arguments, options))
    if arguments.action == "download":
        return _download(archive, arguments.name, arguments.file)
    return asyncio.run(_list(archive))


def format_manifest(manifest: BackupManifest) -> str:
    """Format a backup as one line."""
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    form = "encrypted" if manifest.is_encrypted else "not encrypted"
    return (
        f"{manifest.name}  {manifest.size / 1e6:,.1f} MB, {form}, {manifest.facts.rows:,} rows, "
        f"migration {manifest.facts.newest_migration}, took {seconds:.0f} s"
    )


def format_report(report: CheckReport) -> str:
    """Return a line for the backup, a line for each finding, and the result."""
    lines = [format_manifest(report.manifest)]
    lines += [f"{_MARKS[finding.passed]:<12} {finding.text}" for finding in report.findings]
    result = "restored and checked" if report.passed else "restored, but NOT as it was"
    return "\n".join([*lines, f"{result} in {report.seconds:.0f} s"])


async def _create(archive: BackupArchive, arguments: argparse.Namespace, options: BackupCommandOptions) -> int:
    manifest = await create_backup(
        archive,
        BackupOptions(
            database_url=options.database_url,
            keep_days=arguments.keep_days,
            keep_newest=arguments.keep_newest,
            timeout_s=arguments.timeout_minutes * 60,
        ),
    )
    print(format_manifest(manifest))
    return 0


async def _check(archive: BackupArchive, arguments: argparse.Namespace, options: BackupCommandOptions) -> int:
    if arguments.name:
        manifest = await archive.read_manifest(arguments.name)
    else:
        manifest = find_newest(await archive.list_manifests(), datetime.now(UTC), arguments.max_age_hours)
    sealer = Sealer(options.vault_keys) if options.vault_keys else None
    checks = CheckOptions(options.restore_url, sealer, arguments.timeout_minutes * 60, arguments.keep_database)
    report = await check_backup(archive, manifest, checks)
    print(format_report(report))
    if not report.passed:
        return 1
    if options.database_url:
        await record_run(options.database_url, "check", manifest, report.seconds)
    return 0


async def _list(archive: BackupArchive) -> int:
    for manifest in await archive.list_manifests():
        print(format_manifest(manifest))
    return 0


def _download(archive: BackupArchive, name: str, file: Path) -> int:
    """Write the backup to a file that only its owner can read. The file appears only when it is complete."""
    if file.exists():
        raise BackupFailed(f"{file} exists")
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600, exist_ok=False)
    try:
        with part.open("wb") as opened:
            asyncio.run(_write(archive, name, opened))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return 0


async def _write(archive: BackupArchive, name: str, file: BinaryIO) -> None:
    async for chunk in archive.read_dump(await archive.read_manifest(name)):
        file.write(chunk)


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout-minutes", type=float, default=240.0, help="give up after so long (240)")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("not a whole number")
    return int(text)
