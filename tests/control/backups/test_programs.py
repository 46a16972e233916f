"""PostgreSQL's programs as child processes, where the other side ends too early."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.backups.programs import hash_schema, open_dump, restore
from control.backups.rules import BackupFailed

URL = "postgresql://owner@/vocalized?host=/nowhere"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which pg_dump and pg_restore are looked for first."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def write_program(folder: Path, name: str, script: str, version: str = "18.1") -> None:
    path = folder / name
    answer = f'[ "$1" = --version ] && echo "{name} (PostgreSQL) {version} (Debian 12)" && exit'
    path.write_text(f"#!/bin/sh\n{answer}\n{script}\n")
    path.chmod(0o755)


async def test_a_dump_that_nobody_reads_any_more_is_ended(programs: Path, tmp_path: Path) -> None:
    """Storage has failed. What pg_dump wrote meanwhile fills every buffer, and it would write on for ever."""
    full = tmp_path / "full"
    # Our buffer of 2 MiB and half of the kernel's: it is still writing when nothing is read any more.
    write_program(programs, "pg_dump", f"head -c {(2 << 20) + (32 << 10)} /dev/zero; touch {full}; exec cat /dev/zero")

    async def fail_storage() -> None:
        async with open_dump(URL, "1-1") as chunks:
            await anext(chunks)
            while not full.exists():  # noqa: ASYNC110 -- made by the child process
                await asyncio.sleep(0.01)
            raise BackupFailed("storage")

    failing = asyncio.create_task(fail_storage())
    await asyncio.wait({failing}, timeout=20)  # a timeout that cancels would end what hangs
    assert failing.done()
    with pytest.raises(BackupFailed, match="storage"):
        await failing


async def test_reports_why_a_restore_ended_early(programs: Path) -> None:
    write_program(programs, "pg_restore", "echo 'pg_restore: error: no room' >&2; exit 1")

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    async with asyncio.timeout(20):
        with pytest.raises(BackupFailed, match=r"^pg_restore failed: no room$"):
            await restore(URL, chunks())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://owner:s3%20cret@db:5432/vocalized?sslmode=require",
        "postgresql://owner@db:5432/vocalized?sslmode=require&password=s3%20cret",
        "postgresql://owner@db:5432/vocalized?password=s3%20cret&sslmode=require",
    ],
)
async def test_a_password_is_not_in_the_arguments(programs: Path, url: str) -> None:
    write_program(programs, "pg_dump", 'echo "pg_dump: error: [$PGPASSWORD] $*" >&2; exit 1')
    with pytest.raises(BackupFailed) as failed:
        await hash_schema(url)
    assert "[s3 cret]" in str(failed.value) and str(failed.value).count("cret") == 1
    assert str(failed.value).endswith(" --dbname=postgresql://owner@db:5432/vocalized?sslmode=require")


@pytest.mark.parametrize(("version", "excludes"), [("15.9", False), ("16.4", False), ("17.0", True), ("18beta1", True)])
async def test_extension_is_left_out_by_programs_that_can(programs: Path, version: str, excludes: bool) -> None:
    """Another one would fail at an option that it does not know, and no backup would be made."""
    write_program(programs, "pg_dump", 'echo "pg_dump: error: $*" >&2; exit 1', version)
    with pytest.raises(BackupFailed) as failed:
        await hash_schema(URL)
    assert "--exclude-schema=knowledge_vectors" in str(failed.value)
    assert ("--exclude-extension=vector" in str(failed.value)) is excludes
