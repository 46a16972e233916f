"""Links in e-mails: single use, expiry, only the newest is valid; password reset."""

import asyncio
from datetime import timedelta

import pytest

from control.accounts.second_factors import totp as second_factors_totp
from control.accounts.users.service import PASSWORD_RESET_JOB
from shared.errors import Invalid, TooManyRequests, Unauthorized
from tests.control.accounts.accounts_platform import (
    NOW,
    PASSWORD,
    AccountsPlatform,
    FixedOrigin,
    link_token,
    new_address,
)

NEW = "another fine pass phrase"


async def verify(platform: AccountsPlatform, token: str, after_s: int = 0) -> None:
    await platform.transact(
        lambda db: platform.accounts.email_links.verify_email(db, token, NOW + timedelta(seconds=after_s))
    )


async def request_reset(platform: AccountsPlatform, email: str) -> None:
    await platform.transact(lambda db: platform.accounts.email_links.request_password_reset(db, email))


async def reset(platform: AccountsPlatform, token: str, password: str = NEW, after_s: int = 0) -> None:
    now = NOW + timedelta(seconds=after_s)
    await platform.transact(lambda db: platform.accounts.email_links.reset_password(db, token, password, now))


async def emailed_token(platform: AccountsPlatform, email: str) -> str:
    """Returns the token of the last e-mail to an address."""
    return [link_token(message) for message in await platform.send_emails() if message["To"] == email][-1]


async def test_sign_up_link_confirms_the_address_once(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    message = next(message for message in await platform.send_emails() if message["To"] == email)
    assert "https://app.vocalized.example/verify-email#token=" in message.get_content()
    await verify(platform, link_token(message))
    assert (await platform.sign_in(email)).user.is_verified
    with pytest.raises(Invalid) as error:
        await verify(platform, link_token(message))
    assert (error.value.code, error.value.param) == ("token_invalid", "token")


async def test_verification_link_expires(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    token = await emailed_token(platform, email)
    with pytest.raises(Invalid):
        await verify(platform, token, 2 * 86_400)
    await verify(platform, token, 2 * 86_400 - 1)


async def test_new_link_invalidates_the_older_and_verified_users_get_none(platform: AccountsPlatform) -> None:
    user = (await platform.sign_up()).user
    old = await emailed_token(platform, user.email)
    await platform.transact(lambda db: platform.accounts.email_links.send_verification(db, user.id, NOW))
    new = await emailed_token(platform, user.email)
    with pytest.raises(Invalid):
        await verify(platform, old)
    await verify(platform, new)
    await platform.transact(lambda db: platform.accounts.email_links.send_verification(db, user.id, NOW))
    assert await platform.send_emails() == []


async def test_reset_sets_the_password_and_ends_all_sessions(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    email = signed_up.user.email
    await platform.send_emails()
    await request_reset(platform, email)
    await reset(platform, await emailed_token(platform, email))
    assert not await platform.is_session_valid(signed_up.tokens.token)
    with pytest.raises(Unauthorized):
        await platform.sign_in(email)
    assert (await platform.sign_in(email, NEW)).user.is_verified  # the link confirmed the address, too
    assert [message["Subject"] for message in await platform.send_emails()] == ["Your password was changed"]


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_reset_removes_a_second_factor_of_before_the_address_was_confirmed(
    platform: AccountsPlatform, is_confirmed: bool
) -> None:
    user, factors = (await platform.sign_up()).user, platform.accounts.second_factors
    if is_confirmed:
        await verify(platform, await emailed_token(platform, user.email))
    secret = (await platform.transact(lambda db: factors.offer(db, user.id, user.email, NOW))).secret
    code = second_factors_totp.code_at(secret, NOW)
    await platform.transact(lambda db: factors.confirm(db, user.id, code, FixedOrigin(), NOW))
    await request_reset(platform, user.email)
    await reset(platform, await emailed_token(platform, user.email))
    assert (await platform.transact(lambda db: factors.state(db, user.id))).is_enabled == is_confirmed


async def test_reset_clears_the_sign_in_lock(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    for _ in range(6):
        with pytest.raises(Unauthorized):
            await platform.sign_in(email, "wrong")
    with pytest.raises(TooManyRequests):
        await platform.sign_in(email)
    await request_reset(platform, email)
    await reset(platform, await emailed_token(platform, email))
    await platform.sign_in(email, NEW)


async def test_weak_password_does_not_use_the_token(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    await request_reset(platform, email)
    token = await emailed_token(platform, email)
    with pytest.raises(Invalid) as error:
        await reset(platform, token, "password123")
    assert error.value.param == "new_password"
    await reset(platform, token)
    with pytest.raises(Invalid):
        await reset(platform, token)


async def test_one_of_many_concurrent_resets_succeeds(platform: AccountsPlatform) -> None:
    for _ in range(5):
        email = (await platform.sign_up()).user.email
        await request_reset(platform, email)
        token = await emailed_token(platform, email)
        passwords = [f"{NEW} {number}" for number in range(5)]
        results = await asyncio.gather(*(reset(platform, token, each) for each in passwords), return_exceptions=True)
        assert results.count(None) == 1
        assert sum(isinstance(result, Invalid) for result in results) == 4
        await platform.sign_in(email, passwords[results.index(None)])


async def test_reset_link_expires_and_older_ones_are_invalid(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    await request_reset(platform, email)
    old = await emailed_token(platform, email)
    await request_reset(platform, email)
    new = await emailed_token(platform, email)
    with pytest.raises(Invalid):
        await reset(platform, old)
    with pytest.raises(Invalid):
        await reset(platform, new, after_s=3600)
    await reset(platform, new, after_s=3599)


async def test_concurrent_verification_requests_leave_one_valid_token(platform: AccountsPlatform) -> None:
    user = (await platform.sign_up()).user
    await platform.send_emails()
    verified_again = (
        platform.transact(lambda db: platform.accounts.email_links.send_verification(db, user.id, NOW))
        for _ in range(4)
    )
    await asyncio.gather(*verified_again)
    tokens = [link_token(message) for message in await platform.send_emails()]
    results = []
    for token in tokens:
        try:
            await verify(platform, token)
            results.append(True)
        except Invalid:
            results.append(False)
    assert len(tokens) == 4 and results.count(True) == 1


async def test_verification_token_cannot_reset_a_password(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    token = await emailed_token(platform, email)
    with pytest.raises(Invalid):
        await reset(platform, token)
    await platform.sign_in(email, PASSWORD)


async def test_reset_request_is_the_same_for_unknown_addresses_and_sends_nothing(platform: AccountsPlatform) -> None:
    known = (await platform.sign_up()).user.email
    await platform.send_emails()
    for email in (known, new_address()):
        await request_reset(platform, email)
    async with platform.pool.transaction() as db:
        rows = await db.fetch("SELECT length(payload) AS size FROM pgqueuer WHERE entrypoint = $1", PASSWORD_RESET_JOB)
        stored_emails = await db.fetchval(
            "SELECT count(*) FROM pgqueuer WHERE position($1::bytea IN payload) > 0", known.encode()
        )
    assert len({row["size"] for row in rows}) == 1 and len(rows) == 2
    assert stored_emails == 0  # sealed
    assert [message["To"] for message in await platform.send_emails()] == [known]


async def test_inactive_user_gets_no_email(platform: AccountsPlatform) -> None:
    user = (await platform.sign_up()).user
    await platform.send_emails()
    async with platform.pool.transaction() as db:
        await db.execute("UPDATE users SET is_active = false WHERE id = $1", user.id)
    await request_reset(platform, user.email)
    assert await platform.send_emails() == []
