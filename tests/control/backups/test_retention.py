"""Which backups are deleted, and what counts as one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from control.backups.archive import BackupArchive, choose_expired, name_backup
from control.backups.restore_check import find_newest
from control.backups.rules import BackupFailed, BackupManifest, DatabaseFacts
from shared.storage import Storage

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


def manifest(days_old: float) -> BackupManifest:
    moment = NOW - timedelta(days=days_old)
    facts = DatabaseFacts(
        server="18", tables={}, migrations=0, newest_migration="", policies=0, roles=[], unprotected=[]
    )
    return BackupManifest(
        name=name_backup(moment),
        started_at=moment,
        finished_at=moment,
        size=0,
        sha256="",
        is_encrypted=False,
        facts=facts,
    )


def test_old_backups_expire_but_never_the_newest_ones() -> None:
    backups = [manifest(days) for days in (40, 38, 36, 34, 1)]
    assert choose_expired(backups, NOW, keep_days=35, keep_newest=2) == backups[:3]
    assert choose_expired(backups, NOW, keep_days=35, keep_newest=4) == backups[:1]
    assert choose_expired(backups, NOW, keep_days=35, keep_newest=9) == []
    assert choose_expired(backups, NOW, keep_days=0, keep_newest=0) == []


def test_names_sort_by_time() -> None:
    names = [manifest(days).name for days in (400, 40, 1, 0.5, 0)]
    assert names == sorted(names) and names[-1] == "vocalized-20261126T030000Z"


def test_an_old_backup_is_not_the_newest_wanted() -> None:
    backups = [manifest(9), manifest(2)]
    assert find_newest(backups, NOW, 49) == backups[1]
    with pytest.raises(BackupFailed, match="is 48 hours old"):
        find_newest(backups, NOW, 26)
    with pytest.raises(BackupFailed, match="there is no backup"):
        find_newest([], NOW, 26)


async def test_a_dump_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    archive = BackupArchive(Storage(tmp_path.as_uri()))

    async def chunks() -> AsyncIterator[bytes]:
        yield b"PGDMP"

    await archive.write_dump("vocalized-1", chunks())
    assert await archive.list_manifests() == []
    with pytest.raises(BackupFailed, match="there is no backup vocalized-1"):
        await archive.read_manifest("vocalized-1")
    (tmp_path / "vocalized-1.json").write_text("[]")
    with pytest.raises(BackupFailed, match="not a manifest"):
        await archive.list_manifests()
    await archive.delete("vocalized-1")
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_a_dump_that_fails_halfway_is_not_stored(tmp_path: Path) -> None:
    archive = BackupArchive(Storage(tmp_path.as_uri()), [bytes(32)])

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise BackupFailed("pg_dump failed")

    with pytest.raises(BackupFailed, match="pg_dump failed"):
        await archive.write_dump("vocalized-1", chunks())
    assert not (tmp_path / "vocalized-1.dump").exists()
