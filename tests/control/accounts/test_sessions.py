"""Rotation and reuse of refresh tokens, and sign-out."""

import asyncio
from datetime import datetime, timedelta

import pytest

from control.accounts.rules import AccountPolicy
from control.accounts.sessions.service import SessionTokens
from control.audit.rules import AuditFilter
from control.audit.service import list_entries
from control.db.keyset import PageRequest
from shared.errors import Unauthorized
from tests.control.accounts.accounts_platform import NOW, AccountsPlatform, FixedOrigin, open_accounts


async def refresh(platform: AccountsPlatform, token: str, now: datetime = NOW) -> SessionTokens:
    return await platform.transact(lambda db: platform.accounts.refresh(db, token, FixedOrigin(), now))


async def refusal_code(platform: AccountsPlatform, token: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthorized) as error:
        await refresh(platform, token, now)
    return error.value.code


async def test_refresh_returns_new_tokens_of_the_same_session(platform: AccountsPlatform) -> None:
    first = (await platform.sign_up()).tokens
    second = await refresh(platform, first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert platform.tokens.read(second.token, "user", NOW) == platform.tokens.read(first.token, "user", NOW)
    assert await platform.is_session_valid(second.token)


async def test_reused_refresh_token_ends_the_session_and_is_audited(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    second = await refresh(platform, signed_up.tokens.refresh_token)
    assert await refusal_code(platform, signed_up.tokens.refresh_token) == "refresh_token_reused"
    assert not await platform.is_session_valid(second.token)
    assert await refusal_code(platform, second.refresh_token) == "session_over"
    assert await refusal_code(platform, signed_up.tokens.refresh_token) == "session_over"
    async with platform.pool.transaction() as db:
        await db.execute("SELECT enter_scope('platform', NULL, NULL)")
        entries = (await list_entries(db, AuditFilter(action="session.revoke"), PageRequest(200))).rows
    revocations = [entry for entry in entries if entry.details["reason"].startswith("a refresh") and entry.resource_id]
    session = str(platform.tokens.read(second.token, "user", NOW))
    assert [entry.resource_id for entry in revocations].count(session) == 1


async def test_reuse_does_not_end_other_sessions(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    other = await platform.sign_in(signed_up.user.email)
    await refresh(platform, signed_up.tokens.refresh_token)
    await refusal_code(platform, signed_up.tokens.refresh_token)
    assert await platform.is_session_valid(other.tokens.token)


async def test_one_of_many_concurrent_refreshes_succeeds(platform: AccountsPlatform) -> None:
    for _ in range(5):
        token = (await platform.sign_up()).tokens.refresh_token
        results = await asyncio.gather(*(refresh(platform, token) for _ in range(8)), return_exceptions=True)
        assert sum(isinstance(result, SessionTokens) for result in results) == 1
        codes = [result.code for result in results if isinstance(result, Unauthorized)]
        assert len(codes) == 7 and "refresh_token_reused" in codes
        winner = next(result for result in results if isinstance(result, SessionTokens))
        assert not await platform.is_session_valid(winner.token)


async def test_second_use_within_the_grace_period_is_accepted(database_url: str) -> None:
    async with open_accounts(database_url, AccountPolicy(refresh_grace_s=10)) as platform:
        token = (await platform.sign_up()).tokens.refresh_token
        results = await asyncio.gather(*(refresh(platform, token) for _ in range(4)))
        assert len({result.refresh_token for result in results}) == 4
        assert await platform.is_session_valid(results[0].token)
        assert await refusal_code(platform, token, NOW + timedelta(seconds=10)) == "refresh_token_reused"
        assert await refusal_code(platform, results[0].refresh_token) == "session_over"


async def test_sign_out_ends_only_this_session_at_once(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    other = await platform.sign_in(signed_up.user.email)
    session = platform.tokens.read(signed_up.tokens.token, "user", NOW)
    await platform.transact(lambda db: platform.accounts.sign_out(db, session, NOW))
    assert not await platform.is_session_valid(signed_up.tokens.token)
    assert await refusal_code(platform, signed_up.tokens.refresh_token) == "session_over"
    assert await platform.is_session_valid(other.tokens.token)


async def test_idle_tokens_and_sessions_expire(platform: AccountsPlatform) -> None:
    policy = AccountPolicy().user
    token = (await platform.sign_up()).tokens.refresh_token
    in_time, too_late = (NOW + timedelta(seconds=policy.idle_s + step) for step in (-1, 0))
    assert await refusal_code(platform, token, too_late) == "session_over"
    assert (await refresh(platform, token, in_time)).refresh_token
    token, moment = (await platform.sign_up()).tokens.refresh_token, NOW
    while moment < NOW + timedelta(seconds=policy.max_age_s - policy.idle_s + 1):
        moment += timedelta(seconds=policy.idle_s - 1)
        token = (await refresh(platform, token, moment)).refresh_token
    assert await refusal_code(platform, token, NOW + timedelta(seconds=policy.max_age_s)) == "session_over"


async def test_unknown_token_and_other_audience_are_refused(platform: AccountsPlatform) -> None:
    token = (await platform.sign_up()).tokens.refresh_token
    assert await refusal_code(platform, "no such token") == "session_over"
    with pytest.raises(Unauthorized):
        await platform.transact(lambda db: platform.accounts.admins.refresh(db, token, FixedOrigin(), NOW))
    assert (await refresh(platform, token)).token


async def test_inactive_user_cannot_refresh(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    async with platform.pool.transaction() as db:
        await db.execute("UPDATE users SET is_active = false WHERE id = $1", signed_up.user.id)
    assert await refusal_code(platform, signed_up.tokens.refresh_token) == "account_deactivated"


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM users WHERE id = $1",
        "UPDATE users SET password_hash = 'of another password' WHERE id = $1",
        "UPDATE users SET is_active = false WHERE id = $1",
    ],
)
async def test_sign_in_fails_when_the_account_changes_meanwhile(platform: AccountsPlatform, change: str) -> None:
    user = (await platform.sign_up()).user
    sessions = "SELECT count(*) FROM sessions WHERE user_id = $1"
    async with platform.pool.transaction() as db:
        await db.execute(change, user.id)
        sign_in = asyncio.create_task(platform.sign_in(user.email))
        while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not sign_in.done()
    with pytest.raises(Unauthorized) as refused:
        await sign_in
    assert refused.value.code == "session_over"
    async with platform.pool.acquire() as db:
        assert await db.fetchval(sessions, user.id) == (0 if change.startswith("DELETE") else 1)
