"""Sign-up, sign-in, and the growing wait after failures."""

import asyncio
from datetime import timedelta

import pytest

from control.accounts.rules import AccountPolicy, HashPolicy
from control.accounts.users.service import SignInResult
from control.audit.service import Actor
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Invalid, TooManyRequests, Unauthorized
from tests.control.accounts.accounts_platform import NOW, PASSWORD, AccountsPlatform, new_address, open_accounts

SYSTEM = Actor("system")


async def fail_sign_ins(platform: AccountsPlatform, email: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unauthorized):
            await platform.sign_in(email, "not the password")


async def test_sign_up_signs_in_an_unverified_account(platform: AccountsPlatform) -> None:
    registered = await platform.sign_up()
    assert not registered.user.is_verified
    assert await platform.is_session_valid(registered.tokens.token)
    assert (await platform.sign_in(registered.user.email)).user.id == registered.user.id


async def test_a_taken_address_is_refused(platform: AccountsPlatform) -> None:
    registered = await platform.sign_up()
    with pytest.raises(Conflict) as error:
        await platform.sign_up(registered.user.email)
    assert error.value.code == "email_taken"


async def test_one_of_many_concurrent_sign_ups_with_an_address_succeeds(platform: AccountsPlatform) -> None:
    for _ in range(5):
        email = new_address()
        results = await asyncio.gather(*(platform.sign_up(email) for _ in range(6)), return_exceptions=True)
        assert [type(result) for result in results].count(SignInResult) == 1
        assert all(isinstance(result, (SignInResult, Conflict)) for result in results)


@pytest.mark.parametrize("password", ["short", "x" * 129, "Password 123", "1q2w3e4r5t", "ada LOVELACE"])
async def test_weak_passwords_are_refused(platform: AccountsPlatform, password: str) -> None:
    with pytest.raises(Invalid) as error:
        await platform.sign_up(password=password)
    assert (error.value.code, error.value.param) == ("weak_password", "password")


async def test_address_as_password_is_refused(platform: AccountsPlatform) -> None:
    email = new_address()
    for password in (email, email.partition("@")[0]):
        with pytest.raises(Invalid):
            await platform.sign_up(email, password)


async def test_sign_up_can_be_closed_without_closing_sign_in(platform: AccountsPlatform) -> None:
    registered = await platform.sign_up()
    await platform.transact(lambda db: Platform().change_settings(db, SYSTEM, {"signup_enabled": False}))
    try:
        with pytest.raises(Forbidden) as error:
            await platform.sign_up()
        assert error.value.code == "signup_closed"
        await platform.sign_in(registered.user.email)
    finally:
        await platform.transact(lambda db: Platform().change_settings(db, SYSTEM, {"signup_enabled": True}))


async def test_all_sign_in_failures_look_alike(platform: AccountsPlatform) -> None:
    registered, deactivated = await platform.sign_up(), await platform.sign_up()
    wrong = "not the password"
    async with platform.pool.transaction() as db:
        await platform.accounts.user_administration.update(db, SYSTEM, deactivated.user.id, NOW, is_active=False)
    errors = []
    for email, password in (
        (registered.user.email, wrong),
        (new_address(), PASSWORD),
        (deactivated.user.email, wrong),
    ):
        with pytest.raises(Unauthorized) as error:
            await platform.sign_in(email, password)
        errors.append((error.value.code, error.value.message, error.value.status))
    assert len(set(errors)) == 1
    with pytest.raises(Forbidden) as refused:
        await platform.sign_in(deactivated.user.email)
    assert refused.value.code == "account_deactivated"


async def test_wait_grows_and_ends(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    await fail_sign_ins(platform, email, 6)
    with pytest.raises(TooManyRequests) as error:
        await platform.sign_in(email)
    assert error.value.retry_after_s == 2
    later = NOW + timedelta(seconds=2)
    with pytest.raises(Unauthorized):
        await platform.sign_in(email, "wrong", later)
    with pytest.raises(TooManyRequests) as error:
        await platform.sign_in(email, now=later)
    assert error.value.retry_after_s == 4
    await platform.sign_in(email, now=later + timedelta(seconds=4))
    await fail_sign_ins(platform, email, 5)
    await platform.sign_in(email)


async def test_unknown_address_is_locked_like_a_known_one(platform: AccountsPlatform) -> None:
    email = new_address()
    await fail_sign_ins(platform, email, 6)
    with pytest.raises(TooManyRequests):
        await platform.sign_in(email)


async def test_old_failures_do_not_count(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    await fail_sign_ins(platform, email, 5)
    with pytest.raises(Unauthorized):
        await platform.sign_in(email, "wrong", NOW + timedelta(days=2))
    await platform.sign_in(email, now=NOW + timedelta(days=2))


async def hash_of(platform: AccountsPlatform, email: str) -> str:
    async with platform.pool.transaction() as db:
        found: str = await db.fetchval("SELECT password_hash FROM users WHERE email = $1", email)
    return found


async def test_sign_in_renews_a_hash_of_old_parameters(platform: AccountsPlatform, database_url: str) -> None:
    email = (await platform.sign_up()).user.email
    before = await hash_of(platform, email)
    async with open_accounts(database_url, hashing=HashPolicy(time_cost=2, memory_kib=128)) as costlier_platform:
        await costlier_platform.sign_in(email)
        after = await hash_of(platform, email)
        assert "m=64,t=1" in before and "m=128,t=2" in after
        await costlier_platform.sign_in(email)
        assert await hash_of(platform, email) == after
    await platform.sign_in(email)


async def test_purge_deletes_only_expired_rows(platform: AccountsPlatform) -> None:
    registered = await platform.sign_up()
    await fail_sign_ins(platform, new_address(), 1)
    max_age_s = AccountPolicy().user.max_age_s
    async with platform.pool.transaction() as db:
        await platform.accounts.purge(db, NOW, 1000)
    assert await platform.is_session_valid(registered.tokens.token)
    async with platform.pool.transaction() as db:
        removed = await platform.accounts.purge(db, NOW + timedelta(seconds=max_age_s, days=9), 1000)
        remaining = [
            await db.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("sessions", "refresh_tokens", "one_time_tokens", "sign_in_failures", "letter_counts")
        ]
    assert removed >= 3 and remaining == [0, 0, 0, 0, 0]
