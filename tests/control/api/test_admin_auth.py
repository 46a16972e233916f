"""/admin/auth/…: the staff's sign-in with a second factor."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from control.accounts.second_factors import totp as second_factors_totp
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import Reply, Staff

SETTINGS = "/admin/config/settings"


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Authenticator:
    """An authenticator app. code: of the time step of its set-up; next: of the step before, which is accepted, too."""

    secret: str
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def code(self) -> str:
        return second_factors_totp.code_at(self.secret, self.moment)

    @property
    def next(self) -> str:
        return second_factors_totp.code_at(self.secret, self.moment + timedelta(seconds=second_factors_totp.STEP_S))


async def log_in(api: Api, email: str, totp_code: str | None = None) -> Reply:
    credentials = {"email": email, "password": PASSWORD} | ({"totp_code": totp_code} if totp_code else {})
    return await api.anonymous.post("/admin/auth/login", credentials)


async def with_totp(staff: Staff) -> Authenticator:
    """Sets up and confirms a second factor; its first code is used up."""
    offer = await staff.post("/admin/auth/totp", {"password": PASSWORD})
    assert offer.body["otpauth_uri"].startswith("otpauth://totp/")
    authenticator = Authenticator(offer.body["secret"])
    assert (await staff.post("/admin/auth/totp/confirm", {"code": authenticator.code})).status == 204
    return authenticator


async def test_sign_in_responds_as_specified(api: Api) -> None:
    sam = await api.admin("support")
    reply = await log_in(api, sam.email)
    admin = {"id": sam.id, "email": sam.email, "name": "Sam Staff", "role": "support"}
    assert (reply.status, reply.body["admin"]) == (200, admin)
    me = await api.with_token(reply.body["token"]).get("/admin/auth/me")
    assert (me.status, me.body) == (200, {"admin": admin})


async def test_user_tokens_and_staff_tokens_are_separate(api: Api) -> None:
    ann, sam = await api.sign_up(), await api.admin()
    assert (await log_in(api, ann.email)).code == "invalid_credentials"
    assert (await api.anonymous.post("/auth/login", {"email": sam.email, "password": PASSWORD})).status == 401
    assert (await api.with_token(ann.token).get("/admin/auth/me")).code == "token_invalid"
    assert (await api.with_token(sam.token).get("/auth/me")).code == "token_invalid"
    crossed = await api.anonymous.post("/admin/auth/refresh", {"refresh_token": ann.refresh_token})
    assert crossed.status == 401
    assert (await api.anonymous.post("/auth/refresh", {"refresh_token": ann.refresh_token})).status == 200


async def test_refresh_rotates_tokens_and_log_out_ends_the_session(api: Api) -> None:
    sam = await api.admin()
    reply = await api.anonymous.post("/admin/auth/refresh", {"refresh_token": sam.refresh_token})
    assert reply.status == 200
    assert (await api.with_token(reply.body["token"]).post("/admin/auth/logout")).status == 204
    assert (await sam.get("/admin/auth/me")).code == "session_over"
    again = await api.anonymous.post("/admin/auth/refresh", {"refresh_token": reply.body["refresh_token"]})
    assert again.code == "session_over"


async def test_second_factor_is_set_up_used_and_removed(api: Api) -> None:
    sam = await api.admin()
    authenticator = await with_totp(sam)
    assert (await log_in(api, sam.email)).code == "totp_required"
    assert (await log_in(api, sam.email, authenticator.code)).code == "totp_invalid"
    assert (await log_in(api, sam.email, authenticator.next)).status == 200
    assert (await log_in(api, sam.email, authenticator.next)).code == "totp_invalid"
    assert (await sam.post("/admin/auth/totp", {"password": PASSWORD})).code == "totp_enabled"
    assert (await sam.delete("/admin/auth/totp")).status == 422
    assert (await sam.delete("/admin/auth/totp", {"code": authenticator.next})).code == "totp_invalid"
    await api.owner.execute("UPDATE admins SET totp_last_step = 0 WHERE id = $1::uuid", sam.id)
    assert (await sam.delete("/admin/auth/totp", {"code": authenticator.next})).status == 204
    assert (await log_in(api, sam.email)).status == 200


async def test_required_second_factor_is_set_up_before_sign_in(api: Api) -> None:
    super_admin, sam = await api.admin(), await api.admin("finance")
    demanded = [{"key": "admin_totp_required", "value": True}]
    assert (await super_admin.put(SETTINGS, {"settings": demanded})).status == 200
    assert (await log_in(api, sam.email)).code == "totp_setup_required"
    offer = await api.anonymous.post("/admin/auth/totp/enrol", {"email": sam.email, "password": PASSWORD})
    assert offer.status == 200
    assert (await log_in(api, sam.email, Authenticator(offer.body["secret"]).code)).status == 200
    wrong = await api.anonymous.post("/admin/auth/totp/enrol", {"email": sam.email, "password": "wrong"})
    assert wrong.code == "invalid_credentials"
    await super_admin.put(SETTINGS, {"settings": [{"key": "admin_totp_required", "value": False}]})


async def test_second_factor_changes_are_audited_without_secrets(api: Api) -> None:
    sam = await api.admin()
    authenticator = await with_totp(sam)
    logs = await sam.get("/admin/logs/activity", params={"admin_id": sam.id})
    assert [entry["action"] for entry in logs.body["logs"]] == ["admin.totp_enable", "admin.sign_in"]
    assert authenticator.secret.encode() not in logs.raw


async def test_recovery_codes_sign_in_and_are_renewed(api: Api) -> None:
    sam = await api.admin()
    offer = await sam.post("/admin/auth/totp", {"password": PASSWORD})
    codes = offer.body["recovery_codes"]
    assert len(codes) == 10
    authenticator = Authenticator(offer.body["secret"])
    assert (await sam.post("/admin/auth/totp/confirm", {"code": authenticator.code})).status == 204
    credentials = {"email": sam.email, "password": PASSWORD}
    signed_in = await api.anonymous.post("/admin/auth/login", credentials | {"recovery_code": codes[0]})
    assert signed_in.status == 200
    again = await api.anonymous.post("/admin/auth/login", credentials | {"recovery_code": codes[0]})
    assert (again.status, again.code) == (401, "recovery_code_invalid")
    sam = Staff(api.anonymous, sam.email, signed_in.body)
    assert (await sam.post("/admin/auth/totp/recovery-codes", {})).param == "code"
    renewed = await sam.post("/admin/auth/totp/recovery-codes", {"code": authenticator.next})
    assert renewed.status == 200 and len(renewed.body["recovery_codes"]) == 10
    old = await sam.delete("/admin/auth/totp", {"recovery_code": codes[1]})
    assert (old.status, old.code) == (401, "recovery_code_invalid")
    assert (await sam.delete("/admin/auth/totp", {"recovery_code": renewed.body["recovery_codes"][0]})).status == 204
    assert (await log_in(api, sam.email)).status == 200


@pytest.mark.parametrize("recovery_code", ["", "123456", "k3vq-7ayo-m2f", "k3vq-7ayo-m2f1", "k3vq-7ayo-m2fd-aaaa"])
async def test_recovery_code_has_its_shape(api: Api, recovery_code: str) -> None:
    body = {"email": "sam@example.com", "password": PASSWORD, "recovery_code": recovery_code}
    reply = await api.anonymous.post("/admin/auth/login", body)
    assert (reply.status, reply.param) == (422, "recovery_code")


@pytest.mark.parametrize("totp_code", ["12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16"])
async def test_code_has_six_digits(api: Api, totp_code: str) -> None:
    reply = await log_in(api, "sam@example.com", totp_code)
    assert (reply.status, reply.param) == (422, "totp_code")
