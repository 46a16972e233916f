"""Seals of the audit log: what somebody with the owner's rights does to entries and links is found."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.__main__ import main
from control.audit import tasks as audit_tasks
from control.audit.seals import audit_keys, renew_codes, seal_entries, verify_log
from control.audit.service import Actor, Change, record_change
from control.db.logins import WORKER, with_login
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from shared.secrets import Sealer, new_key, parse_keys

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SECRET, OLDER = new_key(), new_key()
KEYS = audit_keys(Sealer(parse_keys(SECRET)))


@pytest.fixture
async def worker(fresh_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(with_login(fresh_database_url, WORKER), size=4) as pool:
        yield pool


@asynccontextmanager
async def platform_scope(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.transaction() as db:
        await enter_platform(db)
        yield db


async def write(worker: Pool, *actions: str) -> None:
    for action in actions:
        async with platform_scope(worker) as db:
            await record_change(db, Actor("system"), Change(action, "test", "1", after={"limit": 1.5, "é": None}))


async def seal(worker: Pool, keys: Sequence[bytes] = KEYS) -> int:
    async with platform_scope(worker) as db:
        return await seal_entries(db, keys, NOW)


async def breaks(worker: Pool, keys: Sequence[bytes] = KEYS) -> list[tuple[str, int]]:
    async with platform_scope(worker) as db:
        return [(one.kind, one.seal) for one in (await verify_log(db, keys)).breaks]


async def tamper(url: str, *statements: str) -> None:
    """As an owner who knows how to get around the triggers."""
    db = await asyncpg.connect(url)
    try:
        for table in ("audit_log", "audit_seals", "audit_sealed_rows"):
            await db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            await db.execute(statement)
    finally:
        await db.close()


async def write_two_seals(worker: Pool) -> None:
    await write(worker, "first", "second")
    assert await seal(worker) == 2
    await write(worker, "third")
    assert (await seal(worker), await seal(worker)) == (1, 0)


async def test_an_untouched_log_verifies(worker: Pool) -> None:
    assert await breaks(worker) == []
    await write_two_seals(worker)
    await write(worker, "fourth")
    async with platform_scope(worker) as db:
        await db.execute("SET LOCAL timezone = 'Asia/Kolkata'")
        verdict = await verify_log(db, KEYS)
    assert (verdict.seals, verdict.entries, verdict.unsealed, verdict.breaks) == (2, 3, 1, [])


# The row of a seal whose number and entries are those of the second one.
_FORGED = (
    "INSERT INTO audit_seals SELECT 3, 0, sha256(''), root, reached, sealed_at, mac FROM audit_seals WHERE number = 2"
)


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        ("UPDATE audit_log SET details = '{}' WHERE action = 'second'", [("changed", 1)]),
        ("UPDATE audit_log SET at = at + interval '1 microsecond' WHERE action = 'third'", [("changed", 2)]),
        ("UPDATE audit_log SET address = '192.0.2.1' WHERE action = 'first'", [("changed", 1)]),
        ("DELETE FROM audit_log WHERE action = 'first'", [("removed", 1)]),
        ("TRUNCATE audit_log", [("removed", 1), ("removed", 1), ("removed", 2)]),
        ("UPDATE audit_sealed_rows SET hash = sha256('x') WHERE seal = 2", [("seal_changed", 2), ("changed", 2)]),
        ("DELETE FROM audit_sealed_rows WHERE seal = 2", [("seal_changed", 2)]),
        ("UPDATE audit_seals SET root = sha256('x') WHERE number = 1", [("seal_forged", 1), ("seal_changed", 1)]),
        (_FORGED, [("seal_changed", 2), ("seal_forged", 3)]),
        (
            "INSERT INTO audit_log (id, at, actor, action, resource_type, resource_id) "
            "VALUES (gen_random_uuid(), now() - interval '2 days', 'system', 'x', 'x', 'x')",
            [("inserted", 0)],
        ),
    ],
)
async def test_detects_changes_by_the_database_owner(
    worker: Pool, fresh_database_url: str, attack: str, found: list[tuple[str, int]]
) -> None:
    await write_two_seals(worker)
    await tamper(fresh_database_url, attack)
    assert set(found) <= set(await breaks(worker)) and len(await breaks(worker)) >= len(found)


async def test_removed_entries_show_where_their_seals_were_removed_too(worker: Pool, fresh_database_url: str) -> None:
    await write_two_seals(worker)
    remove = "DELETE FROM audit_{} WHERE {} = 1"
    entries = "DELETE FROM audit_log WHERE action IN ('first', 'second')"
    await tamper(fresh_database_url, entries, remove.format("sealed_rows", "seal"), remove.format("seals", "number"))
    assert await breaks(worker) == [("seal_missing", 1)]


async def test_two_workers_seal_each_entry_once(worker: Pool) -> None:
    await write(worker, *(f"test.{number}" for number in range(20)))
    sealed = await asyncio.gather(*(seal(worker) for _ in range(4)))
    assert sorted(sealed) == [0, 0, 0, 20] and await breaks(worker) == []


async def test_seals_of_an_older_key_verify_and_can_be_renewed(worker: Pool, fresh_database_url: str) -> None:
    older, both = audit_keys(Sealer(parse_keys(OLDER))), audit_keys(Sealer(parse_keys(f"{SECRET},{OLDER}")))
    await write(worker, "first")
    await seal(worker, older)
    assert await breaks(worker, both) == []
    assert await breaks(worker) == [("seal_forged", 1)]
    async with open_pool(fresh_database_url, size=1, role=None) as owners, owners.transaction() as db:
        assert (await renew_codes(db, both), await renew_codes(db, both)) == (1, 0)
    assert await breaks(worker) == []


async def test_the_worker_verifies_some_seals_each_time(
    worker: Pool, fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_tasks, "SEALS_A_RUN", 1)
    reported: list[int] = []
    check = audit_tasks.AuditCheck(KEYS, reported.append)
    await write_two_seals(worker)
    await _run(worker, check.run, 3)
    await tamper(fresh_database_url, "UPDATE audit_log SET action = 'x' WHERE action = 'third'")
    await _run(worker, check.run, 4)
    await tamper(fresh_database_url, "UPDATE audit_log SET action = 'third' WHERE action = 'x'")
    await _run(worker, check.run, 1)
    assert reported == [0, 0, 0, 0, 1, 1, 1, 0]


async def test_a_running_worker_misses_the_seals_that_it_saw(worker: Pool, fresh_database_url: str) -> None:
    reported: list[int] = []
    check = audit_tasks.AuditCheck(KEYS, reported.append)
    await write_two_seals(worker)
    await _run(worker, check.run, 4)
    cut = ("DELETE FROM audit_log WHERE action = 'third'", "DELETE FROM audit_sealed_rows WHERE seal = 2")
    await tamper(fresh_database_url, *cut, "DELETE FROM audit_seals WHERE number = 2")
    await write(worker, "in its place")
    assert await seal(worker) == 1
    await _run(worker, check.run, 4)
    assert reported == [0, 0, 0, 0, 0, 1, 1, 1]


async def test_entries_without_any_seal_are_counted(worker: Pool) -> None:
    await write(worker, "first", "second")
    async with platform_scope(worker) as db:
        verdict = await verify_log(db, KEYS)
    assert (verdict.seals, verdict.unsealed) == (0, 2)


async def _run(worker: Pool, run: Callable[[Connection, datetime], object], times: int) -> None:
    for _ in range(times):
        async with platform_scope(worker) as db:
            await run(db, NOW)  # type: ignore[misc]


def test_the_command_verifies_and_exports(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def prepare() -> None:
        async with open_pool(with_login(fresh_database_url, WORKER), size=1) as worker:
            await write_two_seals(worker)

    asyncio.run(prepare())
    capsys.readouterr()
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", fresh_database_url)
    monkeypatch.setenv("VOCALIZED_VAULT_KEYS", SECRET)
    assert main(["audit", "export"]) == 0
    lines = capsys.readouterr().out.splitlines()
    content = lines[0].partition('"content":')[2][:-1]
    assert json.loads(lines[0])["hash"] == hashlib.sha256(content.encode()).hexdigest()
    assert len(lines) == 3 and UUID(json.loads(content)[0]) and json.loads(content)[5] == "first"
    assert main(["audit", "verify"]) == 0
    out = capsys.readouterr().out
    digest = out.partition("newest digest ")[2].partition("\n")[0]
    assert "3 entries in 2 seals, 0 not sealed yet" in out and main(["audit", "verify", "--digest", digest]) == 0
    cut = ("DELETE FROM audit_log WHERE action = 'third'", "DELETE FROM audit_sealed_rows WHERE seal = 2")
    asyncio.run(tamper(fresh_database_url, *cut, "DELETE FROM audit_seals WHERE number = 2"))
    assert main(["audit", "verify"]) == 0, "only somebody who knows the digest can tell"
    capsys.readouterr()
    assert main(["audit", "verify", "--digest", digest]) == 1
    assert "the log's end was cut off" in capsys.readouterr().out
    asyncio.run(tamper(fresh_database_url, "UPDATE audit_log SET action = 'x' WHERE action = 'first'"))
    assert main(["audit", "verify"]) == 1
    assert "BAD changed: seal 1, entry " in capsys.readouterr().out
    assert main(["audit", "renew-keys"]) == 0 and "0 seals renewed" in capsys.readouterr().out
