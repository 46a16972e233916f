"""The embedded PostgreSQL: who may do what, what is kept, and what is left when things go wrong."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.vocalized.services.conftest import temporary_state
from tests.vocalized.services.processes import family, gone, linux_only, root_only
from vocalized.services.account import ELSEWHERE
from vocalized.services.child import ServiceFailed
from vocalized.services.postgres import Postgres, running_postgres, serve_postgres


async def ask(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One for the tests that only look."""
    with temporary_state() as folder, serve_postgres(folder, durable=False) as postgres:
        yield postgres


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


@linux_only
async def test_it_serves_within_the_block_and_is_gone_after_it_with_all_its_processes(state: Path) -> None:
    async with running_postgres(state, durable=False) as postgres:
        assert await ask(postgres.url, "SELECT current_database()") == "vocalized"
        members = family(postgres.process.pid)
        assert len(members) > 1
    assert postgres.process.returncode == 0
    assert all(gone(member) for member in members)
    assert "database system is shut down" in (state / "postgres.log").read_text()


async def test_the_owner_makes_roles_and_databases_and_is_no_superuser(server: Postgres) -> None:
    rights = "SELECT (rolsuper, rolbypassrls, rolcreaterole, rolcreatedb)::text FROM pg_roles WHERE rolname = 'owner'"
    assert await ask(server.url, rights) == "(f,f,t,t)"
    assert await ask(server.url, "SELECT current_user = pg_get_userbyid(datdba) FROM pg_database "
                                   "WHERE datname = current_database()")  # fmt: skip


async def test_it_listens_on_no_port_and_lets_only_its_account_and_root_to_its_socket(server: Postgres) -> None:
    assert await ask(server.url, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
async def test_only_a_durable_one_waits_for_the_disk(state: Path, durable: bool, fsync: str) -> None:
    async with running_postgres(state, durable=durable) as postgres:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(postgres.url, f"SHOW {setting}") == fsync


@linux_only
async def test_what_is_written_outlives_a_restart_and_a_killed_server_whose_number_is_taken(state: Path) -> None:
    async with running_postgres(state, durable=False) as postgres:
        await ask(postgres.url, "CREATE TABLE kept AS SELECT 42 AS n")
    async with running_postgres(state, durable=False) as postgres:
        assert await ask(postgres.url, "SELECT n FROM kept") == 42
        members = family(postgres.process.pid)
        postgres.process.kill()
    assert all(gone(member) for member in members)
    note = (state / "postgres").resolve() / "postmaster.pid"
    note.write_text(note.read_text().replace(str(postgres.process.pid), str(os.getpid()), 1))
    async with running_postgres(state, durable=False) as postgres:
        assert await ask(postgres.url, "SELECT n FROM kept") == 42


async def test_a_database_is_made_empty_or_as_a_copy_and_dropped_under_its_users(server: Postgres) -> None:
    await ask(server.create("first"), "CREATE TABLE copied AS SELECT 7 AS n")
    copy = server.create('Odd "name"', template="first")
    assert await ask(copy, "SELECT n FROM copied") == 7
    connection = await asyncpg.connect(copy)
    server.drop('Odd "name"')
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    await connection.close()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(copy, "SELECT 1")
    with pytest.raises(ServiceFailed, match="already exists"):
        server.create("first")


async def test_a_long_state_path_gets_a_short_socket_which_is_removed_in_the_end(state: Path) -> None:
    async with running_postgres(state / ("long" * 30), durable=False) as postgres:
        assert postgres.sockets.parent == Path("/tmp")
        assert await ask(postgres.url, "SELECT 1") == 1
    assert not postgres.sockets.exists()


async def test_a_state_path_with_odd_letters_is_written_into_the_url(state: Path) -> None:
    async with running_postgres(state / "a b%20?&ü", durable=False) as postgres:
        assert "a%20b%2520%3F%26" in postgres.url
        assert await ask(postgres.url, "SELECT 1") == 1


async def test_a_making_that_was_broken_off_is_begun_anew(state: Path) -> None:
    (state / "postgres.new").mkdir()
    (state / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with running_postgres(state, durable=False) as postgres:
        assert await ask(postgres.url, "SELECT 1") == 1


def test_one_that_cannot_start_is_told_of_with_its_last_words(state: Path) -> None:
    with serve_postgres(state, durable=False):
        pass
    ((state / "postgres").resolve() / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(ServiceFailed, match=r"ended with code 1:\n(?s:.*)initialized by PostgreSQL version 12"),
        serve_postgres(state, durable=False),
    ):
        pass


@linux_only
def test_a_server_that_is_not_ours_on_the_same_data_is_left_alone(state: Path) -> None:
    """One started by hand holds no lock of ours: its notes tell of it."""
    with serve_postgres(state, durable=False) as postgres:
        (state / "postgres.lock").unlink()
        with pytest.raises(ServiceFailed, match="not ours"), serve_postgres(state, durable=False):
            pass
        assert postgres.process.poll() is None


async def test_the_environments_words_for_postgresql_are_not_heard(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGOPTIONS", "PGDATA", "PGHOST", "PGPORT", "PGUSER"):
        monkeypatch.setenv(name, "--nonsense")
    async with running_postgres(state, durable=False) as postgres:
        postgres.create("other")


@root_only
async def test_as_root_the_server_and_its_data_are_nobodys(server: Postgres) -> None:
    data = server.sockets.parent / "postgres"
    assert data.owner() == "nobody"
    status, owner = status_of(server.process.pid), data.stat()
    assert f"\nUid:\t{owner.st_uid}\t{owner.st_uid}\t{owner.st_uid}\t" in status
    assert f"\nGid:\t{owner.st_gid}\t{owner.st_gid}\t{owner.st_gid}\t" in status
    assert "\nGroups:\t \n" in status


@root_only
async def test_a_state_behind_closed_doors_leads_to_data_elsewhere_which_are_kept(state: Path) -> None:
    os.chmod(state, 0o700)
    async with running_postgres(state, durable=False) as postgres:
        assert (state / "postgres").resolve().parent == ELSEWHERE
        assert postgres.sockets.parent == Path("/tmp")
        await ask(postgres.url, "CREATE TABLE kept AS SELECT 42 AS n")
    async with running_postgres(state, durable=False) as postgres:
        assert await ask(postgres.url, "SELECT n FROM kept") == 42
    assert stat.S_IMODE(os.stat(state).st_mode) == 0o700


@linux_only
async def test_a_dawdling_client_does_not_hold_up_the_end(state: Path) -> None:
    async with running_postgres(state, durable=False) as postgres:
        connection = await asyncpg.connect(postgres.url)
        await connection.execute("BEGIN")
    assert postgres.process.returncode == 0
    connection.terminate()


@linux_only
def test_one_that_is_deaf_to_gentle_signals_is_ended_all_the_same(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocalized.services.postgres._ENDINGS", ((signal.SIGURG, 0.1), (signal.SIGURG, 0.1)))
    with serve_postgres(state, durable=False) as postgres:
        members = family(postgres.process.pid)
    assert postgres.process.returncode == -signal.SIGKILL
    assert all(gone(member) for member in members)
