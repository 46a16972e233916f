"""The staff: sessions apart, a second factor whose codes are taken once."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from control.accounts import totp
from control.accounts.admins import AdminSignedIn
from control.accounts.hiring import NewAdmin
from control.accounts.policy import AccountPolicy
from control.accounts.store_admins import Admin
from control.platform.audit import Actor
from control.platform.model import LogFilter
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Invalid, Problem, TooMany, Unauthorised
from tests.control.accounts.stage import NOW, PASSWORD, Here, Stage, someone

STEP = timedelta(seconds=totp.STEP_S)


@dataclass(frozen=True, slots=True)
class Desk:
    """The staff's side of a stage."""

    on: Stage

    async def hire(self) -> Admin:
        new = NewAdmin(someone(), "Grace Hopper", "support", PASSWORD)
        return await self.on.ask(lambda db: self.on.accounts.admins.create(db, new, NOW))

    async def sign_in(self, email: str, code: str | None = None, now: datetime = NOW) -> AdminSignedIn:
        return await self.on.ask(
            lambda db: self.on.accounts.admins.sign_in(db, email, PASSWORD, code, Here(), now)
        )  # fmt: skip

    async def refusal(self, email: str, code: str | None = None, now: datetime = NOW) -> str:
        with pytest.raises(Problem) as fault:
            await self.sign_in(email, code, now)
        return fault.value.code

    async def begin(self, admin: Admin) -> str:
        offer = await self.on.ask(lambda db: self.on.accounts.admins.begin_totp(db, admin.id, admin.email, NOW))
        assert offer.uri.startswith("otpauth://totp/Vocalized:") and offer.secret in offer.uri
        return offer.secret

    async def confirm(self, admin: Admin, code: str, now: datetime = NOW) -> None:
        await self.on.ask(lambda db: self.on.accounts.admins.confirm_totp(db, admin.id, code, Here(), now))

    async def remove(self, admin: Admin, code: str, now: datetime = NOW) -> None:
        await self.on.ask(lambda db: self.on.accounts.admins.remove_totp(db, admin.id, code, Here(), now))

    async def with_totp(self) -> tuple[Admin, str]:
        """Somebody whose second factor is in force; the code of NOW is used up."""
        admin = await self.hire()
        secret = await self.begin(admin)
        await self.confirm(admin, totp.code(secret, NOW))
        return admin, secret

    async def demand(self, demanded: bool) -> None:
        await self.on.ask(
            lambda db: Platform().change_settings(db, Actor("system"), {"admin_totp_required": demanded})
        )  # fmt: skip

    async def told(self, admin: Admin) -> list[str]:
        async with self.on.pool.transaction() as db:
            await db.execute("SELECT enter_scope('platform', NULL, NULL)")
            entries, _ = await Platform().log(db, LogFilter(), offset=0, limit=200)
        return [entry.action for entry in entries if entry.resource_id == str(admin.id)][::-1]


@pytest.fixture
def desk(on: Stage) -> Desk:
    return Desk(on)


async def test_an_admin_signs_in_apart_from_users(desk: Desk) -> None:
    admin = await desk.hire()
    tokens = (await desk.sign_in(admin.email)).tokens
    with pytest.raises(Unauthorised):
        desk.on.tokens.read(tokens.token, "user", NOW)
    session = desk.on.tokens.read(tokens.token, "admin", NOW)
    async with desk.on.pool.transaction() as db:
        row = await db.fetchrow("SELECT * FROM authorise_admin($1)", session)
        assert row["admin_id"] == admin.id and row["role"] == "support"
        assert await db.fetchrow("SELECT * FROM authorise_user($1, NULL)", session) is None
    with pytest.raises(Unauthorised):
        await desk.on.sign_in(admin.email)
    with pytest.raises(Unauthorised):
        await desk.on.ask(lambda db: desk.on.accounts.refresh(db, tokens.refresh_token, Here(), NOW))
    assert await desk.told(admin) == ["admin.create", "admin.sign_in"]


async def test_a_sign_out_holds_at_once_and_sessions_are_short(desk: Desk) -> None:
    admin = await desk.hire()
    tokens = (await desk.sign_in(admin.email)).tokens
    idle = NOW + timedelta(seconds=AccountPolicy().admin.idle_s)
    with pytest.raises(Unauthorised):
        await desk.on.ask(lambda db: desk.on.accounts.admins.refresh(db, tokens.refresh_token, Here(), idle))
    session = desk.on.tokens.read(tokens.token, "admin", NOW)
    await desk.on.ask(lambda db: desk.on.accounts.admins.sign_out(db, session, NOW))
    async with desk.on.pool.transaction() as db:
        assert await db.fetchrow("SELECT * FROM authorise_admin($1)", session) is None
    with pytest.raises(Unauthorised):
        await desk.on.ask(lambda db: desk.on.accounts.admins.refresh(db, tokens.refresh_token, Here(), NOW))


async def test_nobody_is_hired_twice_or_with_a_weak_password(desk: Desk) -> None:
    admin = await desk.hire()
    with pytest.raises(Conflict):
        await desk.on.ask(
            lambda db: desk.on.accounts.admins.create(db, NewAdmin(admin.email, "G", "support", PASSWORD), NOW)
        )
    with pytest.raises(Invalid):
        await desk.on.ask(
            lambda db: desk.on.accounts.admins.create(db, NewAdmin(someone(), "G", "support", "welcome123"), NOW)
        )


async def test_a_pending_secret_asks_for_nothing(desk: Desk) -> None:
    admin = await desk.hire()
    await desk.begin(admin)
    await desk.sign_in(admin.email)


async def test_a_second_factor_in_force_is_demanded_and_each_code_taken_once(desk: Desk) -> None:
    admin, secret = await desk.with_totp()
    assert await desk.refusal(admin.email) == "totp_required"
    assert await desk.refusal(admin.email, totp.code(secret, NOW)) == "totp_invalid"  # confirmed with it
    later = NOW + STEP
    await desk.sign_in(admin.email, totp.code(secret, later), later)
    assert await desk.refusal(admin.email, totp.code(secret, later), later) == "totp_invalid"
    assert await desk.refusal(admin.email, totp.code(secret, NOW), later) == "totp_invalid"  # older than the last
    with pytest.raises(Conflict):
        await desk.begin(admin)


async def test_of_many_uses_of_one_code_at_once_one_wins(desk: Desk) -> None:
    admin, secret = await desk.with_totp()
    later = NOW + STEP
    tries = (desk.sign_in(admin.email, totp.code(secret, later), later) for _ in range(6))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, AdminSignedIn) for result in results) == 1
    assert all(isinstance(result, (AdminSignedIn, Unauthorised, TooMany)) for result in results)


async def test_clocks_may_differ_by_one_step(desk: Desk) -> None:
    admin, secret = await desk.with_totp()
    moment = NOW + 10 * STEP
    assert await desk.refusal(admin.email, totp.code(secret, moment - 2 * STEP), moment) == "totp_invalid"
    assert await desk.refusal(admin.email, totp.code(secret, moment + 2 * STEP), moment) == "totp_invalid"
    await desk.sign_in(admin.email, totp.code(secret, moment - STEP), moment)
    await desk.sign_in(admin.email, totp.code(secret, moment + STEP), moment)


async def test_wrong_codes_count_as_wrong_passwords_do(desk: Desk) -> None:
    admin, secret = await desk.with_totp()
    later = NOW + STEP
    wrong = f"{(int(totp.code(secret, later)) + 1) % 10**6:06d}"
    for _ in range(6):
        await desk.refusal(admin.email, wrong, NOW + 20 * STEP)
    assert await desk.refusal(admin.email, totp.code(secret, NOW + 20 * STEP), NOW + 20 * STEP) == "sign_in_locked"
    for code in (totp.code(secret, NOW + 20 * STEP), wrong):  # neither is looked at
        with pytest.raises(TooMany):
            await desk.remove(admin, code, NOW + 20 * STEP)


async def test_removal_needs_a_code(desk: Desk) -> None:
    admin, secret = await desk.with_totp()
    with pytest.raises(Unauthorised):
        await desk.remove(admin, "000000" if totp.code(secret, NOW + STEP) != "000000" else "111111", NOW + STEP)
    await desk.remove(admin, totp.code(secret, NOW + STEP), NOW + STEP)
    await desk.sign_in(admin.email)
    with pytest.raises(Conflict):
        await desk.remove(admin, totp.code(secret, NOW + 2 * STEP), NOW + 2 * STEP)
    assert await desk.told(admin) == ["admin.create", "admin.totp_enable", "admin.totp_remove", "admin.sign_in"]


async def test_the_platform_may_demand_a_second_factor(desk: Desk) -> None:
    admin, (careful, secret) = await desk.hire(), await desk.with_totp()
    await desk.demand(True)
    try:
        assert await desk.refusal(admin.email) == "totp_setup_required"
        admins = desk.on.accounts.admins
        with pytest.raises(Unauthorised):
            await desk.on.ask(lambda db: admins.enrol_totp(db, admin.email, "wrong", NOW))
        offer = await desk.on.ask(lambda db: admins.enrol_totp(db, admin.email, PASSWORD, NOW))
        assert await desk.refusal(admin.email) == "totp_setup_required"
        await desk.sign_in(admin.email, totp.code(offer.secret, NOW))
        assert await desk.refusal(admin.email) == "totp_required"
        with pytest.raises(Conflict):
            await desk.on.ask(lambda db: admins.enrol_totp(db, admin.email, PASSWORD, NOW))
        with pytest.raises(Forbidden):
            await desk.remove(careful, totp.code(secret, NOW + STEP), NOW + STEP)
    finally:
        await desk.demand(False)


async def test_secrets_are_sealed_in_the_database(desk: Desk) -> None:
    admin, secret = await desk.with_totp()
    async with desk.on.pool.transaction() as db:
        kept = await db.fetchval("SELECT totp_secret FROM admins WHERE id = $1", admin.id)
    assert secret.encode() not in kept
    assert desk.on.sealer.open(kept, "totp").decode() == secret


async def test_confirming_needs_a_beginning(desk: Desk) -> None:
    admin = await desk.hire()
    with pytest.raises(Conflict) as fault:
        await desk.confirm(admin, "123456")
    assert fault.value.code == "totp_not_begun"
