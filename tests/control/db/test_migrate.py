"""Migrations against a real server: apply, repeat, concurrent runs, TCP, failures and rollback."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.migrate import MigrationFailed, dbmate_url, dump_schema, migrate, roll_back
from tests.control.db.relay import tcp_relay
from vocalized.services.postgres import Postgres

FIRST, SECOND = "20250101000001_first.sql", "20250101000002_second.sql"


def write(folder: Path, name: str, up: str, down: str = "") -> None:
    (folder / name).write_text(f"-- migrate:up\n{up}\n-- migrate:down\n{down}\n")


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_missing_migrations_are_applied_once_in_order(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, SECOND, "ALTER TABLE things ADD label text;")
    write(tmp_path, FIRST, "CREATE TABLE things (id int);")
    assert migrate(empty_database_url, folder=tmp_path) == [FIRST, SECOND]
    assert migrate(empty_database_url, folder=tmp_path) == []
    assert await tables(empty_database_url) == {"things", "schema_migrations"}


async def test_failed_migration_is_named_and_rolled_back(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, FIRST, "CREATE TABLE things (id int);")
    write(tmp_path, SECOND, "CREATE TABLE others (id int); SELECT nonsense;")
    with pytest.raises(
        MigrationFailed, match=r'^20250101000002_second\.sql: .*column "nonsense" does not exist'
    ) as failed:
        migrate(empty_database_url, folder=tmp_path)
    assert failed.value.migration == SECOND
    assert await tables(empty_database_url) == {"things", "schema_migrations"}


def test_unreachable_server_names_no_migration(services_state: Path, tmp_path: Path) -> None:
    write(tmp_path, FIRST, "SELECT 1;")
    with pytest.raises(MigrationFailed, match=r"^dbmate: .*no such file") as failed:
        migrate(f"postgresql://owner@/vocalized?host={services_state}/nowhere", folder=tmp_path)
    assert failed.value.migration is None


def test_newest_migration_is_rolled_back(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, FIRST, "CREATE TABLE things (id int);", "DROP TABLE things;")
    write(tmp_path, SECOND, "CREATE TABLE others (id int);", "DROP TABLE others;")
    migrate(empty_database_url, folder=tmp_path)
    assert roll_back(empty_database_url, folder=tmp_path) == [SECOND]
    assert migrate(empty_database_url, folder=tmp_path) == [SECOND]


def test_concurrent_migrations_wait_for_each_other(empty_database_url: str, tmp_path: Path) -> None:
    """Without the lock both would create the table, and one would fail."""
    write(tmp_path, FIRST, "SELECT pg_sleep(0.3); CREATE TABLE things (id int);")
    with ThreadPoolExecutor(3) as executor:
        runs = [executor.submit(migrate, empty_database_url, folder=tmp_path) for _ in range(3)]
    assert sorted(run.result() for run in runs) == [[], [], [FIRST]]


async def test_wait_for_a_concurrent_migration_is_bounded(empty_database_url: str, tmp_path: Path) -> None:
    write(tmp_path, FIRST, "CREATE TABLE first (id int); SELECT pg_sleep(60);")
    with ThreadPoolExecutor(1) as executor:
        other = executor.submit(migrate, empty_database_url, folder=tmp_path)
        connection = await asyncpg.connect(empty_database_url)
        sleeping_pid = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        while (number := await connection.fetchval(sleeping_pid)) is None:
            assert not other.done()
        with pytest.raises(MigrationFailed, match=r"^dbmate: .*lock"):
            migrate(empty_database_url, folder=tmp_path, lock_timeout_s=1)
        await connection.execute("SELECT pg_terminate_backend($1)", number)
        await connection.close()
        with pytest.raises(MigrationFailed, match=FIRST):
            other.result()


async def test_server_is_reached_over_tcp_with_or_without_tls(postgres: Postgres, empty_database_url: str) -> None:
    """The test server has no TLS: `prefer`, the default, falls back to plain text."""
    name = empty_database_url.split("@/")[1].split("?")[0]
    async with tcp_relay(str(postgres.sockets / ".s.PGSQL.5432")) as port:
        url = f"postgresql://owner@127.0.0.1:{port}/{name}"
        assert await asyncio.to_thread(migrate, url)
        assert await asyncio.to_thread(migrate, f"{url}?sslmode=disable") == []
        with pytest.raises(MigrationFailed, match="SSL"):
            await asyncio.to_thread(migrate, f"{url}?sslmode=require")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://o@/d?host=/run/my%20db", "postgres://o@/d?socket=%2Frun%2Fmy%20db&sslmode=disable"),
        ("postgresql://o:p%40ss@db.example:6432/d", "postgres://o:p%40ss@db.example:6432/d?sslmode=prefer"),
        ("postgres://o@db.example/d?sslmode=verify-full", "postgres://o@db.example/d?sslmode=verify-full"),
    ],
)
def test_url_is_converted_for_dbmate(url: str, expected: str) -> None:
    assert dbmate_url(url) == expected


def test_dumps_of_the_same_content_are_equal(postgres: Postgres, empty_database_url: str, tmp_path: Path) -> None:
    """pg_dump itself writes a new random key each time, and its version."""
    write(tmp_path, FIRST, "CREATE TABLE things (id int);")
    migrate(empty_database_url, folder=tmp_path)
    first, second = (dump_schema(empty_database_url, pg_dump=postgres.programs / "pg_dump") for _ in range(2))
    assert first == second
    assert "CREATE TABLE public.things" in first
    assert "restrict" not in first
    assert "Dumped" not in first
