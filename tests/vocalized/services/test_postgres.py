"""The embedded PostgreSQL: permissions, durability, and clean-up after failures."""

import grp
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.logins import with_login
from tests.vocalized.conftest import temporary_state
from tests.vocalized.processes import family, linux_only, root_only, wait_ended
from vocalized.services.account import ELSEWHERE
from vocalized.services.postgres import Postgres, running_postgres, serve_postgres
from vocalized.services.process import ServiceFailed


async def query(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def run_as(uid: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a program under a user id, in the group of the same number."""
    return subprocess.run(command, user=uid, group=uid, extra_groups=[], cwd="/", capture_output=True, text=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server for the tests that change nothing."""
    with temporary_state() as folder, serve_postgres(folder, durable=False) as postgres:
        yield postgres


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


@linux_only
async def test_server_runs_within_the_block_and_all_its_processes_end_after_it(state: Path) -> None:
    async with running_postgres(state, durable=False) as postgres:
        assert await query(postgres.url, "SELECT current_database()") == "vocalized"
        members = family(postgres.process.pid)
        assert len(members) > 1
    assert postgres.process.returncode == 0
    assert all(wait_ended(member) for member in members)
    assert "database system is shut down" in (state / "postgres.log").read_text()


async def test_owner_may_create_roles_and_databases_and_is_no_superuser(server: Postgres) -> None:
    rights = "SELECT (rolsuper, rolbypassrls, rolcreaterole, rolcreatedb)::text FROM pg_roles WHERE rolname = 'owner'"
    assert await query(server.url, rights) == "(f,f,t,t)"
    assert await query(server.url, "SELECT current_user = pg_get_userbyid(datdba) FROM pg_database "
                                   "WHERE datname = current_database()")  # fmt: skip


async def test_only_its_account_and_root_reach_its_socket_and_there_is_no_port(server: Postgres) -> None:
    assert await query(server.url, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
async def test_only_a_durable_server_syncs_to_disk(state: Path, durable: bool, fsync: str) -> None:
    async with running_postgres(state, durable=durable) as postgres:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await query(postgres.url, f"SHOW {setting}") == fsync


@linux_only
async def test_data_survive_a_restart_and_a_killed_server_whose_pid_is_reused(state: Path) -> None:
    async with running_postgres(state, durable=False) as postgres:
        await query(postgres.url, "CREATE TABLE kept AS SELECT 42 AS n")
    async with running_postgres(state, durable=False, vector=True) as postgres:  # which the state did not have
        assert await query(postgres.url, "SELECT n FROM kept") == 42
        members = family(postgres.process.pid)
        postgres.process.kill()
    assert all(wait_ended(member) for member in members)
    pid_file = (state / "postgres").resolve() / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(postgres.process.pid), str(os.getpid()), 1))
    async with running_postgres(state, durable=False, vector=True) as postgres:
        assert await query(postgres.url, "SELECT n FROM kept") == 42
        assert await query(postgres.url, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 1


async def test_database_is_created_empty_or_copied_and_dropped_while_in_use(server: Postgres) -> None:
    await query(server.create("first"), "CREATE TABLE copied AS SELECT 7 AS n")
    copy = server.create('Odd "name"', template="first")
    assert await query(copy, "SELECT n FROM copied") == 7
    connection = await asyncpg.connect(copy)
    server.drop('Odd "name"')
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("SELECT 1")
    await connection.close()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await query(copy, "SELECT 1")
    with pytest.raises(ServiceFailed, match="already exists"):
        server.create("first")


async def test_long_state_path_gets_a_short_socket_folder_that_is_removed(state: Path) -> None:
    async with running_postgres(state / ("long" * 30), durable=False) as postgres:
        assert postgres.sockets.parent == Path("/tmp")
        assert await query(postgres.url, "SELECT 1") == 1
    assert not postgres.sockets.exists()


async def test_special_characters_of_the_state_path_are_escaped_in_the_url(state: Path) -> None:
    async with running_postgres(state / "a b%20?&ü", durable=False) as postgres:
        assert "a%20b%2520%3F%26" in postgres.url
        assert await query(postgres.url, "SELECT 1") == 1


async def test_interrupted_initdb_starts_again(state: Path) -> None:
    (state / "postgres.new").mkdir()
    (state / "postgres.new" / "PG_VERSION").write_text("18\n")
    async with running_postgres(state, durable=False) as postgres:
        assert await query(postgres.url, "SELECT 1") == 1


def test_failed_start_reports_the_end_of_the_log(state: Path) -> None:
    with serve_postgres(state, durable=False):
        pass
    ((state / "postgres").resolve() / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(ServiceFailed, match=r"ended with code 1:\n(?s:.*)initialized by PostgreSQL version 12"),
        serve_postgres(state, durable=False),
    ):
        pass


@linux_only
def test_foreign_server_on_the_same_data_is_refused(state: Path) -> None:
    """A server started by hand does not lock the folder; its pid file is found."""
    with serve_postgres(state, durable=False) as postgres:
        (state / "postgres.lock").unlink()
        with pytest.raises(ServiceFailed, match="not ours"), serve_postgres(state, durable=False):
            pass
        assert postgres.process.poll() is None


async def test_environment_variables_of_postgresql_are_ignored(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGOPTIONS", "PGDATA", "PGHOST", "PGPORT", "PGUSER"):
        monkeypatch.setenv(name, "--nonsense")
    async with running_postgres(state, durable=False) as postgres:
        postgres.create("other")


@linux_only
@root_only
def test_as_root_neither_nobody_nor_the_servers_account_is_a_user_of_the_database(server: Postgres) -> None:
    accounts = {pwd.getpwnam("nobody").pw_uid: "Permission denied", server.sockets.stat().st_uid: "Peer authentication"}
    for uid, reason in accounts.items():
        for role in ("postgres", "owner", "vocalized_api"):
            url = with_login(server.url, role)
            psql = [str(server.programs / "psql"), "--no-psqlrc", f"--dbname={url}", "--command=SELECT 1"]
            done = run_as(uid, *psql)
            assert done.returncode == 2 and reason in done.stderr


@linux_only
@root_only
def test_as_root_server_and_data_belong_to_a_user_id_that_nothing_else_has(server: Postgres) -> None:
    data = server.sockets.parent / "postgres"
    owner = data.stat()
    for look_up in (lambda: pwd.getpwuid(owner.st_uid), lambda: grp.getgrgid(owner.st_gid)):
        with pytest.raises(KeyError):
            look_up()
    assert {(entry.lstat().st_uid, entry.lstat().st_gid) for entry in data.rglob("*")} == {(owner.st_uid, owner.st_gid)}
    status = status_of(server.process.pid)
    assert f"\nUid:\t{owner.st_uid}\t{owner.st_uid}\t{owner.st_uid}\t" in status
    assert f"\nGid:\t{owner.st_gid}\t{owner.st_gid}\t{owner.st_gid}\t" in status
    assert "\nGroups:\t \n" in status


@linux_only
@root_only
def test_as_root_nobody_cannot_edit_the_rules_of_who_connects(state: Path) -> None:
    """Also not in a cluster of an earlier version, whose files belonged to `nobody`."""
    with serve_postgres(state, durable=False) as postgres:
        postgres.query("CREATE TABLE kept AS SELECT 42 AS n")
    data, nobody = (state / "postgres").resolve(), pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", str(data)], check=True)
    with serve_postgres(state, durable=False) as postgres:
        assert postgres.query("SELECT n FROM kept") == "42"
        for file in (data / "pg_hba.conf", data / "base", data / "postmaster.pid"):
            for attempt in (f"echo >> '{file}'", f"ls '{file}'", f"chmod 777 '{file}'", f"mv '{file}' '{file}.old'"):
                done = run_as(nobody.pw_uid, "sh", "-c", attempt)
                assert done.returncode and "Permission denied" in done.stderr, attempt


@root_only
async def test_unreachable_state_is_a_link_to_data_that_survive(state: Path) -> None:
    os.chmod(state, 0o700)
    async with running_postgres(state, durable=False) as postgres:
        assert (state / "postgres").resolve().parent == ELSEWHERE
        assert postgres.sockets.parent == Path("/tmp")
        await query(postgres.url, "CREATE TABLE kept AS SELECT 42 AS n")
    async with running_postgres(state, durable=False) as postgres:
        assert await query(postgres.url, "SELECT n FROM kept") == 42
    assert stat.S_IMODE(os.stat(state).st_mode) == 0o700


@linux_only
async def test_connected_client_does_not_delay_the_shutdown(state: Path) -> None:
    async with running_postgres(state, durable=False) as postgres:
        connection = await asyncpg.connect(postgres.url)
        await connection.execute("BEGIN")
    assert postgres.process.returncode == 0
    connection.terminate()


@linux_only
def test_server_that_ignores_signals_is_killed(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocalized.services.postgres._ENDINGS", ((signal.SIGURG, 0.1), (signal.SIGURG, 0.1)))
    with serve_postgres(state, durable=False) as postgres:
        members = family(postgres.process.pid)
    assert postgres.process.returncode == -signal.SIGKILL
    assert all(wait_ended(member) for member in members)
