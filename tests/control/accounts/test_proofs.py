"""Letters: single use, expiring, the newest only; a forgotten password."""

import asyncio
from datetime import timedelta

import pytest

from control.accounts.proofs import RECOVER_JOB
from shared.errors import Invalid, TooMany, Unauthorised
from tests.control.accounts.stage import NOW, PASSWORD, Stage, link_token, someone

NEW = "another fine pass phrase"


async def verify(on: Stage, token: str, after_s: int = 0) -> None:
    await on.ask(lambda db: on.accounts.proofs.verify_email(db, token, NOW + timedelta(seconds=after_s)))


async def forget(on: Stage, email: str) -> None:
    await on.ask(lambda db: on.accounts.proofs.forgot_password(db, email))


async def reset(on: Stage, token: str, password: str = NEW, after_s: int = 0) -> None:
    now = NOW + timedelta(seconds=after_s)
    await on.ask(lambda db: on.accounts.proofs.reset_password(db, token, password, now))


async def mailed(on: Stage, email: str) -> str:
    """The token of the last letter to somebody."""
    return [link_token(message) for message in await on.mails() if message["To"] == email][-1]


async def test_the_letter_of_a_sign_up_confirms_the_address_once(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    message = next(message for message in await on.mails() if message["To"] == email)
    assert "https://app.vocalized.example/verify-email#token=" in message.get_content()
    await verify(on, link_token(message))
    assert (await on.sign_in(email)).user.is_verified
    with pytest.raises(Invalid) as fault:
        await verify(on, link_token(message))
    assert (fault.value.code, fault.value.param) == ("token_invalid", "token")


async def test_a_letter_expires(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    token = await mailed(on, email)
    with pytest.raises(Invalid):
        await verify(on, token, 2 * 86_400)
    await verify(on, token, 2 * 86_400 - 1)


async def test_a_new_letter_voids_the_older_and_none_is_sent_to_the_verified(on: Stage) -> None:
    user = (await on.sign_up()).user
    old = await mailed(on, user.email)
    await on.ask(lambda db: on.accounts.proofs.ask_to_verify(db, user.id, NOW))
    new = await mailed(on, user.email)
    with pytest.raises(Invalid):
        await verify(on, old)
    await verify(on, new)
    await on.ask(lambda db: on.accounts.proofs.ask_to_verify(db, user.id, NOW))
    assert await on.mails() == []


async def test_a_reset_sets_the_password_and_ends_all_sessions(on: Stage) -> None:
    done = await on.sign_up()
    email = done.user.email
    await on.mails()
    await forget(on, email)
    await reset(on, await mailed(on, email))
    assert not await on.lives(done.tokens.token)
    with pytest.raises(Unauthorised):
        await on.sign_in(email)
    assert (await on.sign_in(email, NEW)).user.is_verified  # the letter proved the address, too
    assert [message["Subject"] for message in await on.mails()] == ["Your password was changed"]


async def test_a_reset_ends_the_wait(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    for _ in range(6):
        with pytest.raises(Unauthorised):
            await on.sign_in(email, "wrong")
    with pytest.raises(TooMany):
        await on.sign_in(email)
    await forget(on, email)
    await reset(on, await mailed(on, email))
    await on.sign_in(email, NEW)


async def test_a_weak_password_leaves_the_token_good(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    await forget(on, email)
    token = await mailed(on, email)
    with pytest.raises(Invalid) as fault:
        await reset(on, token, "password123")
    assert fault.value.param == "new_password"
    await reset(on, token)
    with pytest.raises(Invalid):
        await reset(on, token)


async def test_of_two_resets_at_once_one_wins(on: Stage) -> None:
    for _ in range(5):
        email = (await on.sign_up()).user.email
        await forget(on, email)
        token = await mailed(on, email)
        passwords = [f"{NEW} {number}" for number in range(5)]
        results = await asyncio.gather(*(reset(on, token, each) for each in passwords), return_exceptions=True)
        assert results.count(None) == 1
        assert sum(isinstance(result, Invalid) for result in results) == 4
        await on.sign_in(email, passwords[results.index(None)])


async def test_a_reset_expires_and_an_older_one_is_void(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    await forget(on, email)
    old = await mailed(on, email)
    await forget(on, email)
    new = await mailed(on, email)
    with pytest.raises(Invalid):
        await reset(on, old)
    with pytest.raises(Invalid):
        await reset(on, new, after_s=3600)
    await reset(on, new, after_s=3599)


async def test_two_letters_asked_for_at_once_leave_one_good_token(on: Stage) -> None:
    user = (await on.sign_up()).user
    await on.mails()
    again = (on.ask(lambda db: on.accounts.proofs.ask_to_verify(db, user.id, NOW)) for _ in range(6))
    await asyncio.gather(*again)
    tokens = [link_token(message) for message in await on.mails()]
    results = []
    for token in tokens:
        try:
            await verify(on, token)
            results.append(True)
        except Invalid:
            results.append(False)
    assert len(tokens) == 6 and results.count(True) == 1


async def test_a_verify_token_resets_nothing(on: Stage) -> None:
    email = (await on.sign_up()).user.email
    token = await mailed(on, email)
    with pytest.raises(Invalid):
        await reset(on, token)
    await on.sign_in(email, PASSWORD)


async def test_the_request_does_the_same_for_an_unknown_address_and_no_mail_follows(on: Stage) -> None:
    known = (await on.sign_up()).user.email
    await on.mails()
    for email in (known, someone()):
        await forget(on, email)
    async with on.pool.transaction() as db:
        rows = await db.fetch("SELECT length(payload) AS size FROM pgqueuer WHERE entrypoint = $1", RECOVER_JOB)
        held = await db.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE position($1::bytea IN payload) > 0", known.encode()
        )
    assert len({row["size"] for row in rows}) == 1 and len(rows) == 2
    assert held == 0  # sealed
    assert [message["To"] for message in await on.mails()] == [known]


async def test_an_inactive_user_gets_no_letter(on: Stage) -> None:
    user = (await on.sign_up()).user
    await on.mails()
    async with on.pool.transaction() as db:
        await db.execute("UPDATE users SET is_active = false WHERE id = $1", user.id)
    await forget(on, user.email)
    assert await on.mails() == []
