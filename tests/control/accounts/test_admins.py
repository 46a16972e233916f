"""Accounts of the staff: separate sessions, and a second factor with single-use codes."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from control.accounts.rules import AccountPolicy, Admin, PresentedCredentials
from control.accounts.second_factors import totp as second_factors_totp
from control.accounts.second_factors.service import RecoveryCodes, TotpOffer
from control.accounts.staff import queries as staff_queries
from control.accounts.staff.service import AdminSignInResult, NewAdmin, create_admin
from control.audit.rules import AuditFilter
from control.audit.service import Actor, list_entries
from control.db.keyset import PageRequest
from control.db.pool import Connection
from control.db.scope import enter_platform
from control.platform.service import Platform
from shared.errors import Conflict, Forbidden, Invalid, Problem, TooManyRequests, Unauthorized
from shared.secrets import Sealer
from tests.control.accounts.accounts_platform import (
    NOW,
    PASSWORD,
    AccountsPlatform,
    FixedOrigin,
    hashing_waits,
    new_address,
    until_a_password_waits,
)

T = TypeVar("T")
STEP = timedelta(seconds=second_factors_totp.STEP_S)


@dataclass(frozen=True, slots=True)
class StaffAccounts:
    """The staff's accounts of a platform."""

    platform: AccountsPlatform

    async def create_admin(self) -> Admin:
        return await self.create(NewAdmin(new_address(), "Grace Hopper", "support", PASSWORD))

    async def create(self, new: NewAdmin) -> Admin:
        """As the command line does, which connects as the owner."""

        async def create(db: Connection) -> Admin:
            await db.execute("SET LOCAL ROLE owner")
            return await create_admin(db, self.platform.passwords, new, NOW)

        return await self.platform.transact(create)

    async def transact(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """In platform scope, as the staff's routes do."""

        async def run(db: Connection) -> T:
            await enter_platform(db)
            return await work(db)

        return await self.platform.transact(run)

    async def sign_in(self, email: str, code: str | None = None, now: datetime = NOW) -> AdminSignInResult:
        return await self.platform.transact(
            lambda db: self.platform.accounts.admins.sign_in(
                db, PresentedCredentials(email, PASSWORD, code), FixedOrigin(), now
            )
        )  # fmt: skip

    async def refusal(self, email: str, code: str | None = None, now: datetime = NOW) -> str:
        with pytest.raises(Problem) as error:
            await self.sign_in(email, code, now)
        return error.value.code

    async def begin_totp(self, admin: Admin) -> str:
        offer = await self.offer(admin)
        assert offer.uri.startswith("otpauth://totp/Vocalized:") and offer.secret in offer.uri
        return offer.secret

    async def confirm_totp(self, admin: Admin, code: str, now: datetime = NOW) -> None:
        await self.transact(
            lambda db: self.platform.accounts.admins.second_factors.confirm(db, admin.id, code, FixedOrigin(), now)
        )

    async def remove_totp(self, admin: Admin, code: str, now: datetime = NOW) -> None:
        await self.transact(
            lambda db: self.platform.accounts.admins.remove_totp(db, admin.id, code, FixedOrigin(), now)
        )

    async def create_admin_with_totp(self) -> tuple[Admin, str]:
        """An admin with TOTP enabled; the code of NOW is used."""
        admin = await self.create_admin()
        secret = await self.begin_totp(admin)
        await self.confirm_totp(admin, second_factors_totp.code_at(secret, NOW))
        return admin, secret

    async def create_admin_with_codes(self) -> tuple[Admin, str, Sequence[str]]:
        """An admin with TOTP enabled, the secret, and the recovery codes."""
        admin = await self.create_admin()
        offer = await self.offer(admin)
        await self.confirm_totp(admin, second_factors_totp.code_at(offer.secret, NOW))
        return admin, offer.secret, offer.recovery_codes

    async def offer(self, admin: Admin) -> TotpOffer:
        return await self.transact(
            lambda db: self.platform.accounts.admins.second_factors.offer(db, admin.id, admin.email, NOW)
        )

    async def replace_codes(self, admin: Admin, code: str, now: datetime = NOW) -> Sequence[str]:
        return await self.transact(
            lambda db: self.platform.accounts.admins.second_factors.replace_codes(
                db, admin.id, code, FixedOrigin(), now
            )
        )

    async def require_totp(self, required: bool) -> None:
        await self.transact(
            lambda db: Platform().change_settings(db, Actor("system"), {"admin_totp_required": required})
        )  # fmt: skip

    async def audit_actions(self, admin: Admin) -> list[str]:
        async with self.platform.pool.transaction() as db:
            await enter_platform(db)
            entries = (await list_entries(db, AuditFilter(), PageRequest(200))).rows
        return [entry.action for entry in entries if entry.resource_id == str(admin.id)][::-1]


@pytest.fixture
def staff(platform: AccountsPlatform) -> StaffAccounts:
    return StaffAccounts(platform)


async def test_admin_sessions_are_separate_from_user_sessions(staff: StaffAccounts) -> None:
    admin = await staff.create_admin()
    tokens = (await staff.sign_in(admin.email)).tokens
    with pytest.raises(Unauthorized):
        staff.platform.tokens.read(tokens.token, "user", NOW)
    session = staff.platform.tokens.read(tokens.token, "admin", NOW)
    async with staff.platform.pool.transaction() as db:
        row = await db.fetchrow("SELECT * FROM authorise_admin($1)", session)
        assert row["admin_id"] == admin.id and row["role"] == "support"
        assert await db.fetchrow("SELECT * FROM authorise_user($1, NULL)", session) is None
    with pytest.raises(Unauthorized):
        await staff.platform.sign_in(admin.email)
    with pytest.raises(Unauthorized):
        await staff.platform.transact(
            lambda db: staff.platform.accounts.refresh(db, tokens.refresh_token, FixedOrigin(), NOW)
        )
    assert await staff.audit_actions(admin) == ["admin.create", "admin.sign_in"]


async def test_a_sign_in_with_the_password_before_a_reset_starts_no_session(staff: StaffAccounts) -> None:
    admin, passwords = await staff.create_admin(), staff.platform.passwords
    new = await passwords.hash("another password of hers")
    async with hashing_waits(passwords):
        late = asyncio.create_task(staff.refusal(admin.email))
        await until_a_password_waits(passwords)
        await staff.transact(lambda db: staff_queries.set_password(db, admin.id, new, NOW))
    assert await late == "session_over"


async def test_sign_out_takes_effect_at_once_and_idle_sessions_expire(staff: StaffAccounts) -> None:
    admin = await staff.create_admin()
    tokens = (await staff.sign_in(admin.email)).tokens
    idle = NOW + timedelta(seconds=AccountPolicy().admin.idle_s)
    with pytest.raises(Unauthorized):
        await staff.platform.transact(
            lambda db: staff.platform.accounts.admins.refresh(db, tokens.refresh_token, FixedOrigin(), idle)
        )
    session = staff.platform.tokens.read(tokens.token, "admin", NOW)
    await staff.transact(lambda db: staff.platform.accounts.admins.sign_out(db, session, NOW))
    async with staff.platform.pool.transaction() as db:
        assert await db.fetchrow("SELECT * FROM authorise_admin($1)", session) is None
    with pytest.raises(Unauthorized):
        await staff.platform.transact(
            lambda db: staff.platform.accounts.admins.refresh(db, tokens.refresh_token, FixedOrigin(), NOW)
        )


async def test_duplicate_address_and_weak_password_are_refused(staff: StaffAccounts) -> None:
    admin = await staff.create_admin()
    with pytest.raises(Conflict):
        await staff.create(NewAdmin(admin.email, "G", "support", PASSWORD))
    with pytest.raises(Invalid):
        await staff.create(NewAdmin(new_address(), "G", "support", "welcome123"))


async def test_unconfirmed_secret_is_not_required_at_sign_in(staff: StaffAccounts) -> None:
    admin = await staff.create_admin()
    await staff.begin_totp(admin)
    await staff.sign_in(admin.email)


async def test_enabled_totp_is_required_and_each_code_works_once(staff: StaffAccounts) -> None:
    admin, secret = await staff.create_admin_with_totp()
    assert await staff.refusal(admin.email) == "totp_required"
    assert (
        await staff.refusal(admin.email, second_factors_totp.code_at(secret, NOW)) == "totp_invalid"
    )  # used to confirm
    later = NOW + STEP
    await staff.sign_in(admin.email, second_factors_totp.code_at(secret, later), later)
    assert await staff.refusal(admin.email, second_factors_totp.code_at(secret, later), later) == "totp_invalid"
    assert (
        await staff.refusal(admin.email, second_factors_totp.code_at(secret, NOW), later) == "totp_invalid"
    )  # older than the last
    with pytest.raises(Conflict):
        await staff.begin_totp(admin)


async def test_one_of_many_concurrent_uses_of_a_code_succeeds(staff: StaffAccounts) -> None:
    admin, secret = await staff.create_admin_with_totp()
    later = NOW + STEP
    attempts = (staff.sign_in(admin.email, second_factors_totp.code_at(secret, later), later) for _ in range(6))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, AdminSignInResult) for result in results) == 1
    assert all(isinstance(result, (AdminSignInResult, Unauthorized, TooManyRequests)) for result in results)


async def test_code_of_an_adjacent_step_is_accepted(staff: StaffAccounts) -> None:
    admin, secret = await staff.create_admin_with_totp()
    moment = NOW + 10 * STEP
    assert (
        await staff.refusal(admin.email, second_factors_totp.code_at(secret, moment - 2 * STEP), moment)
        == "totp_invalid"
    )
    assert (
        await staff.refusal(admin.email, second_factors_totp.code_at(secret, moment + 2 * STEP), moment)
        == "totp_invalid"
    )
    await staff.sign_in(admin.email, second_factors_totp.code_at(secret, moment - STEP), moment)
    await staff.sign_in(admin.email, second_factors_totp.code_at(secret, moment + STEP), moment)


async def test_wrong_codes_lock_like_wrong_passwords(staff: StaffAccounts) -> None:
    admin, secret = await staff.create_admin_with_totp()
    later = NOW + STEP
    wrong_code = f"{(int(second_factors_totp.code_at(secret, later)) + 1) % 10**6:06d}"
    for _ in range(6):
        await staff.refusal(admin.email, wrong_code, NOW + 20 * STEP)
    assert (
        await staff.refusal(admin.email, second_factors_totp.code_at(secret, NOW + 20 * STEP), NOW + 20 * STEP)
        == "sign_in_locked"
    )
    for code in (second_factors_totp.code_at(secret, NOW + 20 * STEP), wrong_code):  # neither is checked
        with pytest.raises(TooManyRequests):
            await staff.remove_totp(admin, code, NOW + 20 * STEP)


async def test_removing_totp_requires_a_code(staff: StaffAccounts) -> None:
    admin, secret = await staff.create_admin_with_totp()
    with pytest.raises(Unauthorized):
        await staff.remove_totp(
            admin, "000000" if second_factors_totp.code_at(secret, NOW + STEP) != "000000" else "111111", NOW + STEP
        )
    await staff.remove_totp(admin, second_factors_totp.code_at(secret, NOW + STEP), NOW + STEP)
    await staff.sign_in(admin.email)
    with pytest.raises(Conflict):
        await staff.remove_totp(admin, second_factors_totp.code_at(secret, NOW + 2 * STEP), NOW + 2 * STEP)
    assert await staff.audit_actions(admin) == [
        "admin.create",
        "admin.totp_enable",
        "admin.totp_remove",
        "admin.sign_in",
    ]


async def test_platform_setting_requires_totp(staff: StaffAccounts) -> None:
    admin, (with_totp, secret) = await staff.create_admin(), await staff.create_admin_with_totp()
    await staff.require_totp(True)
    try:
        assert await staff.refusal(admin.email) == "totp_setup_required"
        admins = staff.platform.accounts.admins
        with pytest.raises(Unauthorized):
            await staff.platform.transact(
                lambda db: admins.enrol_totp(db, PresentedCredentials(admin.email, "wrong"), FixedOrigin(), NOW)
            )
        offer = await staff.platform.transact(
            lambda db: admins.enrol_totp(db, PresentedCredentials(admin.email, PASSWORD), FixedOrigin(), NOW)
        )
        assert await staff.refusal(admin.email) == "totp_setup_required"
        await staff.sign_in(admin.email, second_factors_totp.code_at(offer.secret, NOW))
        assert await staff.refusal(admin.email) == "totp_required"
        with pytest.raises(Conflict):
            await staff.platform.transact(
                lambda db: admins.enrol_totp(db, PresentedCredentials(admin.email, PASSWORD), FixedOrigin(), NOW)
            )
        with pytest.raises(Forbidden):
            await staff.remove_totp(with_totp, second_factors_totp.code_at(secret, NOW + STEP), NOW + STEP)
    finally:
        await staff.require_totp(False)


async def test_totp_secrets_are_sealed_in_the_database(staff: StaffAccounts) -> None:
    admin, secret = await staff.create_admin_with_totp()
    async with staff.platform.pool.transaction() as db:
        await enter_platform(db)
        stored = await db.fetchval("SELECT totp_secret FROM admins WHERE id = $1", admin.id)
    assert secret.encode() not in stored
    assert staff.platform.sealer.open(stored, "totp").decode() == secret


async def test_confirming_without_a_secret_is_refused(staff: StaffAccounts) -> None:
    admin = await staff.create_admin()
    with pytest.raises(Conflict) as error:
        await staff.confirm_totp(admin, "123456")
    assert error.value.code == "totp_not_begun"


async def test_recovery_code_is_accepted_once_in_place_of_an_app_code(staff: StaffAccounts) -> None:
    admin, _, codes = await staff.create_admin_with_codes()
    assert len(set(codes)) == 10 and all(re.fullmatch(r"[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}", code) for code in codes)
    await staff.sign_in(admin.email, codes[3])
    assert await staff.refusal(admin.email, codes[3]) == "recovery_code_invalid"
    await staff.sign_in(admin.email, codes[4].replace("-", "").upper())
    first, second, *uses = await staff.audit_actions(admin)
    assert (first, second) == ("admin.create", "admin.totp_enable")
    # A code's use and its sign-in are entries of one transaction, which may have been made in the same millisecond.
    assert [set(uses[:2]), set(uses[2:])] == [{"admin.recovery_code_use", "admin.sign_in"}] * 2


async def test_one_of_many_concurrent_uses_of_a_recovery_code_succeeds(staff: StaffAccounts) -> None:
    admin, _, codes = await staff.create_admin_with_codes()
    attempts = (staff.sign_in(admin.email, codes[0]) for _ in range(5))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(result, AdminSignInResult) for result in results) == 1


async def test_recovery_codes_are_the_admins_own(staff: StaffAccounts) -> None:
    (admin, _, _), (other, _, codes) = await staff.create_admin_with_codes(), await staff.create_admin_with_codes()
    assert await staff.refusal(admin.email, codes[0]) == "recovery_code_invalid"
    async with staff.platform.pool.transaction() as db:  # nor does a row that was copied in the database help
        await enter_platform(db)
        await db.execute(
            "INSERT INTO admin_recovery_codes SELECT $1, code_hash FROM admin_recovery_codes WHERE admin_id = $2",
            admin.id, other.id,
        )  # fmt: skip
    assert await staff.refusal(admin.email, codes[0]) == "recovery_code_invalid"


async def test_recovery_code_does_not_confirm_a_secret(staff: StaffAccounts) -> None:
    admin = await staff.create_admin()
    codes = (await staff.offer(admin)).recovery_codes
    assert await staff.refusal(admin.email, codes[0]) == "recovery_code_invalid"
    with pytest.raises(Unauthorized):
        await staff.confirm_totp(admin, codes[0])


async def test_wrong_recovery_codes_lock_like_wrong_passwords(staff: StaffAccounts) -> None:
    admin, _, codes = await staff.create_admin_with_codes()
    for _ in range(6):
        assert await staff.refusal(admin.email, "aaaa-bbbb-cccc") == "recovery_code_invalid"
    assert await staff.refusal(admin.email, codes[0]) == "sign_in_locked"
    with pytest.raises(TooManyRequests):
        await staff.replace_codes(admin, codes[0])


async def test_new_recovery_codes_replace_the_old_ones(staff: StaffAccounts) -> None:
    admin, secret, codes = await staff.create_admin_with_codes()
    with pytest.raises(Unauthorized):
        await staff.replace_codes(admin, "aaaa-bbbb-cccc")
    later = NOW + STEP
    renewed = await staff.replace_codes(admin, second_factors_totp.code_at(secret, later), later)
    assert not set(codes) & set(renewed)
    assert await staff.refusal(admin.email, codes[0]) == "recovery_code_invalid"
    await staff.sign_in(admin.email, renewed[0])
    without = await staff.create_admin()
    with pytest.raises(Conflict):
        await staff.replace_codes(without, renewed[1])


async def test_recovery_code_removes_the_second_factor_and_all_codes_go_with_it(staff: StaffAccounts) -> None:
    admin, _, codes = await staff.create_admin_with_codes()
    await staff.remove_totp(admin, codes[0])
    await staff.sign_in(admin.email)
    async with staff.platform.pool.transaction() as db:
        await enter_platform(db)
        assert await db.fetchval("SELECT count(*) FROM admin_recovery_codes WHERE admin_id = $1", admin.id) == 0


async def test_recovery_codes_are_stored_as_hashes_and_outlive_a_new_key(staff: StaffAccounts) -> None:
    admin, _, codes = await staff.create_admin_with_codes()
    old_key, new_key = bytes(range(32)), bytes(32)
    async with staff.platform.pool.transaction() as db:
        await enter_platform(db)
        stored = await db.fetch("SELECT code_hash FROM admin_recovery_codes WHERE admin_id = $1", admin.id)
        assert all(len(row["code_hash"]) == 32 for row in stored) and len(stored) == 10
        assert not await RecoveryCodes("admin", Sealer([new_key])).use(db, admin.id, codes[0], NOW)
        assert await RecoveryCodes("admin", Sealer([new_key, old_key])).use(db, admin.id, codes[0], NOW)
