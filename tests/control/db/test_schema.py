"""schema.sql is what the migrations add up to, each of which can be taken back and never waits for long."""

import re
import subprocess
from pathlib import Path

import pytest

from control.db.migrate import FOLDER, SCHEMA, dumped, migrate, roll_back
from vocalized.services.postgres import Postgres

MIGRATIONS = sorted(FOLDER.glob("*.sql"))


def by_name(path: Path) -> str:
    return path.name


def test_the_schema_equals_the_sum_of_the_migrations(
    postgres: Postgres, fresh_database_url: str, empty_database_url: str
) -> None:
    psql, pg_dump = postgres.programs / "psql", postgres.programs / "pg_dump"
    load = [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={empty_database_url}", f"--file={SCHEMA}"]
    subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
    migrated = dumped(fresh_database_url, pg_dump=pg_dump)
    assert dumped(empty_database_url, pg_dump=pg_dump) == migrated, "run `make schema`"
    assert SCHEMA.read_text() == migrated, "run `make schema`"


def test_a_database_made_from_the_schema_is_up_to_date(postgres: Postgres, empty_database_url: str) -> None:
    load = [str(postgres.programs / "psql"), "-X", "-q", f"--dbname={empty_database_url}", f"--file={SCHEMA}"]
    subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
    assert migrate(empty_database_url) == []


def test_every_migration_can_be_taken_back_and_applied_again(postgres: Postgres, fresh_database_url: str) -> None:
    pg_dump = postgres.programs / "pg_dump"
    before = dumped(fresh_database_url, pg_dump=pg_dump)
    back = [name for _ in MIGRATIONS for name in roll_back(fresh_database_url)]
    assert back == [path.name for path in reversed(MIGRATIONS)]
    assert set(re.findall(r"CREATE TABLE (\S+)", dumped(fresh_database_url, pg_dump=pg_dump))) == {
        "public.schema_migrations"
    }
    migrate(fresh_database_url)
    assert dumped(fresh_database_url, pg_dump=pg_dump) == before


def test_there_are_migrations_and_each_has_a_moment_of_its_own() -> None:
    moments = [path.name.split("_")[0] for path in MIGRATIONS]
    assert moments
    assert len(set(moments)) == len(moments)


@pytest.mark.parametrize("path", MIGRATIONS, ids=by_name)
def test_a_migration_is_named_by_moment_and_purpose(path: Path) -> None:
    assert re.fullmatch(r"\d{14}_[a-z0-9_]+\.sql", path.name)


@pytest.mark.parametrize("path", MIGRATIONS, ids=by_name)
def test_a_migration_goes_both_ways_and_waits_for_no_lock_for_long(path: Path) -> None:
    head, up, down = re.split(r"^-- migrate:(?:up|down).*$", path.read_text(), flags=re.MULTILINE)
    assert not head.strip()
    for section in (up, down):
        statements = [line for line in section.splitlines() if line.strip() and not line.startswith("--")]
        if "transaction:false" in path.read_text():
            # An index made beside the writers holds nobody up, and is alone: two statements would be a transaction.
            assert re.match(r"(CREATE|DROP) INDEX CONCURRENTLY ", statements[0])
            assert section.count(";") == 1
        else:
            assert re.fullmatch(r"SET (LOCAL )?lock_timeout = '\d+m?s';", statements[0])
