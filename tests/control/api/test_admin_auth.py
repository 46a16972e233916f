"""/admin/auth/…: the staff's sign-in over HTTP, with a second factor."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from control.accounts import totp
from tests.control.api import PASSWORD, Api, Reply, Staff, running_api

SETTINGS = "/admin/config/settings"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Phone:
    """An authenticator app. Its codes are of the moment that it was set up, for half a minute good whatever step the
    clock goes on to; `next` is of the step behind, which is good as well."""

    secret: str
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def code(self) -> str:
        return totp.code(self.secret, self.moment)

    @property
    def next(self) -> str:
        return totp.code(self.secret, self.moment + timedelta(seconds=totp.STEP_S))


async def log_in(api: Api, email: str, totp_code: str | None = None) -> Reply:
    given = {"email": email, "password": PASSWORD} | ({"totp_code": totp_code} if totp_code else {})
    return await api.nobody.post("/admin/auth/login", given)


async def with_totp(staff: Staff) -> Phone:
    """A second factor that is in force; its first code is used up."""
    offer = await staff.post("/admin/auth/totp")
    assert offer.body["otpauth_uri"].startswith("otpauth://totp/")
    phone = Phone(offer.body["secret"])
    assert (await staff.post("/admin/auth/totp/confirm", {"code": phone.code})).status == 204
    return phone


async def test_a_sign_in_answers_as_the_spec_says(api: Api) -> None:
    sam = await api.admin("support")
    reply = await log_in(api, sam.email)
    admin = {"id": sam.id, "email": sam.email, "name": "Sam Staff", "role": "support"}
    assert (reply.status, reply.body["admin"]) == (200, admin)
    me = await api.as_(reply.body["token"]).get("/admin/auth/me")
    assert (me.status, me.body) == (200, {"admin": admin})


async def test_users_and_staff_are_strangers_to_each_other(api: Api) -> None:
    ann, sam = await api.sign_up(), await api.admin()
    assert (await log_in(api, ann.email)).code == "invalid_credentials"
    assert (await api.nobody.post("/auth/login", {"email": sam.email, "password": PASSWORD})).status == 401
    assert (await api.as_(ann.token).get("/admin/auth/me")).code == "token_invalid"
    assert (await api.as_(sam.token).get("/auth/me")).code == "token_invalid"
    crossed = await api.nobody.post("/admin/auth/refresh", {"refresh_token": ann.refresh_token})
    assert crossed.status == 401
    assert (await api.nobody.post("/auth/refresh", {"refresh_token": ann.refresh_token})).status == 200


async def test_a_refresh_rotates_and_a_log_out_holds(api: Api) -> None:
    sam = await api.admin()
    reply = await api.nobody.post("/admin/auth/refresh", {"refresh_token": sam.refresh_token})
    assert reply.status == 200
    assert (await api.as_(reply.body["token"]).post("/admin/auth/logout")).status == 204
    assert (await sam.get("/admin/auth/me")).code == "session_over"
    again = await api.nobody.post("/admin/auth/refresh", {"refresh_token": reply.body["refresh_token"]})
    assert again.code == "session_over"


async def test_a_second_factor_from_beginning_to_removal(api: Api) -> None:
    sam = await api.admin()
    phone = await with_totp(sam)
    assert (await log_in(api, sam.email)).code == "totp_required"
    assert (await log_in(api, sam.email, phone.code)).code == "totp_invalid"
    assert (await log_in(api, sam.email, phone.next)).status == 200
    assert (await log_in(api, sam.email, phone.next)).code == "totp_invalid"
    assert (await sam.post("/admin/auth/totp")).code == "totp_enabled"
    assert (await sam.delete("/admin/auth/totp")).status == 422
    assert (await sam.delete("/admin/auth/totp", {"code": phone.next})).code == "totp_invalid"
    await api.owner.execute("UPDATE admins SET totp_last_step = 0 WHERE id = $1::uuid", sam.id)
    assert (await sam.delete("/admin/auth/totp", {"code": phone.next})).status == 204
    assert (await log_in(api, sam.email)).status == 200


async def test_who_must_have_a_second_factor_sets_it_up_before_signing_in(api: Api) -> None:
    boss, sam = await api.admin(), await api.admin("finance")
    demanded = [{"key": "admin_totp_required", "value": True}]
    assert (await boss.put(SETTINGS, {"settings": demanded})).status == 200
    assert (await log_in(api, sam.email)).code == "totp_setup_required"
    offer = await api.nobody.post("/admin/auth/totp/enrol", {"email": sam.email, "password": PASSWORD})
    assert offer.status == 200
    assert (await log_in(api, sam.email, Phone(offer.body["secret"]).code)).status == 200
    wrong = await api.nobody.post("/admin/auth/totp/enrol", {"email": sam.email, "password": "wrong"})
    assert wrong.code == "invalid_credentials"
    await boss.put(SETTINGS, {"settings": [{"key": "admin_totp_required", "value": False}]})


async def test_the_staffs_doings_are_in_the_log_without_secrets(api: Api) -> None:
    sam = await api.admin()
    phone = await with_totp(sam)
    logs = await sam.get("/admin/logs/activity", params={"admin_id": sam.id})
    assert [entry["action"] for entry in logs.body["logs"]] == ["admin.totp_enable", "admin.sign_in"]
    assert phone.secret.encode() not in logs.raw


@pytest.mark.parametrize("totp_code", ["12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16"])
async def test_a_code_has_six_digits(api: Api, totp_code: str) -> None:
    reply = await log_in(api, "sam@example.com", totp_code)
    assert (reply.status, reply.param) == (422, "totp_code")
