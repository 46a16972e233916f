"""`python -m control backups` with PostgreSQL's own programs: backed up from one server, checked on another."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.__main__ import main
from control.backups.rules import BackupRun
from control.backups.tasks import backups_tasks
from control.db.logins import BACKUP, with_login
from control.db.pool import open_pool
from shared.secrets import new_key
from tests.control.backups.conftest import CALLER, SECRET_KEY, BackedUp, superuser_url
from vocalized.services.postgres import Postgres


def query(url: str, sql: str) -> list[Any]:
    """The first column of the answer."""

    async def run() -> list[Any]:
        db = await asyncpg.connect(url)
        try:
            return [row[0] for row in await db.fetch(sql)]
        finally:
            await db.close()

    return asyncio.run(run())


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["backups", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def only_file(backed_up: BackedUp, ending: str) -> Path:
    (found,) = backed_up.folder.glob(f"*{ending}")
    return found


def test_a_backup_is_restored_on_a_server_that_lacks_our_role(
    backed_up: BackedUp, new_server: Postgres, postgres: Postgres, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    postgres.add_vector(urlsplit(backed_up.url).path[1:])  # which the new server's database lacks
    assert query(backed_up.url, "SELECT prepare_knowledge_vectors()") == [True]
    out = printed(capsys, "create")
    assert "encrypted" in out and "not encrypted" not in out
    dump, manifest = only_file(backed_up, ".dump"), only_file(backed_up, ".json")
    for secret in (b"PGDMP", CALLER.encode(), SECRET_KEY.encode()):
        assert secret not in dump.read_bytes() + manifest.read_bytes()

    out = printed(capsys, "check")
    assert out.count("\nok ") == 6 and "BAD" not in out and "restored and checked" in out
    assert f"call {backed_up.call_id} of " in out and "turns: 1\n" in out and "opens all 1 sealed keys" in out
    assert query(superuser_url(new_server), "SELECT datname FROM pg_database WHERE datname ~ 'check'") == []
    runs = query(backed_up.url, "SELECT kind FROM backup_runs WHERE size > 0 ORDER BY id")
    assert runs == ["backup", "check"]

    name = dump.stem
    assert name in printed(capsys, "list")
    printed(capsys, "download", name, str(tmp_path / "plain.dump"))
    plain = tmp_path / "plain.dump"
    assert plain.read_bytes().startswith(b"PGDMP") and plain.stat().st_mode & 0o777 == 0o600
    assert "exists" in printed(capsys, "download", name, str(plain), code=1)


def test_a_difference_from_what_was_backed_up_is_found(
    backed_up: BackedUp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed(capsys, "create")
    manifest = only_file(backed_up, ".json")
    recorded = json.loads(manifest.read_bytes())
    recorded["facts"]["tables"]["calls"] += 1
    recorded["facts"]["schema_sha256"] = "0" * 64
    recorded["facts"]["policies"] -= 1
    manifest.write_text(json.dumps(recorded))
    monkeypatch.setenv("VOCALIZED_SECRET_KEYS", new_key())
    out = printed(capsys, "check", code=1)
    assert out.count("\nBAD ") == 4 and "rows differ from those counted at the backup in: calls\n" in out
    assert "does not open the key of: p\n" in out and "NOT as it was" in out
    assert query(backed_up.url, "SELECT kind FROM backup_runs") == ["backup"], "a failed check was recorded"


def test_a_database_without_row_level_security_is_found(
    backed_up: BackedUp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    query(backed_up.url, "ALTER TABLE calls DISABLE ROW LEVEL SECURITY")
    monkeypatch.delenv("VOCALIZED_BACKUP_KEYS")
    monkeypatch.delenv("VOCALIZED_SECRET_KEYS")
    assert "not encrypted" in printed(capsys, "create")
    out = printed(capsys, "check", code=1)
    assert "no row-level security on: calls" in out and "reads calls without a scope" in out
    assert "not checked  sealed values" in out


@pytest.mark.parametrize("fault", ["changed", "missing", "other key", "no key", "too old"])
def test_a_backup_that_cannot_be_restored_is_an_error(
    backed_up: BackedUp,
    new_server: Postgres,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    printed(capsys, "create")
    dump, arguments = only_file(backed_up, ".dump"), ["check"]
    if fault == "changed":
        data = bytearray(dump.read_bytes())
        data[-100] ^= 1
        dump.write_bytes(data)
    elif fault == "missing":
        dump.unlink()
    elif fault == "other key":
        monkeypatch.setenv("VOCALIZED_BACKUP_KEYS", new_key())
    elif fault == "no key":
        monkeypatch.delenv("VOCALIZED_BACKUP_KEYS")
    else:
        arguments += ["--max-age-hours", "0"]
    expected = {
        "changed": "changed", "missing": "missing in storage", "other key": "none of VOCALIZED_BACKUP_KEYS",
        "no key": "VOCALIZED_BACKUP_KEYS is missing", "too old": "hours old",
    }  # fmt: skip
    out = printed(capsys, *arguments, code=1)
    assert out.startswith("control: ") and expected[fault] in out and "Traceback" not in out
    assert query(superuser_url(new_server), "SELECT datname FROM pg_database WHERE datname ~ 'check'") == []


def test_whoever_is_not_the_owner_makes_no_backup(
    backed_up: BackedUp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row-level security would leave out rows of workspaces without a word."""
    url = backed_up.url.replace("owner@", "reader:s3cret@")
    asyncio.run(_create_reader(backed_up.url))
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", url)
    out = printed(capsys, "create", code=1)
    assert "failed" in out and "s3cret" not in out
    assert not list(backed_up.folder.glob("*"))


def test_the_login_for_backups_makes_and_records_one(
    backed_up: BackedUp, postgres: Postgres, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.query(f"ALTER ROLE {BACKUP} BYPASSRLS")
    try:
        monkeypatch.setenv("VOCALIZED_DATABASE_URL", with_login(backed_up.url, BACKUP))
        assert " encrypted" in printed(capsys, "create")
        assert "restored and checked" in printed(capsys, "check")
    finally:
        postgres.query(f"ALTER ROLE {BACKUP} NOBYPASSRLS")
    assert query(backed_up.url, "SELECT kind FROM backup_runs ORDER BY id") == ["backup", "check"]


async def _create_reader(url: str) -> None:
    db = await asyncpg.connect(url)
    try:
        await db.execute(
            "CREATE ROLE reader LOGIN; GRANT vocalized_backup TO reader; GRANT SELECT ON schema_migrations TO reader"
        )
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PATH", "/nowhere", "pg_dump is not installed"),
        ("VOCALIZED_DATABASE_URL", "postgresql://owner:s3cret@127.0.0.1:9/x", "Refused"),
        ("VOCALIZED_BACKUP_URL", "s3://bucket?endpoint=http://127.0.0.1:9", "storage is unavailable"),
    ],
)
def test_reports_an_unusable_setting_in_one_line(
    backed_up: BackedUp,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv(variable, value)
    out = printed(capsys, "create", code=1)
    assert out.startswith("control: ") and message in out and out.count("\n") == 1 and "s3cret" not in out


@pytest.mark.parametrize(
    ("action", "variable", "value"),
    [
        ("create", "VOCALIZED_DATABASE_URL", ""),
        ("check", "VOCALIZED_RESTORE_URL", ""),
        ("list", "VOCALIZED_BACKUP_URL", ""),
        ("list", "VOCALIZED_BACKUP_URL", "s3://bucket?secret=s3cret"),
        ("list", "VOCALIZED_BACKUP_KEYS", "s3cret"),
    ],
)
def test_an_invalid_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str, variable: str, value: str
) -> None:
    for name in [name for name in os.environ if name.startswith("VOCALIZED_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VOCALIZED_BACKUP_URL", "file:///tmp/none")
    monkeypatch.setenv(variable, value)
    out = printed(capsys, action, code=2)
    assert variable in out and "s3cret" not in out


async def test_the_worker_reports_the_newest_runs_and_may_not_write_them(fresh_database_url: str) -> None:
    owner = await asyncpg.connect(fresh_database_url)
    try:
        for kind, hour in (("backup", 1), ("backup", 3), ("check", 2)):
            await owner.execute(
                "INSERT INTO backup_runs (kind, backup, finished_at, seconds, size) VALUES ($1, $2, $3, 1, 10)",
                kind, f"b{hour}", datetime(2026, 11, 26, hour, tzinfo=UTC),
            )  # fmt: skip
    finally:
        await owner.close()
    reported: list[BackupRun] = []
    (duty,) = backups_tasks(reported.extend).duties
    async with open_pool(fresh_database_url, size=1) as pool:
        await duty.run_once(pool, datetime.now(UTC))
        assert {(run.kind, run.backup) for run in reported} == {("backup", "b3"), ("check", "b2")}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with pool.transaction() as db:
                await db.execute("DELETE FROM backup_runs")
