"""Sign-up, sign-in, and the growing wait."""

import asyncio
from datetime import timedelta

import pytest

from control.accounts.policy import AccountPolicy, HashPolicy
from control.accounts.service import SignedIn
from control.platform.audit import Actor
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Invalid, TooMany, Unauthorised
from tests.control.accounts.stage import NOW, PASSWORD, Stage, someone, stage

SYSTEM = Actor("system")


async def failed(on: Stage, email: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unauthorised):
            await on.sign_in(email, "not the password")


async def test_a_new_account_is_signed_in_and_unverified(on: Stage) -> None:
    done = await on.sign_up()
    assert not done.user.is_verified
    assert await on.lives(done.tokens.token)
    assert (await on.sign_in(done.user.email)).user.id == done.user.id


async def test_a_taken_address_is_refused(on: Stage) -> None:
    done = await on.sign_up()
    with pytest.raises(Conflict) as fault:
        await on.sign_up(done.user.email)
    assert fault.value.code == "email_taken"


async def test_of_two_sign_ups_at_once_with_one_address_one_wins(on: Stage) -> None:
    for _ in range(5):
        email = someone()
        results = await asyncio.gather(*(on.sign_up(email) for _ in range(6)), return_exceptions=True)
        assert [type(result) for result in results].count(SignedIn) == 1
        assert all(isinstance(result, (SignedIn, Conflict)) for result in results)


@pytest.mark.parametrize("password", ["short", "x" * 129, "Password 123", "1q2w3e4r5t", "ada LOVELACE"])
async def test_weak_passwords_are_refused_by_name(on: Stage, password: str) -> None:
    with pytest.raises(Invalid) as fault:
        await on.sign_up(password=password)
    assert (fault.value.code, fault.value.param) == ("weak_password", "password")


async def test_the_address_is_no_password(on: Stage) -> None:
    email = someone()
    for password in (email, email.partition("@")[0]):
        with pytest.raises(Invalid):
            await on.sign_up(email, password)


async def test_sign_up_can_be_closed_while_sign_in_goes_on(on: Stage) -> None:
    done = await on.sign_up()
    await on.ask(lambda db: Platform().change_settings(db, SYSTEM, {"signup_enabled": False}))
    try:
        with pytest.raises(Forbidden) as fault:
            await on.sign_up()
        assert fault.value.code == "signup_closed"
        await on.sign_in(done.user.email)
    finally:
        await on.ask(lambda db: Platform().change_settings(db, SYSTEM, {"signup_enabled": True}))


async def test_every_failure_looks_alike(on: Stage) -> None:
    done, gone = await on.sign_up(), await on.sign_up()
    async with on.pool.transaction() as db:
        await on.accounts.directory.change(db, SYSTEM, gone.user.id, NOW, is_active=False)
    faults = []
    for email, password in ((done.user.email, "wrong"), (someone(), PASSWORD), (gone.user.email, PASSWORD)):
        with pytest.raises(Unauthorised) as fault:
            await on.sign_in(email, password)
        faults.append((fault.value.code, fault.value.message, fault.value.status))
    assert len(set(faults)) == 1


async def test_the_wait_grows_is_kept_and_ends(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    await failed(on, email, 6)
    with pytest.raises(TooMany) as fault:
        await on.sign_in(email)
    assert fault.value.retry_after_s == 2
    later = NOW + timedelta(seconds=2)
    with pytest.raises(Unauthorised):
        await on.sign_in(email, "wrong", later)
    with pytest.raises(TooMany) as fault:
        await on.sign_in(email, now=later)
    assert fault.value.retry_after_s == 4
    await on.sign_in(email, now=later + timedelta(seconds=4))
    await failed(on, email, 5)
    await on.sign_in(email)


async def test_an_unknown_address_waits_like_a_known_one(on: Stage) -> None:
    email = someone()
    await failed(on, email, 6)
    with pytest.raises(TooMany):
        await on.sign_in(email)


async def test_old_failures_are_forgotten(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    await failed(on, email, 5)
    with pytest.raises(Unauthorised):
        await on.sign_in(email, "wrong", NOW + timedelta(days=2))
    await on.sign_in(email, now=NOW + timedelta(days=2))


async def test_the_right_password_among_many_guesses_at_once_does_not_escape_the_wait(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    await failed(on, email, 5)
    async with on.pool.acquire() as db:
        begun = db.transaction()
        await begun.start()
        verdict = await on.accounts._gate.check(db, "user", email, await hash_of(on, email), PASSWORD, NOW)
        assert verdict.right
        await failed(on, email, 1)
        with pytest.raises(TooMany):
            await on.accounts._gate.passed(db, "user", email, NOW)
        await begun.rollback()


async def hash_of(on: Stage, email: str) -> str:
    async with on.pool.transaction() as db:
        found: str = await db.fetchval("SELECT password_hash FROM users WHERE email = $1", email)
    return found


async def test_a_sign_in_renews_a_hash_of_old_parameters(on: Stage, database_url: str) -> None:
    email = (await on.sign_up()).user.email
    before = await hash_of(on, email)
    async with stage(database_url, hashing=HashPolicy(time_cost=2, memory_kib=128)) as dearer:
        await dearer.sign_in(email)
        after = await hash_of(on, email)
        assert "m=64,t=1" in before and "m=128,t=2" in after
        await dearer.sign_in(email)
        assert await hash_of(on, email) == after
    await on.sign_in(email)


async def test_purge_deletes_only_what_is_over(on: Stage) -> None:
    done = await on.sign_up()
    await failed(on, someone(), 1)
    kept = AccountPolicy().user.longest_s
    async with on.pool.transaction() as db:
        await on.accounts.purge(db, NOW, 1000)
    assert await on.lives(done.tokens.token)
    async with on.pool.transaction() as db:
        removed = await on.accounts.purge(db, NOW + timedelta(seconds=kept, days=9), 1000)
        left = [
            await db.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("sessions", "refresh_tokens", "one_time_tokens", "failed_sign_ins")
        ]
    assert removed >= 3 and left == [0, 0, 0, 0]
