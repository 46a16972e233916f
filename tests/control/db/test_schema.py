"""schema.sql equals the migrated schema; each migration can be rolled back and has a lock timeout."""

import re
import subprocess
from pathlib import Path

import pytest

from control.db.migrate import MIGRATIONS_FOLDER, SCHEMA_FILE, dump_schema, migrate, roll_back
from vocalized.services.postgres import Postgres

MIGRATIONS = sorted(MIGRATIONS_FOLDER.glob("*.sql"))


def by_name(path: Path) -> str:
    return path.name


def test_schema_file_equals_the_migrated_schema(
    postgres: Postgres, fresh_database_url: str, empty_database_url: str
) -> None:
    psql, pg_dump = postgres.programs / "psql", postgres.programs / "pg_dump"
    load = [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={empty_database_url}", f"--file={SCHEMA_FILE}"]
    subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
    migrated = dump_schema(fresh_database_url, pg_dump=pg_dump)
    assert dump_schema(empty_database_url, pg_dump=pg_dump) == migrated, "run `make schema`"
    assert SCHEMA_FILE.read_text() == migrated, "run `make schema`"


def test_database_created_from_the_schema_file_is_up_to_date(postgres: Postgres, empty_database_url: str) -> None:
    load = [str(postgres.programs / "psql"), "-X", "-q", f"--dbname={empty_database_url}", f"--file={SCHEMA_FILE}"]
    subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
    assert migrate(empty_database_url) == []


def test_every_migration_can_be_rolled_back_and_applied_again(postgres: Postgres, fresh_database_url: str) -> None:
    pg_dump = postgres.programs / "pg_dump"
    before = dump_schema(fresh_database_url, pg_dump=pg_dump)
    rolled_back = [name for _ in MIGRATIONS for name in roll_back(fresh_database_url)]
    assert rolled_back == [path.name for path in reversed(MIGRATIONS)]
    assert set(re.findall(r"CREATE TABLE (\S+)", dump_schema(fresh_database_url, pg_dump=pg_dump))) == {
        "public.schema_migrations"
    }
    migrate(fresh_database_url)
    assert dump_schema(fresh_database_url, pg_dump=pg_dump) == before


def test_dump_does_not_depend_on_where_rows_are_kept(postgres: Postgres, fresh_database_url: str) -> None:
    """Once PostgreSQL has tidied up, a migration that is applied again takes the place of another one."""
    psql, pg_dump = postgres.programs / "psql", postgres.programs / "pg_dump"
    before = dump_schema(fresh_database_url, pg_dump=pg_dump)
    first, last = MIGRATIONS[0].name.split("_")[0], MIGRATIONS[-1].name.split("_")[0]
    statements = [
        f"DELETE FROM schema_migrations WHERE version IN ('{first}', '{last}')",
        "VACUUM schema_migrations",
        f"INSERT INTO schema_migrations VALUES ('{last}')",
        f"INSERT INTO schema_migrations VALUES ('{first}')",
    ]
    commands = [f"--command={statement}" for statement in statements]
    run = [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={fresh_database_url}", *commands]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    assert dump_schema(fresh_database_url, pg_dump=pg_dump) == before


def test_migration_timestamps_are_unique() -> None:
    timestamps = [path.name.split("_")[0] for path in MIGRATIONS]
    assert timestamps
    assert len(set(timestamps)) == len(timestamps)


@pytest.mark.parametrize("path", MIGRATIONS, ids=by_name)
def test_migration_is_named_by_timestamp_and_purpose(path: Path) -> None:
    assert re.fullmatch(r"\d{14}_[a-z0-9_]+\.sql", path.name)


@pytest.mark.parametrize("path", MIGRATIONS, ids=by_name)
def test_migration_has_both_directions_and_a_lock_timeout(path: Path) -> None:
    head, up, down = re.split(r"^-- migrate:(?:up|down).*$", path.read_text(), flags=re.MULTILINE)
    assert not head.strip()
    for section in (up, down):
        statements = [line for line in section.splitlines() if line.strip() and not line.startswith("--")]
        if "transaction:false" in path.read_text():
            # CREATE INDEX CONCURRENTLY blocks no writers and must be the only statement: two would form a transaction.
            assert re.match(r"(CREATE|DROP) INDEX CONCURRENTLY ", statements[0])
            assert section.count(";") == 1
        else:
            assert re.fullmatch(r"SET (LOCAL )?lock_timeout = '\d+m?s';", statements[0])


@pytest.mark.parametrize("path", MIGRATIONS, ids=by_name)
def test_migration_uses_no_syntax_newer_than_postgresql_15(path: Path) -> None:
    """docs/run/install.md promises PostgreSQL 15; the tests' own server is newer."""
    newer = r"\bVIRTUAL\b|\buuidv[47]\(|\bJSON_TABLE\b|\bWITHOUT OVERLAPS\b|\bMERGE\b.*\bRETURNING\b|\bNOT ENFORCED\b"
    statements = re.sub(r"--.*", "", path.read_text())
    assert not re.findall(newer, statements, re.IGNORECASE | re.DOTALL)
