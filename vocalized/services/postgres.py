"""An embedded PostgreSQL on a Unix socket only; its data are created at the first start and stay between starts."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vocalized.services.account import Account, give, make_folder, named_account, remove_folder, server_account
from vocalized.services.binaries import postgres_programs
from vocalized.services.folders import locked, make_state, socket_folder
from vocalized.services.process import Program, ServiceFailed, clean_environment, run_once, running
from vocalized.services.thread import in_thread

DATABASE = "vocalized"
OWNER = "owner"
SUPERUSER = "postgres"

_READY_S = 60.0
_NO_CONNECTION = 2  # psql's exit code
_ENDINGS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))  # fast shutdown, then immediate shutdown

# Sized for a machine that runs everything else as well.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "max_locks_per_transaction": "256",
    "max_parallel_workers_per_gather": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# The owner is no superuser, as with a hosted PostgreSQL, so that migrations which work here work there.
_CREATE = f"""
SELECT 'CREATE ROLE "{OWNER}" LOGIN CREATEDB CREATEROLE'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}') \\gexec
SELECT 'CREATE DATABASE "{DATABASE}" OWNER "{OWNER}"'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec
"""
# Only a superuser may create it.
_CREATE_VECTOR = r"""
SELECT 'CREATE EXTENSION IF NOT EXISTS vector' WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')
\gexec
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. `url` is the database `vocalized` as its owner; `programs` has psql, pg_dump and the like."""

    url: str
    programs: Path
    sockets: Path
    process: subprocess.Popen[bytes]

    def url_of(self, database: str) -> str:
        """The URL of another database of this server, as the owner."""
        return _url(self.sockets, OWNER, database)

    def create(self, database: str, *, template: str = "template1") -> str:
        """Creates a database as a copy of the template, to which nobody may be connected; returns its URL.

        Raises ServiceFailed.
        """
        self._command(f"CREATE DATABASE {_quoted(database)} TEMPLATE {_quoted(template)} STRATEGY FILE_COPY")
        return self.url_of(database)

    def drop(self, database: str) -> None:
        """Drops a database and ends the connections to it."""
        # As the superuser, who alone may end an autovacuum that is running there.
        self._command(f"DROP DATABASE IF EXISTS {_quoted(database)} WITH (FORCE)", SUPERUSER)

    def add_vector(self, database: str = DATABASE) -> None:
        """Creates the extension vector in a database, where the server has it, for the search of documents by meaning.

        Raises ServiceFailed.
        """
        self._command(_CREATE_VECTOR, SUPERUSER, database)

    def query(self, sql: str, *, database: str = DATABASE) -> str:
        """What psql prints for a query of the superuser: a line a row, columns separated by |. Raises ServiceFailed."""
        return self._command(sql, SUPERUSER, database).strip()

    def _command(self, sql: str, user: str = OWNER, database: str = "postgres") -> str:
        done = _psql(self.programs, _url(self.sockets, user, database), sql)
        if done.returncode:
            raise ServiceFailed(f"psql: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def serve_postgres(
    state: Path, *, durable: bool, sockets: Path | None = None, vector: bool = False
) -> Iterator[Postgres]:
    """Runs PostgreSQL on `state`/postgres for as long as the block lasts; it accepts connections when the block begins.

    Not `durable`: faster, and data may be lost or torn when the machine (not the program) fails. Leave the block in
    the thread that entered it. sockets: a folder of `socket_folder` for this account; None makes one. vector: see
    `Postgres.add_vector`. Raises ServiceFailed, also when another process uses this state.
    """
    state, account = make_state(state), server_account()
    own = socket_folder(state, account) if sockets is None else nullcontext(sockets)
    with locked(state / "postgres.lock") as lock, own as folder:
        programs = postgres_programs(account)
        data = _cluster(state, programs, lock, account)
        _admit_only_this_user(data, account)
        _remove_stale_files(data, folder)
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *_flags(durable)]
        program = Program(command, data, state / "postgres.log", lock, _ENDINGS, account)
        with running(program) as process:
            _until_ready(program, process, programs, folder)
            server = Postgres(_url(folder, OWNER, DATABASE), programs, folder, process)
            if vector:
                server.add_vector()
            yield server


@asynccontextmanager
async def running_postgres(
    state: Path, *, durable: bool, sockets: Path | None = None, vector: bool = False
) -> AsyncIterator[Postgres]:
    """As `serve_postgres`, without blocking the loop."""
    async with in_thread(serve_postgres(state, durable=durable, sockets=sockets, vector=vector)) as postgres:
        yield postgres


def _cluster(state: Path, programs: Path, lock: int, account: Account | None) -> Path:
    """The data folder, created under another name first, so that an interrupted initdb is not used."""
    data, new = state / "postgres", state / "postgres.new"
    if not data.exists():
        remove_folder(new)
        flags = [f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        flags += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        folder = make_folder(new, account)
        command = [str(programs / "initdb"), *flags, "-D"]
        if account is None:
            run_once([*command, str(folder)], folder=folder, lock=lock, account=None)
        else:
            _initialize_as(account, command, folder, lock)
        new.rename(data)
    return make_folder(data, account)


def _initialize_as(account: Account, command: list[str], folder: Path, lock: int) -> None:
    """Run initdb, which needs a user with a name, in a folder below that only the account's group can enter."""
    named, inner = named_account(account), folder / "initdb"
    folder.chmod(0o710)
    inner.mkdir(mode=0o700)
    os.chown(inner, named.uid, named.gid)
    run_once([*command, str(inner)], folder=inner, lock=lock, account=named)
    give(inner, account)
    for entry in inner.iterdir():
        entry.rename(folder / entry.name)
    inner.rmdir()
    folder.chmod(0o700)


def _admit_only_this_user(data: Path, account: Account | None) -> None:
    """Has the server ask the kernel who connects (pg_hba.conf, method peer): the user of this process may be any role,
    nobody else any. Without an entry in the list of users, which the server would ask too, the socket's folder decides.
    """
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return
    rules = {"pg_hba.conf": "local all all peer map=starter\n", "pg_ident.conf": f'starter "{user}" all\n'}
    for name, text in rules.items():
        file = data / name
        file.write_text(text)
        if account:
            os.chown(file, account.uid, account.gid)


def _remove_stale_files(data: Path, sockets: Path) -> None:
    """Removes the pid file and sockets of a server that was killed; its pid may belong to another process by now.

    This process holds the lock, so no server of ours is left; a foreign one is recognized by its working folder.
    """
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = pid_file.read_text().split("\n", 1)[0]
    try:
        busy = Path(os.readlink(f"/proc/{pid}/cwd")) == data
    except OSError:
        busy = False
    if busy:
        raise ServiceFailed(f"a PostgreSQL that is not ours (process {pid}) runs on {data}")
    for stale in (pid_file, sockets / ".s.PGSQL.5432", sockets / ".s.PGSQL.5432.lock"):
        stale.unlink(missing_ok=True)


def _flags(durable: bool) -> list[str]:
    settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
    return [f"--{name}={value}" for name, value in settings.items()]


def _until_ready(program: Program, process: subprocess.Popen[bytes], programs: Path, sockets: Path) -> None:
    """Ready when owner and database exist, which are created if they are missing."""
    deadline = time.monotonic() + _READY_S
    url = _url(sockets, SUPERUSER, "postgres")
    while (done := _psql(programs, url, _CREATE)).returncode:
        if process.poll() is not None:
            raise ServiceFailed(f"PostgreSQL ended with code {process.returncode}:\n{program.tail()}")
        if done.returncode != _NO_CONNECTION or time.monotonic() > deadline:
            raise ServiceFailed(f"PostgreSQL was not ready: {done.stderr.strip()}\n{program.tail()}")
        time.sleep(0.02)


def _psql(programs: Path, url: str, sql: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(programs / "psql"),
        "--no-psqlrc",
        "--quiet",
        "--no-align",
        "--tuples-only",
        "--set=ON_ERROR_STOP=1",
        f"--dbname={url}",
    ]
    return subprocess.run(command, input=sql, env=clean_environment(), capture_output=True, text=True)


def _url(sockets: Path, user: str, database: str) -> str:
    return f"postgresql://{user}@/{quote(database, safe='')}?host={quote(str(sockets))}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
