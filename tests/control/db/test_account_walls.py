"""SQL text that somebody smuggled into a customer's request signs nobody else in: accounts of customers, and what leads
into them, are written by the person, or where somebody signs in."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.logins import API, with_login
from control.db.pool import Pool, open_pool
from control.db.scope import enter_accounts, enter_user, enter_workspace

MINE, VICTIM, MY_SESSION, THEIR_SESSION, WORKSPACE = (uuid4() for _ in range(5))
SOON = "now() + interval '1 hour'"
# What signs the attacker in as the victim, by row of whom.
INSERTS = (
    f"INSERT INTO sessions (id, user_id, expires_at) VALUES (gen_random_uuid(), '{{who}}', {SOON})",
    "INSERT INTO refresh_tokens (token_hash, session_id, expires_at) "
    f"VALUES (uuid_send(gen_random_uuid()), '{{session}}', {SOON})",
    "INSERT INTO one_time_tokens (token_hash, purpose, user_id, email, expires_at) "
    f"VALUES (uuid_send(gen_random_uuid()), 'reset_password', '{{who}}', 'v@example.com', {SOON})",
    "INSERT INTO user_recovery_codes (user_id, code_hash, created_at) "
    "VALUES ('{who}', uuid_send(gen_random_uuid()), now())",
)
CHANGES = (
    "UPDATE users SET password_hash = 'mine' WHERE id = '{who}'",
    "UPDATE users SET totp_secret = NULL, totp_enabled_at = NULL WHERE id = '{who}'",
    "UPDATE users SET email_verified_at = now() WHERE id = '{who}'",
    "UPDATE sessions SET expires_at = 'infinity' WHERE user_id = '{who}'",
    "UPDATE refresh_tokens SET token_hash = uuid_send(gen_random_uuid()) WHERE session_id = '{session}'",
)
MY_OWN = {"who": MINE, "session": MY_SESSION}
THEIRS = {"who": VICTIM, "session": THEIR_SESSION}


@pytest.fixture(scope="module")
def filled(database_url: str) -> str:
    asyncio.run(_fill(database_url))
    return database_url


async def _fill(database_url: str) -> None:
    db = await asyncpg.connect(database_url)
    for user, session, email in ((MINE, MY_SESSION, "m@example.com"), (VICTIM, THEIR_SESSION, "v@example.com")):
        await db.execute("INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'N', 'h')", user, email)
        await db.execute(f"INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, {SOON})", session, user)
        await db.execute(
            f"INSERT INTO refresh_tokens (token_hash, session_id, expires_at) VALUES (uuid_send($1), $1, {SOON})",
            session,
        )
    await db.close()


@pytest.fixture
async def api(filled: str) -> AsyncIterator[Pool]:
    async with open_pool(with_login(filled, API), size=1) as pool:
        yield pool


async def attack(api: Pool, statement: str, of: dict[str, UUID], *prelude: str) -> int:
    """The rows that it changed in the attacker's scope; undone."""
    async with api.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        try:
            await enter_workspace(db, WORKSPACE, MINE)
            for one in prelude:
                await db.execute(one)
            return int(str(await db.execute(statement.format_map(of))).rpartition(" ")[2])
        finally:
            await transaction.rollback()


@pytest.mark.parametrize("statement", INSERTS)
async def test_nothing_is_added_to_somebody_elses_account(api: Pool, statement: str) -> None:
    assert await attack(api, statement, MY_OWN) == 1
    for prelude in ("RESET ROLE", "SELECT enter_scope('accounts', NULL, NULL)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attack(api, statement, THEIRS, prelude)


@pytest.mark.parametrize("statement", CHANGES)
async def test_nothing_of_somebody_elses_account_is_changed(api: Pool, statement: str) -> None:
    assert await attack(api, statement, MY_OWN) == 1
    for prelude in (
        "RESET ROLE",
        "SELECT enter_scope('accounts', NULL, NULL)",
        f"SET LOCAL vocalized.user_id = '{VICTIM}'",
    ):
        assert await attack(api, statement, THEIRS, prelude) == 0


async def test_sessions_and_links_of_others_are_not_read(api: Pool) -> None:
    async with api.transaction() as db:
        await enter_user(db, MINE)
        assert [row["id"] for row in await db.fetch("SELECT id FROM sessions")] == [MY_SESSION]
        assert [row["session_id"] for row in await db.fetch("SELECT session_id FROM refresh_tokens")] == [MY_SESSION]
        assert await db.fetch("SELECT token_hash FROM one_time_tokens") == []


async def test_no_program_changes_an_address_and_no_session_makes_an_account(api: Pool) -> None:
    new = "INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'n@example.com', 'N', 'h')"
    for statement in (new, "UPDATE users SET email = 'v2@example.com' WHERE id = '{who}'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attack(api, statement, MY_OWN)
    assert await attack(api, "DELETE FROM users", MY_OWN) == 1, "only the attacker's own"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with api.transaction() as db:
            await enter_accounts(db)
            await db.execute("UPDATE users SET email = 'x@example.com'")


async def test_who_is_not_signed_in_yet_sees_accounts_and_no_workspace(api: Pool, filled: str) -> None:
    async with api.transaction() as db:
        await enter_accounts(db)
        assert await db.fetchval("SELECT count(*) FROM sessions WHERE user_id IS NOT NULL") == 2
        assert await db.execute("UPDATE users SET last_login_at = now() WHERE id = $1", VICTIM) == "UPDATE 1"
        assert await db.fetch("SELECT id FROM workspaces") == []
        assert await db.fetch("SELECT id FROM admins") == []
