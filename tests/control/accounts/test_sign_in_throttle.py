"""Waits after wrong passwords: at one network, at a known device, and of guesses that are spread."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest

from control.accounts.rules import AccountPolicy, LockPolicy, network_of
from control.accounts.sign_ins.service import LIFETIME_S, RENEW_S, DeviceTokens
from shared.errors import TooManyRequests, Unauthorized
from shared.secrets import Sealer
from tests.control.accounts.accounts_platform import (
    NOW,
    PASSWORD,
    AccountsPlatform,
    hashing_waits,
    new_address,
    open_accounts,
    until_a_password_waits,
)

ELSEWHERE: Final = "198.51.100.7"
POLICY: Final = LockPolicy(address_failures=12, network_failures=20)


@pytest.fixture
async def bounded(database_url: str) -> AsyncIterator[AccountsPlatform]:
    """With low limits of spread guesses."""
    async with open_accounts(database_url, AccountPolicy(lock=POLICY)) as platform:
        yield platform


async def fail(platform: AccountsPlatform, email: str, address: str, device: str | None = None) -> str:
    """One wrong sign-in; returns the error's code."""
    with pytest.raises((Unauthorized, TooManyRequests)) as error:
        await platform.sign_in(email, "not the password", address=address, device=device)
    return error.value.code


async def guess_from_many_networks(platform: AccountsPlatform, email: str, times: int) -> list[str]:
    return [await fail(platform, email, f"203.0.{number}.9") for number in range(times)]


async def test_guesses_from_elsewhere_do_not_make_the_owner_wait(platform: AccountsPlatform) -> None:
    email = (await platform.sign_up()).user.email
    codes = [await fail(platform, email, ELSEWHERE) for _ in range(12)]
    assert codes == ["invalid_credentials"] * 6 + ["sign_in_locked"] * 6
    assert await fail(platform, email, "198.51.100.200") == "sign_in_locked"  # the same network
    await platform.sign_in(email)
    with pytest.raises(TooManyRequests):
        await platform.sign_in(email, address=ELSEWHERE)


async def test_a_known_device_does_not_wait_for_its_neighbors(platform: AccountsPlatform) -> None:
    known = await platform.sign_up()
    email = known.user.email
    for _ in range(6):
        await fail(platform, email, "192.0.2.66")
    with pytest.raises(TooManyRequests):
        await platform.sign_in(email)
    await platform.sign_in(email, device=known.device_token)
    for _ in range(6):
        await fail(platform, email, "192.0.2.7", device=known.device_token)
    with pytest.raises(TooManyRequests):
        await platform.sign_in(email, device=known.device_token)


async def test_a_device_of_another_account_is_not_known(platform: AccountsPlatform) -> None:
    ada, eve = await platform.sign_up(), await platform.sign_up()
    for _ in range(6):
        await fail(platform, ada.user.email, "192.0.2.66", device=eve.device_token)
    with pytest.raises(TooManyRequests):
        await platform.sign_in(ada.user.email, device=eve.device_token)


@pytest.mark.parametrize("is_known", [True, False])
async def test_guesses_over_many_networks_are_bounded_for_any_address(
    bounded: AccountsPlatform, is_known: bool
) -> None:
    email = (await bounded.sign_up()).user.email if is_known else new_address()
    codes = await guess_from_many_networks(bounded, email, 14)
    assert codes == ["invalid_credentials"] * 12 + ["sign_in_locked"] * 2


async def test_spread_guesses_spare_known_devices_and_end_with_the_hour(bounded: AccountsPlatform) -> None:
    known = await bounded.sign_up()
    email = known.user.email
    await guess_from_many_networks(bounded, email, 13)
    with pytest.raises(TooManyRequests) as error:
        await bounded.sign_in(email)
    assert error.value.retry_after_s == POLICY.window_s
    await bounded.sign_in(email, device=known.device_token)
    await bounded.sign_in(email, now=NOW + timedelta(seconds=POLICY.window_s))


async def test_one_network_cannot_try_many_addresses(bounded: AccountsPlatform) -> None:
    network = "198.18.5.1"
    codes = [await fail(bounded, new_address(), network) for _ in range(22)]
    assert codes == ["invalid_credentials"] * 20 + ["sign_in_locked"] * 2
    known = await bounded.sign_up()
    await bounded.sign_in(known.user.email)
    await bounded.sign_in(known.user.email, address=network, device=known.device_token)


async def test_a_right_password_among_concurrent_guesses_is_not_told(platform: AccountsPlatform) -> None:
    """Whatever else the sign-in lacks, such as a code."""
    email, throttle = (await platform.sign_up()).user.email, platform.accounts._throttle
    attempt = throttle.attempt("user", email, ELSEWHERE, None, NOW)
    known = await platform.passwords.hash(PASSWORD)
    async with hashing_waits(platform.passwords):
        guess = asyncio.create_task(
            platform.transact(lambda db: throttle.check_password(db, attempt, known, PASSWORD, NOW))
        )
        await until_a_password_waits(platform.passwords)
        for _ in range(6):
            await platform.transact(lambda db: throttle.count_failure(db, attempt, NOW))
    with pytest.raises(TooManyRequests):
        await guess


async def test_a_reset_by_mail_frees_passwords_but_no_codes(platform: AccountsPlatform) -> None:
    email, throttle = (await platform.sign_up()).user.email, platform.accounts._throttle
    attempt = throttle.attempt("user", email, ELSEWHERE, None, NOW)
    for _ in range(6):
        await platform.transact(lambda db: throttle.count_failure(db, attempt, NOW))
        await platform.transact(lambda db: throttle.count_code(db, attempt, NOW))
    await platform.transact(lambda db: throttle.clear_failures(db, "user", email))
    await platform.transact(lambda db: throttle.refuse_locked(db, attempt, NOW))
    with pytest.raises(TooManyRequests):
        await platform.transact(lambda db: throttle.refuse_codes(db, attempt, NOW))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/56"),
        ("2001:db8:1:ff::4", "2001:db8:1::/56"),
        ("2001:db8:1:100::4", "2001:db8:1:100::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("a unix socket", "a unix socket"),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_device_tokens_are_of_one_account_and_one_audience() -> None:
    tokens = DeviceTokens(Sealer([bytes(32)]))
    token = tokens.issue("user", "ada@example.com", NOW)
    assert tokens.read("user", "ada@example.com", token, NOW)
    assert tokens.read("admin", "ada@example.com", token, NOW) is None
    assert tokens.read("user", "eve@example.com", token, NOW) is None
    assert DeviceTokens(Sealer([bytes([1] * 32)])).read("user", "ada@example.com", token, NOW) is None
    rotated = DeviceTokens(Sealer([bytes([1] * 32), bytes(32)]))
    assert rotated.read("user", "ada@example.com", token, NOW)
    for wrong in ("", "!", token[:-1], token[:-2] + "AA", "A" * 75):
        assert tokens.read("user", "ada@example.com", wrong, NOW) is None


def test_device_tokens_are_renewed_and_expire() -> None:
    tokens, email = DeviceTokens(Sealer([bytes(32)])), "ada@example.com"
    token = tokens.issue("user", email, NOW)
    assert tokens.renewed("user", email, token, NOW + timedelta(seconds=RENEW_S)) == token
    assert tokens.renewed("user", email, token, NOW + timedelta(seconds=RENEW_S + 2)) != token
    assert tokens.read("user", email, token, NOW + timedelta(seconds=LIFETIME_S + 2)) is None
