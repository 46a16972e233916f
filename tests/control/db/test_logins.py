"""Attacks by SQL text that somebody smuggled into a program: what the program's login lets it reach."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.audit.service import Actor, Change, record_change
from control.db.logins import API, WORKER, LoginRefused, make_verifier, require_plain_login, set_passwords, with_login
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform, enter_user, enter_workspace, read_platform
from vocalized.services.postgres import Postgres

DENIED = asyncpg.InsufficientPrivilegeError


@dataclass(frozen=True, slots=True)
class Attacked:
    """api: a pool of one connection, as the API's. own, other: workspaces of which the attacker is in the first."""

    api: Pool
    own: UUID
    other: UUID
    admin: UUID
    admin_session: UUID

    async def names(self, *attack: str) -> list[str]:
        """The names of the workspaces that are seen in the attacker's scope after these statements."""
        async with self.api.transaction() as db:
            await enter_workspace(db, self.own)
            return await _names(db, attack)


async def _names(db: Connection, attack: tuple[str, ...]) -> list[str]:
    for statement in attack:
        await db.execute(statement)
    return [row["name"] for row in await db.fetch("SELECT name FROM workspaces ORDER BY name")]


@pytest.fixture(scope="module")
def ids(database_url: str) -> tuple[UUID, UUID, UUID, UUID]:
    return asyncio.run(_fill(database_url))


async def _fill(database_url: str) -> tuple[UUID, UUID, UUID, UUID]:
    own, other, admin, session = uuid4(), uuid4(), uuid4(), uuid4()
    db = await asyncpg.connect(database_url)
    await db.execute(
        "INSERT INTO tiers (tier_name, display_name, monthly_fee, included_minutes, price_per_minute, max_agents, "
        "max_members, max_phone_numbers, max_concurrent_calls) VALUES ('t', 'T', 0, 0, 0, 1, 1, 1, 1)"
    )
    for workspace, name in ((own, "own"), (other, "other")):
        await db.execute(
            "INSERT INTO workspaces (id, name, status, tier_name) VALUES ($1, $2, 'trial', 't')", workspace, name
        )
    await db.execute(
        "INSERT INTO admins (id, email, name, role, password_hash) VALUES ($1, 's@example.com', 'S', 'support', 'h')",
        admin,
    )
    await db.execute(
        "INSERT INTO sessions (id, admin_id, expires_at) VALUES ($1, $2, now() + interval '1 hour')", session, admin
    )
    await db.close()
    return own, other, admin, session


@pytest.fixture
async def attacked(database_url: str, ids: tuple[UUID, UUID, UUID, UUID]) -> AsyncIterator[Attacked]:
    async with open_pool(with_login(database_url, API), size=1) as api:
        yield Attacked(api, *ids)


async def test_a_scope_is_entered_with_the_proof(attacked: Attacked) -> None:
    assert await attacked.names() == ["own"]
    async with attacked.api.transaction() as db:
        assert await _names(db, ()) == []
        await enter_platform(db)
        assert await _names(db, ()) == ["other", "own"]
        await enter_user(db, uuid4())
        assert await _names(db, ()) == []
        await enter_workspace(db, attacked.own)
        seen = await read_platform(db, lambda: _names(db, ()))
        assert (seen, await _names(db, ())) == (["other", "own"], ["own"])


async def test_text_of_sql_enters_no_other_scope(attacked: Attacked) -> None:
    other = str(attacked.other)
    forged = f"SELECT set_config('vocalized.workspace_id', '{other}', true)"
    assert await attacked.names("RESET ROLE") == ["own"]
    assert await attacked.names("SELECT enter_scope('platform', NULL, NULL)") == []
    assert await attacked.names("SELECT set_config('vocalized.scope', 'platform', true)") == []
    assert await attacked.names(forged) == []
    assert await attacked.names(f"SELECT enter_scope('tenant', '{other}', NULL)") == []
    assert await attacked.names(f"SELECT authorise_admin('{attacked.admin_session}')") == []
    seal = "SELECT set_config('vocalized.seal', seal_of_scope(''), true)"
    assert await attacked.names(forged, seal) == []


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT enter_scope('platform', NULL, NULL, 'guess')",
        "SELECT seal_scope('guess')",
        "SELECT authorise_admin($1::uuid, 'guess')",
        r"SELECT begin_session('\x00')",
        "SELECT seal_key FROM session_keys",
        "UPDATE session_keys SET proof_hash = sha256('guess')",
        "SET ROLE owner",
        "SET ROLE vocalized_worker",
        "SET ROLE vocalized_platform",
        "SET SESSION AUTHORIZATION owner",
        "GRANT vocalized_platform TO vocalized_api",
        "CREATE TABLE workspaces_of_mine ()",
        "ALTER TABLE workspaces DISABLE ROW LEVEL SECURITY",
        "CREATE OR REPLACE FUNCTION current_scope() RETURNS text LANGUAGE sql AS 'SELECT ''platform'''",
    ],
)
async def test_what_would_lead_to_the_platform_is_refused(attacked: Attacked, attack: str) -> None:
    for reset in ("SELECT 1", "RESET ROLE"):
        with pytest.raises(DENIED):
            async with attacked.api.transaction() as db:
                await enter_workspace(db, attacked.own)
                await db.execute(reset)
                await db.execute(attack.replace("$1", f"'{attacked.admin_session}'"))


async def test_what_was_set_for_the_session_enters_no_scope_of_the_next_request(attacked: Attacked) -> None:
    async with attacked.api.transaction() as db:
        await enter_platform(db)
        seal = await db.fetchval("SELECT current_setting('vocalized.seal')")
    async with attacked.api.acquire() as db:
        await db.execute(f"SET vocalized.scope = 'platform'; SET vocalized.seal = '{seal}'")
    async with attacked.api.transaction() as db:
        assert await _names(db, ()) == [], "a seal of another transaction held"
        missing, proof = uuid4(), db.proof
        assert await db.fetchrow("SELECT * FROM authorise_user($1, $2, $3)", missing, attacked.own, proof) is None
        assert await _names(db, ()) == []


async def test_rights_of_the_staff_are_written_by_no_program(attacked: Attacked, database_url: str) -> None:
    assert await attacked.names() == ["own"]
    async with attacked.api.transaction() as db:
        await enter_workspace(db, attacked.own)
        assert await db.fetch("SELECT password_hash FROM admins") == []
        assert await db.execute("UPDATE admins SET password_hash = 'mine', totp_enabled_at = NULL") == "UPDATE 0"
    statements = [
        "UPDATE admins SET role = 'super_admin'",
        "UPDATE admins SET is_active = true",
        "UPDATE admins SET email = 'mine@example.com'",
        "DELETE FROM admins",
        "INSERT INTO admins SELECT gen_random_uuid(), 'm@example.com', 'M', 'super_admin', 'h'",
    ]
    for login in (API, WORKER):
        await _require_denied(with_login(database_url, login), statements)


async def test_a_tenants_sql_signs_nobody_of_the_staff_in(attacked: Attacked) -> None:
    begin = "INSERT INTO sessions (id, admin_id, expires_at) VALUES (gen_random_uuid(), $1, now() + interval '1 hour')"
    token = (
        "INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES ('mine', $1, now() + interval '1 h')"
    )
    for statement, argument in ((begin, attacked.admin), (token, attacked.admin_session)):
        with pytest.raises(DENIED):
            async with attacked.api.transaction() as db:
                await enter_workspace(db, attacked.own)
                await db.execute(statement, argument)
    async with attacked.api.transaction() as db:
        await enter_workspace(db, attacked.own)
        assert await db.fetch("SELECT id FROM sessions WHERE admin_id IS NOT NULL") == []
        assert (
            await db.execute("UPDATE sessions SET user_agent = 'x' WHERE id = $1", attacked.admin_session) == "UPDATE 0"
        )


async def test_the_audit_log_is_neither_changed_nor_emptied_by_a_program(database_url: str) -> None:
    async with open_pool(with_login(database_url, WORKER), size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        await record_change(db, Actor("system"), Change("test.kept", "test", "1"))
    statements = [
        "UPDATE audit_log SET action = 'x'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TABLE audit_log",
        "INSERT INTO audit_log (id, at, actor, action, resource_type, resource_id) "
        "VALUES (gen_random_uuid(), now() - interval '1 day', 'system', 'x', 'x', 'x')",
        "UPDATE audit_seals SET mac = ''",
        "DELETE FROM audit_seals",
        "UPDATE audit_sealed_rows SET hash = ''",
        "DELETE FROM audit_sealed_rows",
        "TRUNCATE audit_sealed_rows, audit_seals",
        "SET session_replication_role = replica",
    ]
    for login in (API, WORKER):
        await _require_denied(with_login(database_url, login), statements)


async def _require_denied(url: str, statements: list[str]) -> None:
    """Each is refused in platform scope, as the programs' role and as the login itself."""
    async with open_pool(url, size=1) as pool:
        for statement in statements:
            for role in ("SELECT 1", "RESET ROLE"):
                with pytest.raises(DENIED):
                    async with pool.transaction() as db:
                        await enter_platform(db)
                        await db.execute(role)
                        await db.execute(statement)


async def test_a_program_starts_as_its_login_only(database_url: str) -> None:
    superuser = with_login(database_url, "postgres")
    for url in (database_url, superuser):
        async with open_pool(url, size=1) as pool:
            with pytest.raises(LoginRefused, match="sign in as vocalized_api"):
                await require_plain_login(pool, API)
    for login in (API, WORKER):
        async with open_pool(with_login(database_url, login), size=1) as pool:
            await require_plain_login(pool, login)


async def test_sessions_that_are_over_leave_no_keys(database_url: str, attacked: Attacked) -> None:
    async with open_pool(database_url, size=1, role=None) as owners, owners.acquire() as owner:
        await owner.execute("INSERT INTO session_keys VALUES (-1, now() - interval '2 hours', '', '')")
        async with open_pool(with_login(database_url, API), size=1):
            assert await owner.fetchval("SELECT count(*) FROM session_keys WHERE pid = -1") == 0
            assert await owner.fetchval("SELECT count(*) FROM session_keys") >= 2


def test_nobody_creates_a_table_that_stands_before_ours(postgres: Postgres, migrated: str) -> None:
    assert postgres.query(f"SELECT has_database_privilege('{API}', '{migrated}', 'TEMP')") == "f"


async def test_a_password_is_stored_as_the_server_would_store_it(postgres: Postgres, database_url: str) -> None:
    await set_passwords(database_url, {API: "correct-horse-battery"})
    stored = postgres.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{API}'")
    salt = base64.b64decode(stored.split("$")[1].partition(":")[2])
    assert stored == make_verifier("correct-horse-battery", salt)


def test_a_verifier_proves_the_server_of_rfc_7677() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    server_key = base64.b64decode(make_verifier("pencil", salt).rpartition(":")[2])
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchange = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
    signature = hmac.digest(server_key, exchange.encode(), hashlib.sha256)
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
