"""Refresh tokens rotate; one used twice ends its session; a sign-out holds at once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from control.accounts.policy import AccountPolicy
from control.accounts.sessions import Tokens
from control.platform.model import LogFilter
from control.platform.service import Platform
from shared.errors import Unauthorised
from tests.control.accounts.stage import NOW, Here, Stage, stage


async def refreshed(on: Stage, token: str, now: datetime = NOW) -> Tokens:
    return await on.ask(lambda db: on.accounts.refresh(db, token, Here(), now))


async def refused(on: Stage, token: str, now: datetime = NOW) -> str:
    with pytest.raises(Unauthorised) as fault:
        await refreshed(on, token, now)
    return fault.value.code


async def test_a_refresh_gives_new_tokens_of_the_same_session(on: Stage) -> None:
    first = (await on.sign_up()).tokens
    second = await refreshed(on, first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert on.tokens.read(second.token, "user", NOW) == on.tokens.read(first.token, "user", NOW)
    assert await on.lives(second.token)


async def test_a_token_used_twice_ends_the_session_and_is_told(on: Stage) -> None:
    done = await on.sign_up()
    second = await refreshed(on, done.tokens.refresh_token)
    assert await refused(on, done.tokens.refresh_token) == "refresh_token_reused"
    assert not await on.lives(second.token)
    assert await refused(on, second.refresh_token) == "session_over"
    assert await refused(on, done.tokens.refresh_token) == "session_over"
    async with on.pool.transaction() as db:
        await db.execute("SELECT enter_scope('platform', NULL, NULL)")
        entries, _ = await Platform().log(db, LogFilter(action="session.revoke"), offset=0, limit=200)
    mine = [entry for entry in entries if entry.details["reason"].startswith("a refresh") and entry.resource_id]
    session = str(on.tokens.read(second.token, "user", NOW))
    assert [entry.resource_id for entry in mine].count(session) == 1


async def test_other_sessions_of_the_user_go_on(on: Stage) -> None:
    done = await on.sign_up()
    other = await on.sign_in(done.user.email)
    await refreshed(on, done.tokens.refresh_token)
    await refused(on, done.tokens.refresh_token)
    assert await on.lives(other.tokens.token)


async def test_of_many_uses_at_once_exactly_one_wins(on: Stage) -> None:
    for _ in range(5):
        token = (await on.sign_up()).tokens.refresh_token
        results = await asyncio.gather(*(refreshed(on, token) for _ in range(8)), return_exceptions=True)
        assert sum(isinstance(result, Tokens) for result in results) == 1
        codes = [result.code for result in results if isinstance(result, Unauthorised)]
        assert len(codes) == 7 and "refresh_token_reused" in codes
        winner = next(result for result in results if isinstance(result, Tokens))
        assert not await on.lives(winner.token)


async def test_within_the_grace_a_second_use_is_taken(database_url: str) -> None:
    async with stage(database_url, AccountPolicy(refresh_grace_s=10)) as on:
        token = (await on.sign_up()).tokens.refresh_token
        results = await asyncio.gather(*(refreshed(on, token) for _ in range(4)))
        assert len({result.refresh_token for result in results}) == 4
        assert await on.lives(results[0].token)
        assert await refused(on, token, NOW + timedelta(seconds=10)) == "refresh_token_reused"
        assert await refused(on, results[0].refresh_token) == "session_over"


async def test_a_sign_out_holds_at_once_for_this_session_only(on: Stage) -> None:
    done = await on.sign_up()
    other = await on.sign_in(done.user.email)
    session = on.tokens.read(done.tokens.token, "user", NOW)
    await on.ask(lambda db: on.accounts.sign_out(db, session, NOW))
    assert not await on.lives(done.tokens.token)
    assert await refused(on, done.tokens.refresh_token) == "session_over"
    assert await on.lives(other.tokens.token)


async def test_an_idle_token_expires_and_so_does_the_session(on: Stage) -> None:
    policy = AccountPolicy().user
    token = (await on.sign_up()).tokens.refresh_token
    just, too_late = (NOW + timedelta(seconds=policy.idle_s + step) for step in (-1, 0))
    assert await refused(on, token, too_late) == "session_over"
    assert (await refreshed(on, token, just)).refresh_token
    token, moment = (await on.sign_up()).tokens.refresh_token, NOW
    while moment < NOW + timedelta(seconds=policy.longest_s - policy.idle_s + 1):
        moment += timedelta(seconds=policy.idle_s - 1)
        token = (await refreshed(on, token, moment)).refresh_token
    assert await refused(on, token, NOW + timedelta(seconds=policy.longest_s)) == "session_over"


async def test_an_unknown_token_and_one_of_the_other_audience_are_refused_unused(on: Stage) -> None:
    token = (await on.sign_up()).tokens.refresh_token
    assert await refused(on, "no such token") == "session_over"
    with pytest.raises(Unauthorised):
        await on.ask(lambda db: on.accounts.admins.refresh(db, token, Here(), NOW))
    assert (await refreshed(on, token)).token


async def test_nothing_is_refreshed_for_who_may_not_sign_in(on: Stage) -> None:
    done = await on.sign_up()
    async with on.pool.transaction() as db:
        await db.execute("UPDATE users SET is_active = false WHERE id = $1", done.user.id)
    assert await refused(on, done.tokens.refresh_token) == "session_over"


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM users WHERE id = $1",
        "UPDATE users SET password_hash = 'of another password' WHERE id = $1",
        "UPDATE users SET is_active = false WHERE id = $1",
    ],
)
async def test_a_sign_in_during_which_the_account_changes_leads_nowhere(on: Stage, change: str) -> None:
    user = (await on.sign_up()).user
    sessions = "SELECT count(*) FROM sessions WHERE user_id = $1"
    async with on.pool.transaction() as db:
        await db.execute(change, user.id)
        begun = asyncio.create_task(on.sign_in(user.email))
        while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not begun.done()
    with pytest.raises(Unauthorised) as refused:
        await begun
    assert refused.value.code == "session_over"
    async with on.pool.acquire() as db:
        assert await db.fetchval(sessions, user.id) == (0 if change.startswith("DELETE") else 1)
